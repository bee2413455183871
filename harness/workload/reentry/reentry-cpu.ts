/**
 * One CPU of the fuzz: an instance of the trace build that is re-entered from its own trace points.
 *
 * What the author of kmalloc_nolock() did to his patch: a hook at every unlock, and wherever a
 * lock is known to be held, that calls the nolock functions at random. Here every trace point is
 * one, and a hook may be hooked again. Half of the re-entries are flagged as NMI; the other half
 * are not, as a kprobe is not (reentry-operations.ts decides what is called).
 *
 * A hook must not throw through the wasm's frames: what is found inside one is kept, nothing is
 * re-entered from then on, and it is thrown when the operation is over.
 */
import { type RawExports, instantiateHeap } from "../../heap/abi.js";
import { LOCK_WAIT } from "../../heap/constants.js";
import { GFP_KERNEL, GFP_MASK, NUMA_NO_NODE } from "../../heap/flags.js";
import {
  TRACE_CONTENTION_BEGIN,
  TRACE_DEFER,
  TRACE_DEFER_SLAB,
  TRACE_DRAIN,
  TRACE_SLAB_ALLOC,
} from "../../heap/trace-events.js";
import { lockdepReport } from "../../heap/lockdep-report.js";
import { isTraceKind, writeReport } from "../../heap/slab-report.js";
import { FindingError, type FindingKind, type FoundFinding } from "../verify/finding.js";
import type { Actor, HeldCache } from "../operations/actor.js";
import { CACHE, CTOR, constructedWord, Objects } from "../verify/objects.js";
import type { Stage } from "./reentry-stage.js";
import { makeTally } from "./reentry-tally.js";
import type { Xorshift } from "../verify/xorshift.js";

/** No operation of this load passes as many: one that does has no end. */
const EVENTS_MAX = 2_000_000;
/** At each level of nesting, one trace point in so many is re-entered: powers of two less one. */
const RARITY = [1, 3, 3] as const;
/**
 * The same where an operation has passed so many trace points already. Re-entries defer objects,
 * and draining them passes trace points: at the rarity above some drains would feed themselves.
 */
const LONG_EVENTS = 48;
const LONG_RARITY = 15;

export interface UserCache {
  readonly address: number;
  readonly index: number;
  readonly sizeBytes: number;
}

/** What the hook calls: one re-entry, made of nolock operations alone. */
export type Reenter = (cpu: FuzzCpu) => void;

export interface FuzzCpuOptions {
  readonly stage: Stage;
  /** Its number, and how many there are. */
  readonly cpu: number;
  readonly cpus: number;
  readonly random: Xorshift;
  readonly reenter: Reenter;
}

export class FuzzCpu implements Actor {
  readonly cpu: number;
  readonly exports: RawExports;
  readonly objects: Objects;
  readonly random: Xorshift;
  readonly tally = makeTally();
  /** Where this CPU's arrays of bulk calls lie. */
  readonly array: number;
  /** Address of this CPU's area. */
  readonly area: number;
  /** Without a constructor and with one; set by `openCaches()`. */
  plain: UserCache = NO_CACHE;
  constructed: UserCache = NO_CACHE;
  target = 0;
  /** Levels of re-entry in progress. */
  depth = 0;
  #maxDepth = 0;
  #isEnding = false;
  #eventsAtStart = 0;
  #finding: FoundFinding | null = null;
  readonly #reenter: Reenter;
  readonly #memory: WebAssembly.Memory;

  /** Attaches. @throws RangeError if the number is taken */
  constructor({ stage, cpu, cpus, random, reenter }: FuzzCpuOptions) {
    const { shadow, view } = stage;
    const { memory, module } = stage.heap.handle;
    this.cpu = cpu;
    this.random = random;
    this.array = ARRAYS + cpu * ARRAY_BYTES;
    this.#memory = memory;
    this.#reenter = reenter;
    const report = (kind: FindingKind, message: string) => this.report(kind, message);
    this.objects = new Objects({ memory, shadow, cpu, cpus, report });
    const { exports, calls, cpuArea } = instantiateHeap(module, memory, {
      callCtor: (cache, object) => this.#construct(cache, object),
      callTrace: (event, a, b) => this.#onTrace(event, a, b),
      callLockdep: (kind, lock, held) =>
        this.report("lockdep", lockdepReport(view, { cpu, kind, lock, held })),
      callReport: (kind, cache, slab, object, from, to, value) => {
        // slab_debug=T asks for a line on every allocation and free, which are no findings.
        if (isTraceKind(kind)) return;
        this.report("report", writeReport(view, { kind, cache, slab, object, from, to, value }));
      },
    });
    const number = calls.cpu_attach(view.base, cpu, LOCK_WAIT);
    if (number !== cpu) throw new RangeError(`expected CPU ${cpu} to be free, got ${number}`);
    this.exports = exports;
    this.area = cpuArea();
  }

  /** Keep what was found; the first is the one that counts. */
  report(kind: FindingKind, message: string): void {
    this.#finding ??= { kind, message, operation: this.tally.operations };
  }

  /** Run one operation from outside everything. @throws FindingError if it found something */
  run(operation: (cpu: FuzzCpu) => void): void {
    this.#eventsAtStart = this.tally.events;
    try {
      operation(this);
    } catch (error) {
      // Locks stay held and depths entered: nothing can go on after this.
      this.report("trap", error instanceof Error ? error.message : String(error));
    }
    if (this.#finding === null && this.exports.preempt_count() !== 0) {
      const count = this.exports.preempt_count();
      this.report("context", `expected a plain task after the call, got 0x${count.toString(16)}`);
    }
    this.throwFinding();
  }

  /** @throws FindingError if anything was found so far */
  throwFinding(): void {
    if (this.#finding !== null) throw new FindingError(this.#finding);
  }

  /** From here on trace points are re-entered, at most `depth` deep, 0..3. */
  startReentry(depth: number): void {
    this.#maxDepth = depth;
  }

  /** From here on no trace point is re-entered. */
  stopReentry(): void {
    this.#maxDepth = 0;
    this.#isEnding = true;
  }

  // ------------------------------------------------------- the calls, by the bare exports

  get mayAskForPages(): boolean {
    return this.exports.preempt_count() === 0;
  }

  kmalloc(size: number, gfp: number): number {
    return this.exports.kmalloc(size, gfp) >>> 0;
  }

  kmallocNolock(size: number, gfp: number): number {
    return this.exports.kmalloc_nolock(size, gfp, NUMA_NO_NODE) >>> 0;
  }

  kmallocBulk(size: number, count: number, gfp: number): number[] {
    return this.#listed(this.exports.kmalloc_bulk(size, gfp, count, this.array));
  }

  krealloc(address: number, size: number): number {
    return this.exports.krealloc(address, size, GFP_KERNEL) >>> 0;
  }

  free(address: number, kind: number): void {
    if (kind === CACHE) this.exports.kmem_cache_free(this.plain.address, address);
    else if (kind === CTOR) this.exports.kmem_cache_free(this.constructed.address, address);
    else this.exports.kfree(address);
  }

  freeNolock(address: number): void {
    this.exports.kfree_nolock(address);
  }

  freeBulk(addresses: readonly number[]): void {
    for (const [at, address] of addresses.entries()) {
      this.objects.setWord(this.array + at * 4, address);
    }
    this.exports.kfree_bulk(addresses.length, this.array);
  }

  poll(): void {
    this.exports.poll();
  }

  holdCache(): HeldCache {
    const { exports, array } = this;
    const hasCtor = this.random.below(2) === 0;
    const { address, sizeBytes } = hasCtor ? this.constructed : this.plain;
    return {
      ...{ kind: hasCtor ? CTOR : CACHE, size: sizeBytes },
      gfpMask: hasCtor ? GFP_KERNEL : GFP_MASK,
      alloc: (gfp) => exports.kmem_cache_alloc(address, gfp) >>> 0,
      allocNolock: () => exports.kmem_cache_alloc_nolock(address, 0, NUMA_NO_NODE) >>> 0,
      allocBulk: (count, gfp) =>
        this.#listed(exports.kmem_cache_alloc_bulk(address, gfp, count, array)),
    };
  }

  /** What a bulk call put into the array. */
  #listed(count: number): number[] {
    return Array.from({ length: count }, (_, at) => this.objects.word(this.array + at * 4) >>> 0);
  }

  /** Both caches are held from the first operation to the last. */
  letGo(): void {}

  note(): void {}

  noteGivingUp(): void {}

  noteAllocation(result: number, isNolock: boolean): void {
    if (!isNolock) this.tally.ordinaryNull += Number(result === 0);
    else if (result === 0) this.tally.nolockNull++;
    else this.tally.nolockOk++;
  }

  #construct(cache: number, object: number): number {
    if (cache !== this.constructed.index) return 1;
    const words = new Int32Array(this.#memory.buffer, object, this.constructed.sizeBytes >>> 2);
    words.fill(constructedWord(object));
    return 0;
  }

  /** Called from the middle of the wasm: cheap, and never throws but to leave what has no end. */
  #onTrace(event: number, a: number, _b: number): void {
    const { tally } = this;
    const passed = ++tally.events - this.#eventsAtStart;
    if (event < 12) this.#count(event, a);
    if (this.depth >= this.#maxDepth || this.#finding !== null) {
      if (passed > EVENTS_MAX) this.#leave();
      return;
    }
    const rarity = passed > LONG_EVENTS ? LONG_RARITY : RARITY[this.depth as 0 | 1 | 2];
    if (((this.random.next() >>> 8) & rarity) !== 0) return;
    tally.reentries[this.depth as 0 | 1 | 2]++;
    this.depth++;
    this.#reenter(this);
    this.depth--;
  }

  #count(event: number, a: number): void {
    const { tally } = this;
    if (event === TRACE_DRAIN) {
      tally.drains++;
      tally.drained += a;
      const bucket = Math.min(31 - Math.clz32(a), tally.lengths.length - 1);
      tally.lengths[bucket] = (tally.lengths[bucket] ?? 0) + 1;
      if (this.#isEnding) tally.longestAtEnd = Math.max(tally.longestAtEnd, a);
      else tally.longest = Math.max(tally.longest, a);
    } else if (event === TRACE_DEFER) tally.deferred++;
    else if (event === TRACE_DEFER_SLAB) tally.deferredSlabs++;
    else if (event === TRACE_SLAB_ALLOC) tally.slabsAllocated++;
    else if (event === TRACE_CONTENTION_BEGIN) tally.contentions++;
  }

  #leave(): never {
    const message = `expected an end of the operation, got ${EVENTS_MAX} trace points in it`;
    this.report("no-end", message);
    throw new Error(message);
  }
}

export const NO_CACHE: UserCache = { address: 0, index: -1, sizeBytes: 0 };

/** Page 0 is never anybody's; the arrays start above it, within the reserved bytes. */
const ARRAYS = 4096;
/** Bytes of one CPU's array. */
export const ARRAY_BYTES = 192;

/** The bindings call a pointer to a struct an object; it is an address like all others. */
export function pointer(cache: UserCache): never {
  return cache.address as never;
}
