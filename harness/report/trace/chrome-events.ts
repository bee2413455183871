/**
 * What CPUs recorded as events of the trace format that ui.perfetto.dev and chrome://tracing open.
 *
 * One track per CPU: instants, and slices where a duration is known. Timestamps are microseconds
 * from the beginning of the run and never decrease; slices of a track lie inside each other or
 * apart.
 */
import { STAT_ITEMS } from "../../heap/stat-items.js";
import { MODES } from "../../workload/trace/trace-recorder.js";
import type { CpuTrace, TraceRecord } from "../../workload/trace/ring.js";
import { counterEvents } from "./trace-counters.js";
import { type Args, type ChromeEvent, PID, round } from "./trace-format.js";

export interface TraceInput {
  readonly cpus: readonly CpuTrace[];
  /** Names of caches by address. */
  readonly caches: ReadonlyMap<number, string>;
}

/** All events, names first, then by time. */
export function chromeEvents({ cpus, caches }: TraceInput): ChromeEvent[] {
  const sizes = objectsAtFree(cpus);
  const nameOf = (address: number) => caches.get(address) ?? `cache at ${hex(address)}`;
  const tracks = cpus.flatMap((trace) => trackEvents(trace, nameOf, sizes));
  const timed = [...tracks, ...counterEvents(cpus)];
  timed.sort((one, other) => (one.ts ?? 0) - (other.ts ?? 0) || (other.dur ?? 0) - (one.dur ?? 0));
  return [...names(cpus), ...timed];
}

/** The text of the file, in pieces. @param about goes into the file beside the events */
export function* traceFile(events: readonly ChromeEvent[], about: Args): Generator<string> {
  yield `{"displayTimeUnit":"ns","otherData":${JSON.stringify(about)},"traceEvents":[\n`;
  const PIECE = 1000;
  for (let at = 0; at < events.length; at += PIECE) {
    const lines = events.slice(at, at + PIECE).map((event) => JSON.stringify(event));
    yield `${at === 0 ? "" : ",\n"}${lines.join(",\n")}`;
  }
  yield "\n]}\n";
}

/** How long a CPU waited for locks, in microseconds. */
export function lockWaits(trace: CpuTrace): number[] {
  return pairWaits(trace).flatMap(({ end, begin }) =>
    end === null ? [] : [end.atUs - begin.atUs],
  );
}

function names(cpus: readonly CpuTrace[]): ChromeEvent[] {
  const meta = { ph: "M", pid: PID } as const;
  return [
    { ...meta, tid: 0, name: "process_name", args: { name: "slablab" } },
    ...cpus.flatMap(({ cpu }): ChromeEvent[] => [
      { ...meta, tid: cpu, name: "thread_name", args: { name: `CPU ${cpu}` } },
      { ...meta, tid: cpu, name: "thread_sort_index", args: { sort_index: cpu } },
    ]),
  ];
}

type Known = ReadonlyMap<TraceRecord, { readonly size?: number; readonly cache?: number }>;

/** What is known of each object that a kfree() frees: what its allocation said. */
function objectsAtFree(cpus: readonly CpuTrace[]): Known {
  const all = cpus.flatMap(({ records }) => records).sort((one, other) => one.atUs - other.atUs);
  const live = new Map<number, { size?: number; cache?: number }>();
  const known = new Map<TraceRecord, { size?: number; cache?: number }>();
  for (const record of all) {
    const { kind, a: address, b } = record;
    if (kind === "kmalloc") live.set(address, { size: b });
    else if (kind === "kmem_cache_alloc") live.set(address, { cache: b });
    else if (kind === "kfree" || kind === "kmem_cache_free" || kind === "defer") {
      known.set(record, live.get(address) ?? {});
      live.delete(address);
    }
  }
  return known;
}

function trackEvents(
  trace: CpuTrace,
  nameOf: (address: number) => string,
  known: Known,
): ChromeEvent[] {
  const endUs = trace.records.at(-1)?.atUs ?? 0;
  const waits = pairWaits(trace).map(({ begin, end }): ChromeEvent => {
    const outcome = end === null ? { unfinished: true } : { acquired: end.b !== 0 };
    const args = { lock: hex(begin.a), mode: MODES[begin.b] ?? "try", ...outcome };
    const dur = duration(begin.atUs, end?.atUs ?? endUs);
    return { ...at(trace, begin.atUs, "lock wait", "lock"), ph: "X", dur, args };
  });
  const others = trace.records.flatMap((record): ChromeEvent[] => {
    if (record.kind === "nmi") {
      const dur = duration(record.a, record.atUs);
      return [{ ...at(trace, record.a, "NMI", "context"), ph: "X", dur, args: {} }];
    }
    const args = argsOf(record, nameOf, known);
    if (args === null) return [];
    const category = CATEGORIES[record.kind] ?? "alloc";
    return [{ ...at(trace, record.atUs, record.kind, category), ph: "i", s: "t", args }];
  });
  return [...waits, ...others];
}

function at({ cpu }: CpuTrace, ts: number, name: string, cat: string) {
  return { name, cat, pid: PID, tid: cpu, ts: round(ts) };
}

const CATEGORIES: Readonly<Record<string, string>> = {
  slab_alloc: "slab",
  slab_free: "slab",
  defer: "deferred",
  defer_slab: "deferred",
  drain: "deferred",
};

/** What an instant says; null: the record is none. */
function argsOf(
  record: TraceRecord,
  nameOf: (address: number) => string,
  known: Known,
): Args | null {
  const { kind, a, b, c } = record;
  switch (kind) {
    case "kmalloc":
      return { address: hex(a), size: b, flags: hex(c) };
    case "kmem_cache_alloc":
      return { address: hex(a), cache: nameOf(b), flags: hex(c) };
    case "kfree": {
      const { size, cache } = known.get(record) ?? {};
      return {
        address: hex(a),
        ...(size !== undefined && { size }),
        ...(cache !== undefined && { cache: nameOf(cache) }),
      };
    }
    case "kmem_cache_free":
    case "defer":
      return { address: hex(a), cache: nameOf(b) };
    case "slab_alloc":
    case "slab_free":
      return { slab: hex(a), cache: nameOf(b), order: c };
    case "defer_slab":
      return { slab: hex(a), cache: nameOf(b) };
    case "drain":
      return { objects: a, cache: nameOf(b), trigger: STAT_ITEMS[c] ?? "?" };
    default:
      return null;
  }
}

interface Wait {
  readonly begin: TraceRecord;
  /** null: it had not ended when the recording did. */
  readonly end: TraceRecord | null;
}

/** Ends without a beginning, which was overwritten, are left out. */
function pairWaits({ records }: CpuTrace): Wait[] {
  const open: TraceRecord[] = [];
  const waits: Wait[] = [];
  for (const record of records) {
    if (record.kind === "contention_begin") open.push(record);
    else if (record.kind === "contention_end" && open.at(-1)?.a === record.a) {
      waits.push({ begin: open.pop() as TraceRecord, end: record });
    }
  }
  return [...waits, ...open.map((begin) => ({ begin, end: null }))];
}

/** So that what ends together still does when it is rounded. */
function duration(fromUs: number, toUs: number): number {
  return round(round(toUs) - round(fromUs));
}

function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}
