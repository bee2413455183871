/**
 * The constructors of one CPU: which function each cache's objects are made by here.
 *
 * A cache lives in the shared memory, its constructor in one thread's JavaScript; each CPU brings
 * its own. The wasm calls `construct()` for each object of a new slab. What a constructor throws
 * cannot cross the wasm, whose locks and intents must unwind in order: it is kept here, the slab
 * is given back, and the call that needed it throws it again when it returns. Until then none
 * runs: a refill of a sheaf that failed would be tried once more, and the throw be lost. Where only
 * objects failed that nobody had asked for yet, the call has what it wanted, and throws nothing.
 */
import { checkDone } from "./synchronous.js";

/** Makes the object at `object` ready for its first use; runs once per object of a new slab. */
export type Ctor = (object: number) => void;

export class Constructors {
  readonly #byCache = new Map<number, Ctor>();
  #thrown: { readonly error: unknown } | null = null;

  /** From now on objects of cache `cacheIndex` are made by `ctor`. */
  register(cacheIndex: number, ctor: Ctor): void {
    this.#byCache.set(cacheIndex, ctor);
  }

  /** The cache is gone; its entry may be used again. */
  unregister(cacheIndex: number): void {
    this.#byCache.delete(cacheIndex);
  }

  /** Run the constructor of a cache. Never throws. @returns 0, or 1 if it threw or is missing */
  construct(cacheIndex: number, object: number): number {
    if (this.#thrown !== null) return 1;
    try {
      checkDone("ctor", this.#find(cacheIndex)(object));
      return 0;
    } catch (error) {
      this.#thrown = { error };
      return 1;
    }
  }

  /** Forget what a constructor threw in a call that nobody asked about it. */
  forget(): void {
    this.#thrown = null;
  }

  /** Throw what a constructor threw since `forget()`; return if none did. */
  rethrow(): void {
    const thrown = this.#thrown;
    if (thrown === null) return;
    this.#thrown = null;
    throw thrown.error;
  }

  #find(cacheIndex: number): Ctor {
    const ctor = this.#byCache.get(cacheIndex);
    if (ctor !== undefined) return ctor;
    throw new Error(
      `expected a constructor for cache ${cacheIndex} on this CPU, got none; ` +
        "open the cache with cpu.kmemCacheOpen(name, { ctor })",
    );
  }
}
