/**
 * The model: what a user of the heap may rely on, and nothing about how it is done.
 *
 * It knows every live range with its stamp, every cache, and which CPUs there are. Law: live
 * ranges are disjoint, aligned, at least as large as asked for, and hold what was written to
 * them until they are freed. Everything the heap hands out or takes back goes through here.
 */
import { type Cpu, type Heap, type KmemCache, ZERO_SIZE_PTR } from "slablab";
import { expect } from "vitest";

export const CPUS = 3;
/** A memory that runs out, and one that has room for whatever nodes and CPUs keep. */
export const MEMORIES = [2 ** 20, 16 * 2 ** 20] as const;
/** In the larger one ordinary calls must succeed while less than this is in use. */
const PLENTY_BYTES = 3 * 2 ** 20;
/** Longer ranges are stamped at both ends only. */
const STAMP_BYTES = 8192;
const CTOR_BYTE = 0xc7;

export interface Live {
  readonly pointer: number;
  /** Bytes that are ours: what ksize() said, or the size of a cache's objects. */
  readonly bytes: number;
  readonly stamp: number;
  /** Name of the cache it is of; null for kmalloc() and its relatives. */
  readonly cache: string | null;
}

export interface ModelCache {
  readonly name: string;
  readonly size: number;
  readonly align: number;
  readonly isConstructed: boolean;
  /** One door per CPU that opened it. */
  readonly doors: Map<number, KmemCache>;
}

/** Where a command runs: a CPU, and how many NMIs deep. */
export interface Where {
  readonly cpu: number;
  readonly depth: number;
}

export class World {
  readonly heap: Heap;
  readonly cpus: Cpu[];
  readonly live: Live[] = [];
  readonly caches = new Map<string, ModelCache>();
  /** What the next constructor that runs is to do: re-entry into the allocator. */
  readonly reentries: (() => void)[] = [];
  /** Whether the next constructor that runs throws. */
  isThrowing = false;
  #constructing = 0;
  #stamp = 0;
  /** Bytes that nolock frees may still hold back. */
  #heldBack = 0;

  constructor(heap: Heap) {
    this.heap = heap;
    this.cpus = Array.from({ length: CPUS }, (_, id) => this.attach(id));
  }

  /** Attach CPU `id`; the last one is as a browser's main thread is: it never waits. */
  attach(id: number): Cpu {
    return this.heap.cpu(id, { mayWait: id !== CPUS - 1, onReport: () => {} });
  }

  cpu({ cpu }: { readonly cpu: number }): Cpu {
    const found = this.cpus[cpu];
    if (found === undefined) throw new Error(`the model has no CPU ${cpu}`);
    return found;
  }

  /** Run `work` as deep in NMIs as `where` says. */
  at<T>(where: Where, work: () => T): T {
    const nest = (depth: number): T =>
      depth === 0 ? work() : this.cpu(where).nmi(() => nest(depth - 1));
    return nest(where.depth);
  }

  /** Whether an ordinary call in a task has no excuse to return 0. */
  hasPlenty(bytes: number, { depth }: Where): boolean {
    if (this.heap.options.maximumBytes < MEMORIES[1]) return false;
    const used = this.live.reduce((sum, { bytes }) => sum + bytes, 0);
    const isTask = depth === 0 && this.#constructing === 0;
    return isTask && used + this.#heldBack + bytes < PLENTY_BYTES;
  }

  // ------------------------------------------------------------------------ live ranges

  /** The heap handed `pointer` out. @param atLeast bytes that were asked for */
  add(pointer: number, atLeast: number, where: Where, cache: string | null = null): void {
    if (pointer === ZERO_SIZE_PTR) {
      expect(atLeast).toBe(0);
      return;
    }
    const known = cache === null ? null : this.#cache(cache);
    const bytes = known?.size ?? this.cpu(where).ksize(pointer);
    expect(bytes, `usable bytes for ${atLeast}`).toBeGreaterThanOrEqual(atLeast);
    const align = known === null ? bytes & -bytes : Math.max(8, known.align);
    expect(pointer % Math.min(align, 4 * 2 ** 20), `alignment of ${pointer}`).toBe(0);
    const clash = this.live.find(
      (other) => pointer < other.pointer + other.bytes && other.pointer < pointer + bytes,
    );
    expect(clash, `the range at ${pointer} overlaps a live one`).toBeUndefined();
    if (known?.isConstructed) this.#expectBytes(pointer, bytes, CTOR_BYTE, "constructed");
    this.#stamp = (this.#stamp + 1) % 251;
    const range = { pointer, bytes, stamp: this.#stamp, cache };
    this.#write(range, range.stamp);
    this.live.push(range);
  }

  /** Take a live range out of the model, to free it: the `pick`th, counted round and round. */
  remove(pick: number, accepts: (range: Live) => boolean = () => true): Live | undefined {
    const choices = this.live.filter(accepts);
    const range = choices[pick % Math.max(1, choices.length)];
    if (range === undefined) return undefined;
    this.live.splice(this.live.indexOf(range), 1);
    this.check(range);
    if (range.cache !== null && this.#cache(range.cache).isConstructed) {
      this.#write(range, CTOR_BYTE);
    }
    return range;
  }

  /** Say that `range` was freed by a call that may hold it back. */
  holdBack(range: Live): void {
    this.#heldBack += range.bytes;
  }

  /** Everything that was held back is free now. */
  nothingHeldBack(): void {
    this.#heldBack = 0;
  }

  /** The range still holds its stamp. */
  check(range: Live): void {
    this.#expectBytes(range.pointer, range.bytes, range.stamp, "stamped");
  }

  checkAll(): void {
    for (const range of this.live) this.check(range);
  }

  /** The first `bytes` at `pointer` are zero. */
  expectZero(pointer: number, bytes: number): void {
    if (pointer !== ZERO_SIZE_PTR) this.#expectBytes(pointer, bytes, 0, "zeroed");
  }

  #ends({ pointer, bytes }: Pick<Live, "pointer" | "bytes">): Uint8Array[] {
    const { buffer } = this.heap.handle.memory;
    if (bytes <= STAMP_BYTES) return [new Uint8Array(buffer, pointer, bytes)];
    const half = STAMP_BYTES / 2;
    const starts = [pointer, pointer + bytes - half];
    return starts.map((start) => new Uint8Array(buffer, start, half));
  }

  #write(range: Live, byte: number): void {
    for (const view of this.#ends(range)) view.fill(byte);
  }

  #expectBytes(pointer: number, bytes: number, byte: number, what: string): void {
    for (const view of this.#ends({ pointer, bytes })) {
      const at = view.findIndex((found) => found !== byte);
      if (at < 0) continue;
      const where = `byte ${at} of the ${what} range of ${bytes} bytes at ${pointer}`;
      expect(view[at], where).toBe(byte);
    }
  }

  // ----------------------------------------------------------------------------- caches

  #cache(name: string): ModelCache {
    const cache = this.caches.get(name);
    if (cache === undefined) throw new Error(`the model has no cache ${name}`);
    return cache;
  }

  /** The `pick`th cache, counted round and round. */
  pickCache(pick: number): ModelCache | undefined {
    return [...this.caches.values()][pick % Math.max(1, this.caches.size)];
  }

  /** The constructor of a cache: fills the object, and does what was planned for it. */
  readonly construct = (size: number) => (object: number) => {
    new Uint8Array(this.heap.handle.memory.buffer, object, size).fill(CTOR_BYTE);
    // A cache whose constructor allocates from it would otherwise construct for ever.
    if (this.#constructing > 1) return;
    this.#constructing++;
    try {
      this.reentries.shift()?.();
    } finally {
      this.#constructing--;
    }
    if (!this.isThrowing) return;
    this.isThrowing = false;
    throw new PlantedError("thrown by a constructor");
  };

  /** This CPU's door to a cache; must be there already in an NMI. */
  door(cache: ModelCache, where: Where): KmemCache {
    const known = cache.doors.get(where.cpu);
    if (known !== undefined) return known;
    const options = cache.isConstructed ? { ctor: this.construct(cache.size) } : {};
    const door = this.cpu(where).kmemCacheOpen(cache.name, options);
    cache.doors.set(where.cpu, door);
    return door;
  }
}

/** What constructors throw on purpose. */
export class PlantedError extends Error {}
