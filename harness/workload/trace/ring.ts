/**
 * What one CPU saw, in shared memory: the newest records, and how many there were of each kind.
 *
 * The CPU alone writes; anybody may read once it rests, also when its Worker is gone. It never
 * grows: where it is full the oldest record is overwritten, and only counted from then on.
 */
import * as points from "../../heap/trace-events.js";

/** What a record may be: a trace point, or something the load itself says. */
export const RECORD = {
  kmalloc: points.TRACE_KMALLOC,
  kfree: points.TRACE_KFREE,
  kmem_cache_alloc: points.TRACE_KMEM_CACHE_ALLOC,
  kmem_cache_free: points.TRACE_KMEM_CACHE_FREE,
  slab_alloc: points.TRACE_SLAB_ALLOC,
  slab_free: points.TRACE_SLAB_FREE,
  contention_begin: points.TRACE_CONTENTION_BEGIN,
  contention_end: points.TRACE_CONTENTION_END,
  defer: points.TRACE_DEFER,
  defer_slab: points.TRACE_DEFER_SLAB,
  drain: points.TRACE_DRAIN,
  held: points.TRACE_HELD,
  unlock: points.TRACE_UNLOCK,
  /** An NMI of the load ended: when it began, in microseconds. */
  nmi: 14,
  /** The load counted: free pages, or -1; objects this CPU allocated less those it freed. */
  sample: 15,
} as const;

export type RecordKind = keyof typeof RECORD;
export const RECORD_KINDS = Object.keys(RECORD) as readonly RecordKind[];

export interface TraceRecord {
  readonly kind: RecordKind;
  /** Microseconds from the beginning of the run, the same clock for all CPUs. */
  readonly atUs: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

/** Everything one CPU recorded. */
export interface CpuTrace {
  readonly cpu: number;
  /** Oldest first. */
  readonly records: readonly TraceRecord[];
  /** Records that were overwritten. */
  readonly dropped: number;
  /** How often each was passed, overwritten ones and locks included. */
  readonly totals: Readonly<Record<RecordKind, number>>;
  /** Objects of all drains, overwritten ones included. */
  readonly drainedObjects: number;
}

// Doubles: the number of records written, objects drained, a total for each kind; then records.
const WRITTEN = 0;
const DRAINED = 1;
const TOTALS = 2;
const HEAD = 32;
const STRIDE = 5;

export class TraceRing {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Float64Array;
  readonly #capacity: number;

  /** @param capacity records it keeps, at least 1 */
  constructor(capacity: number, buffer?: SharedArrayBuffer) {
    this.buffer = buffer ?? new SharedArrayBuffer(8 * (HEAD + capacity * STRIDE));
    this.#words = new Float64Array(this.buffer);
    this.#capacity = capacity;
  }

  /** Only count. */
  count(kind: RecordKind): void {
    const at = TOTALS + RECORD[kind];
    this.#words[at] = (this.#words[at] ?? 0) + 1;
  }

  /** Keep a record. */
  write(kind: RecordKind, atUs: number, a: number, b: number, c: number): void {
    this.count(kind);
    const words = this.#words;
    const written = words[WRITTEN] ?? 0;
    const at = HEAD + (written % this.#capacity) * STRIDE;
    words[at] = atUs;
    words[at + 1] = RECORD[kind];
    words[at + 2] = a;
    words[at + 3] = b;
    words[at + 4] = c;
    if (kind === "drain") words[DRAINED] = (words[DRAINED] ?? 0) + a;
    words[WRITTEN] = written + 1;
  }

  /** Context: the CPU writes no more. */
  read(cpu: number): CpuTrace {
    const words = this.#words;
    const written = words[WRITTEN] ?? 0;
    const dropped = Math.max(0, written - this.#capacity);
    const records: TraceRecord[] = [];
    for (let index = dropped; index < written; index++) {
      const at = HEAD + (index % this.#capacity) * STRIDE;
      const [atUs = 0, number = 0, a = 0, b = 0, c = 0] = words.subarray(at, at + STRIDE);
      const kind = RECORD_KINDS.find((each) => RECORD[each] === number) ?? "sample";
      records.push({ kind, atUs, a, b, c });
    }
    const totals = Object.fromEntries(
      RECORD_KINDS.map((kind) => [kind, words[TOTALS + RECORD[kind]] ?? 0]),
    ) as Record<RecordKind, number>;
    return { cpu, records, dropped, totals, drainedObjects: words[DRAINED] ?? 0 };
  }
}
