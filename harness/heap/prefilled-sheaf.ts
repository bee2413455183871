/**
 * PrefilledSheaf: objects that one CPU has for sure (kernel: struct slab_sheaf, as callers see it).
 *
 * The handle is the only way to the sheaf, and knows whether that is still out; so one that was
 * returned, or whose CPU has left, can be used for nothing.
 */
import { unsigned } from "./abi.js";
import { checkUnsigned } from "./arguments.js";
import { MAX_SHEAF_CAPACITY } from "./constants.js";
import { type CpuState, checkAlive, checkTask } from "./cpu-state.js";
import { throwNotInteger } from "./errors.js";
import { GFP_KERNEL } from "./flags.js";

/** What a sheaf asks of the cache that it is of. */
export interface SheafOwner {
  readonly name: string;
  readonly address: number;
  /** Throws for a cache that is gone, and for flags that it does not take. */
  check(call: string, flags: number): void;
  /** Before what may run constructors, and after it came to nothing. */
  forget(): void;
  rethrow(): void;
}

/** @throws TypeError, RangeError for a number of objects that no sheaf has room for */
function checkCount(call: string, count: number): void {
  checkUnsigned(`${call}: count`, count);
  if (count >= 1 && count <= MAX_SHEAF_CAPACITY) return;
  throwNotInteger(`${call}: count`, count, 1, MAX_SHEAF_CAPACITY);
}

/** See `KmemCache.prefillSheaf()`. */
export function prefillSheaf(
  state: CpuState,
  owner: SheafOwner,
  count: number,
): PrefilledSheaf | null {
  const call = "cache.prefillSheaf";
  checkTask(state, call);
  checkCount(call, count);
  if (state.options.percpu !== "sheaf") {
    throw new Error(
      `${call}: expected a heap with sheaves, got one with percpu: "slab"; ` +
        'try createHeap({ percpu: "sheaf" })',
    );
  }
  owner.forget();
  const address = unsigned(state.calls.kmem_cache_prefill_sheaf(owner.address, count));
  if (address !== 0) return new PrefilledSheaf(state, owner, address);
  owner.rethrow();
  return null;
}

/**
 * A number of objects that one CPU has for sure, made by `KmemCache.prefillSheaf()`. It is of that
 * CPU, and its own: nobody else allocates from it. Give it back with `return()`; until then its
 * cache is not destroyed. A CPU that goes offline gives its own back.
 */
export class PrefilledSheaf {
  readonly #state: CpuState;
  readonly #owner: SheafOwner;
  /** 0 once it was returned. */
  #address: number;

  /** Made by `KmemCache.prefillSheaf()`. */
  constructor(state: CpuState, owner: SheafOwner, address: number) {
    this.#state = state;
    this.#owner = owner;
    this.#address = address;
  }

  /**
   * How many objects are left in it. Kernel: kmem_cache_sheaf_size().
   *
   * @throws Error once it was returned, or its CPU went offline
   */
  get size(): number {
    const address = this.#at("sheaf.size");
    return unsigned(this.#state.calls.kmem_cache_sheaf_size(address));
  }

  /**
   * Take an object out of it, which is then as any other of its cache. Never fails as long as there
   * is one; at the limit of a memcg it is charged to nobody.
   *
   * Context: any. Kernel: kmem_cache_alloc_from_sheaf().
   *
   * @param flags GFP_KERNEL, __GFP_ZERO, __GFP_ACCOUNT
   * @returns its address, never 0
   * @throws RangeError if none is left; Error once it was returned; for flags as
   * `KmemCache.alloc()`
   */
  alloc(flags: number = GFP_KERNEL): number {
    const address = this.#at("sheaf.alloc");
    this.#owner.check("sheaf.alloc", flags);
    const { calls } = this.#state;
    const object = unsigned(calls.kmem_cache_alloc_from_sheaf(this.#owner.address, flags, address));
    if (object !== 0) return object;
    throw new RangeError(
      `sheaf.alloc: expected a sheaf of ${this.#owner.name} with objects, got an empty one; ` +
        "ask for more at first, or sheaf.refill(count) before what must not fail",
    );
  }

  /**
   * Make it have `count` objects at least. Context: outside `nmi()`, constructors and handlers.
   * Kernel: kmem_cache_refill_sheaf().
   *
   * @param count 1..2044
   * @returns whether it has; false: out of memory, and what was in it still is
   * @throws as `KmemCache.prefillSheaf()`; Error once it was returned
   */
  refill(count: number): boolean {
    const call = "sheaf.refill";
    const address = this.#at(call);
    checkTask(this.#state, call);
    checkCount(call, count);
    this.#owner.forget();
    const { calls } = this.#state;
    const now = unsigned(calls.kmem_cache_refill_sheaf(this.#owner.address, address, count));
    if (now === 0) {
      this.#owner.rethrow();
      return false;
    }
    this.#address = now;
    return true;
  }

  /**
   * Give it back with what is left in it. Context: outside `nmi()`, constructors and handlers.
   * Kernel: kmem_cache_return_sheaf().
   *
   * @throws Error if it was returned before, or its CPU went offline
   */
  return(): void {
    const call = "sheaf.return";
    const address = this.#at(call);
    checkTask(this.#state, call);
    this.#address = 0;
    this.#state.calls.kmem_cache_return_sheaf(this.#owner.address, address);
  }

  /** @throws Error unless it is out */
  #at(call: string): number {
    // A CPU that is gone says so first: that is the nearer reason.
    checkAlive(this.#state);
    if (this.#address !== 0) return this.#address;
    throw new Error(
      `${call}: expected a sheaf of ${this.#owner.name} that is out, got one that was returned; ` +
        "get another with cache.prefillSheaf()",
    );
  }
}
