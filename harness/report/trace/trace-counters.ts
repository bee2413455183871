/**
 * Counters over the time of a trace: objects that wait on deferred lists, free pages, live objects.
 *
 * Where records were overwritten, what they told is known as a sum only. A counter begins when
 * every CPU's records do, with that sum as its first value; so it ends right.
 */
import type { CpuTrace, TraceRecord } from "../../workload/trace/ring.js";
import { type ChromeEvent, PID, round } from "./trace-format.js";

type Stamped = TraceRecord & { readonly cpu: number };

/** Counters as events. */
export function counterEvents(cpus: readonly CpuTrace[]): ChromeEvent[] {
  const records = cpus
    .flatMap(({ cpu, records: of }) => of.map((record): Stamped => ({ ...record, cpu })))
    .sort((one, other) => one.atUs - other.atUs);
  const starts = cpus.flatMap(({ dropped, records: of }) =>
    dropped > 0 ? [of[0]?.atUs ?? 0] : [],
  );
  const beginUs = Math.max(0, ...starts);
  const isCounted = ({ ts = 0 }: ChromeEvent) => ts >= round(beginUs);
  return [
    ...waitingEvents(cpus, records).filter(isCounted),
    ...sampleEvents(cpus.length, records).filter(isCounted),
  ];
}

/** Objects on the lists, together; for each CPU where every CPU drains what it deferred itself. */
function waitingEvents(cpus: readonly CpuTrace[], records: readonly Stamped[]): ChromeEvent[] {
  const moves = records.filter(({ kind }) => kind === "defer" || kind === "drain");
  const before = new Map(cpus.map((trace) => [trace.cpu, waitingBefore(trace)]));
  const all = runningSum(moves, sumOf([...before.values()]));
  const total = all.map(({ atUs, value }) =>
    counter("deferred objects waiting", atUs, Math.max(0, value)),
  );
  const each = cpus.map(({ cpu }) => ({
    cpu,
    points: runningSum(
      moves.filter((move) => move.cpu === cpu),
      before.get(cpu) ?? 0,
    ),
  }));
  if (each.some(({ points }) => points.some(({ value }) => value < 0))) return total;
  const own = each.flatMap(({ cpu, points }) =>
    points.map(({ atUs, value }) => counter(`CPU ${cpu} deferred objects waiting`, atUs, value)),
  );
  return [...total, ...own];
}

/** Objects that waited when the oldest record of this CPU was written, as far as it knows. */
function waitingBefore({ totals, drainedObjects, records }: CpuTrace): number {
  const moved = sumOf(records.map(change));
  return totals.defer - drainedObjects - moved;
}

function change({ kind, a }: TraceRecord): number {
  if (kind === "defer") return 1;
  return kind === "drain" ? -a : 0;
}

function runningSum(records: readonly TraceRecord[], from: number) {
  let value = from;
  return records.map((record) => {
    value += change(record);
    return { atUs: record.atUs, value };
  });
}

function sampleEvents(cpus: number, records: readonly Stamped[]): ChromeEvent[] {
  const objects = new Map<number, number>();
  return records.flatMap(({ kind, atUs, a, b, cpu }) => {
    if (kind !== "sample") return [];
    objects.set(cpu, b);
    // Until every CPU has said something the sum lacks what others freed of its objects.
    const isKnown = objects.size === cpus;
    return [
      ...(a < 0 ? [] : [counter("free pages", atUs, a)]),
      ...(isKnown
        ? [counter("live objects", atUs, Math.max(0, sumOf([...objects.values()])))]
        : []),
    ];
  });
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function counter(name: string, atUs: number, value: number): ChromeEvent {
  return { ph: "C", name, pid: PID, tid: 0, ts: round(atUs), args: { value } };
}
