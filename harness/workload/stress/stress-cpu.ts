/**
 * One CPU of a stress: a CPU of the heap that may go and come back, the objects it owns meanwhile,
 * and what it counts.
 *
 * What is found in the middle of a call is kept, and thrown when the operation is over.
 */
import type { Cpu } from "../../heap/cpu.js";
import { SlabError } from "../../heap/slab-error.js";
import { __GFP_ZERO, GFP_KERNEL } from "../../heap/flags.js";
import type { Heap } from "../../heap/heap.js";
import type { KmemCache } from "../../heap/kmem-cache.js";
import type { Memcg } from "../../heap/memcg.js";
import { FindingError, type FindingKind, type FoundFinding } from "../verify/finding.js";
import type { Actor, HeldCache } from "../operations/actor.js";
import { CACHE, CTOR, isOfCache, KIND_BITS, Objects } from "../verify/objects.js";
import type { Xorshift } from "../verify/xorshift.js";
import type { Board, Ring } from "./stress-board.js";
import type { CacheSlots } from "./stress-caches.js";
import { COUNTERS, type CounterName, OPERATIONS, type OperationName } from "./kinds.js";
import type { Published } from "./published.js";

export const GROUP = "stress";

export interface StressCpuOptions {
  readonly heap: Heap;
  readonly index: number;
  readonly cpus: number;
  readonly random: Xorshift;
  readonly shadow: Int32Array<SharedArrayBuffer>;
  readonly board: Board;
  readonly caches: CacheSlots;
  readonly published: Published;
}

/** Where an operation's number stands. */
const NUMBER_OF = Object.fromEntries(OPERATIONS.map((name, index) => [name, index])) as Record<
  OperationName,
  number
>;

export class StressCpu implements Actor {
  readonly heap: Heap;
  readonly index: number;
  readonly random: Xorshift;
  readonly caches: CacheSlots;
  readonly published: Published;
  readonly board: Board;
  readonly objects: Objects;
  /** What takes all memory that is left, and gives it back. */
  readonly hog: Objects;
  /** The heap's; another after each `comeBack()`. */
  cpu: Cpu;
  target = 0;
  readonly mayAskForPages = true;
  /** Operations so far. */
  operations = 0;
  /** Whether the operation in progress is in a plain task, outside read-side sections. */
  isTask = true;
  /** What the exchange counts. */
  readonly tally = { handedOver: 0 };
  readonly #cpus: number;
  readonly #counts: Float64Array;
  readonly #ring: Ring;
  #group: Memcg | null = null;
  #finding: FoundFinding | null = null;
  /** Reports that are due, and no finding. */
  #expected: RegExp | null = null;

  /** Attaches. @throws RangeError if the number is taken */
  constructor(options: StressCpuOptions) {
    const { heap, index, cpus, random, shadow, board, caches, published } = options;
    this.heap = heap;
    this.index = index;
    this.random = random;
    this.caches = caches;
    this.published = published;
    this.board = board;
    this.#cpus = cpus;
    this.#counts = board.countsOf(index);
    this.#ring = board.ringOf(index);
    const { memory } = heap.handle;
    const report = (kind: FindingKind, message: string) => this.report(kind, message);
    const shared = { memory, shadow, cpus: 2 * cpus, report };
    this.objects = new Objects({ ...shared, cpu: index });
    this.hog = new Objects({ ...shared, cpu: cpus + index });
    this.cpu = this.#attach();
  }

  count(name: CounterName, by = 1): void {
    const column = OPERATIONS.length + COUNTERS.indexOf(name);
    this.#counts[column] = (this.#counts[column] ?? 0) + by;
  }

  /** Say what the operation in progress is, and what it is about. */
  note(name: OperationName, address: number, size: number): void {
    const number = NUMBER_OF[name];
    this.#counts[number] = (this.#counts[number] ?? 0) + 1;
    this.#ring.about(number, address, size);
  }

  /** The same before it is known which of several operations it is. */
  recall(name: OperationName, address: number, size: number): void {
    this.#ring.about(NUMBER_OF[name], address, size);
  }

  /** What the call returned. */
  noteResult(value: number): void {
    this.#ring.result(value);
  }

  /** Whether another CPU allocated what has this id. */
  isForeign(id: number): boolean {
    return (id >>> 0) % (2 * this.#cpus) !== this.index;
  }

  noteAllocation(result: number, isNolock: boolean): void {
    this.noteResult(result);
    if (isNolock) this.count("nolockCalls");
    if (result === 0) this.count(isNolock ? "nolockNull" : "ordinaryNull");
  }

  noteGivingUp(index: number, call: OperationName): void {
    const { address, size, id } = this.objects;
    if (this.isForeign(id[index] ?? 0)) this.count("crossFrees");
    this.recall(call, address[index] ?? 0, size[index] ?? 0);
  }

  // ------------------- the calls, by turns the library's and the exports that other modules use

  kmalloc(size: number, gfp: number): number {
    return this.cpu.kmalloc(size, gfp);
  }

  kmallocNolock(size: number, gfp: number): number {
    return this.cpu.kmallocNolock(size, gfp);
  }

  kmallocBulk(size: number, count: number, gfp: number): Uint32Array {
    return this.cpu.kmallocBulk(size, count, gfp);
  }

  krealloc(address: number, size: number): number {
    return this.cpu.krealloc(address, size);
  }

  free(address: number, kind: number, size: number): void {
    const cache = this.#cacheOf(kind);
    if (cache !== null && this.random.below(2) === 0) {
      this.note("cacheFree", address, size);
      cache.free(address);
      return;
    }
    this.note("kfree", address, size);
    if (this.random.below(2) === 0) this.cpu.exports.kfree(address);
    else this.cpu.kfree(address);
  }

  freeNolock(address: number, kind: number, size: number): void {
    this.count("nolockCalls");
    const cache = this.#cacheOf(kind);
    if (cache !== null && this.random.below(2) === 0) {
      this.note("cacheFreeNolock", address, size);
      cache.freeNolock(address);
      return;
    }
    this.note("kfreeNolock", address, size);
    if (this.random.below(2) === 0) this.cpu.exports.kfree_nolock(address);
    else this.cpu.kfreeNolock(address);
  }

  freeBulk(addresses: readonly number[]): void {
    this.cpu.kfreeBulk(addresses);
  }

  poll(): void {
    this.cpu.poll();
  }

  holdCache(count: number): HeldCache | null {
    const pinned = this.caches.pin(this.cpu, this.random, count, this.isTask);
    if (pinned === null) return null;
    const { slot, cache, hasCtor } = pinned;
    return {
      ...{ kind: (slot << KIND_BITS) | (hasCtor ? CTOR : CACHE), size: cache.size },
      gfpMask: hasCtor ? GFP_KERNEL : __GFP_ZERO,
      alloc: (gfp) => cache.alloc(gfp),
      allocNolock: () => cache.allocNolock(),
      allocBulk: (objects, gfp) => cache.allocBulk(objects, gfp),
    };
  }

  letGo(kind: number, count: number): void {
    this.caches.unpin(kind >>> KIND_BITS, count);
  }

  #cacheOf(kind: number): KmemCache | null {
    return isOfCache(kind) ? this.caches.opened(kind >>> KIND_BITS) : null;
  }

  /** Keep what was found; the first is the one that counts. */
  report(kind: FindingKind, message: string): void {
    this.#finding ??= { kind, message, operation: this.operations };
  }

  /** Do what the allocator may report with reason: a text that matches is no finding. */
  withReports<Result>(expected: RegExp, operation: () => Result): Result {
    this.#expected = expected;
    try {
      return operation();
    } finally {
      this.#expected = null;
    }
  }

  /** Run one operation from outside everything. @throws FindingError if it found something */
  run(name: OperationName, contexts: number, operation: () => void): void {
    this.operations++;
    this.#ring.begin(this.operations, NUMBER_OF[name], contexts);
    try {
      operation();
    } catch (error) {
      const kind = error instanceof SlabError ? "refused" : "trap";
      this.report(kind, error instanceof Error ? error.message : String(error));
    }
    if (this.#finding === null && this.cpu.exports.preempt_count() !== 0) {
      const count = this.cpu.exports.preempt_count();
      this.report("context", `expected a plain task after the call, got 0x${count.toString(16)}`);
    }
    this.throwFinding();
    this.#ring.end();
  }

  /** @throws FindingError if anything was found so far */
  throwFinding(): void {
    if (this.#finding !== null) throw new FindingError(this.#finding);
  }

  /** Be charged to the group that CPU 0 made. */
  joinGroup(): void {
    this.#group = this.cpu.memcgOpen(GROUP);
    this.cpu.memcg = this.#group;
  }

  /** Charge the group, or nobody. */
  switchGroup(isCharged: boolean): void {
    this.cpu.memcg = isCharged && this.#group !== null ? this.#group : undefined;
  }

  /** Go offline. What it owns stays its own. */
  leave(): void {
    this.cpu.offline();
  }

  /** Be the same CPU again: caches have to be opened once more. */
  comeBack(): void {
    this.cpu = this.#attach();
    this.caches.forget();
    if (this.#group !== null) this.joinGroup();
  }

  /** Bring counts up to date that are kept elsewhere. */
  flushCounts(): void {
    const checked = this.objects.checked + this.hog.checked;
    this.#set("objectsChecked", checked);
    this.#set("handedOver", this.tally.handedOver);
  }

  #set(name: CounterName, value: number): void {
    this.#counts[OPERATIONS.length + COUNTERS.indexOf(name)] = value;
  }

  #attach(): Cpu {
    const onReport = (text: string) => {
      if (this.#expected?.test(text) !== true) this.report("report", text);
    };
    return this.heap.cpu(this.index, { onReport });
  }
}
