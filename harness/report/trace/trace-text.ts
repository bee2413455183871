/**
 * What `slablab trace` prints for people: events by kind and CPU, how long locks were waited for,
 * and where the trace is. No line is wider than 100 columns.
 */
import { RECORD_KINDS, type RecordKind } from "../../workload/trace/ring.js";
import { full, title, wrap } from "../common/page.js";
import { renderTable } from "../common/table.js";
import type { TraceResults } from "./trace-schema.js";

/** More CPUs than fit side by side are shown together. */
const CPU_COLUMNS_MAX = 6;

/** The whole report. @param head where it ran */
export function traceText(results: TraceResults, head: string): string {
  const lines = [
    ...[head, title("events"), countsTable(results)],
    ...[title("waits for locks"), waitsText(results)],
    ...[title("the trace"), wrap(where(results))],
    ...results.findings.map((finding) => wrap(`finding: ${finding}`)),
    ...(results.failure === null ? [] : [wrap(`ended early: ${results.failure}`)]),
  ];
  return `${lines.join("\n")}\n`;
}

const LABELS: Partial<Record<RecordKind, string>> = {
  contention_begin: "lock waits begun",
  contention_end: "lock waits ended",
  held: "locks held (not in the file)",
  unlock: "locks released (not in the file)",
  nmi: "NMIs",
  sample: "samples of counters",
};

function countsTable({ cpus }: TraceResults): string {
  const shown = cpus.length <= CPU_COLUMNS_MAX ? cpus : [];
  const row = (label: string, countOf: (cpu: (typeof cpus)[number]) => number) => [
    label,
    ...shown.map((cpu) => full(countOf(cpu))),
    full(cpus.reduce((sum, cpu) => sum + countOf(cpu), 0)),
  ];
  const kinds = RECORD_KINDS.map((kind) => row(LABELS[kind] ?? kind, ({ passed }) => passed[kind]));
  const drained = row("objects drained", ({ drainedObjects }) => drainedObjects);
  const dropped = row("dropped: the oldest", (cpu) => cpu.dropped);
  const head = ["event", ...shown.map(({ cpu }) => `CPU ${cpu}`), "all"];
  return renderTable({ head, rows: [...kinds, drained, dropped] });
}

function waitsText({ cpus }: TraceResults): string {
  const rows = cpus
    .filter(({ lockWaits }) => lockWaits.count > 0)
    .map(({ cpu, lockWaits: { count, totalUs, longestUs } }) => [
      `CPU ${cpu}`,
      full(count),
      (totalUs / count).toFixed(1),
      longestUs.toFixed(1),
    ]);
  if (rows.length === 0) return "No CPU found a lock held, among the events in the file.";
  return renderTable({ head: ["CPU", "waits in the file", "mean us", "longest us"], rows });
}

function where(results: TraceResults): string {
  const { file, events, dropped, snapshot, interrupted } = results;
  return [
    ...(interrupted ? ["Interrupted: what there was until then."] : []),
    ...(file === null
      ? [`${full(events)} events could not be written.`]
      : [
          `${full(events)} events are in ${file}: open it in https://ui.perfetto.dev`,
          "(Open trace file) or in chrome://tracing (Load).",
        ]),
    ...(dropped === 0
      ? ["None was dropped."]
      : [
          `${full(dropped)} older ones were dropped; for more, use --events with a larger number`,
          "or a shorter --duration.",
        ]),
    ...(snapshot === null ? [] : [`The heap at the end is in ${snapshot}: ${show(snapshot)}.`]),
  ].join(" ");
}

function show(snapshot: string): string {
  return `npx slablab slabinfo --snapshot ${snapshot}`;
}
