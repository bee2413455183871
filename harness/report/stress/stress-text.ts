/**
 * What `slablab stress` prints for people: a line per arm, operations by kind, what was verified,
 * and for each finding the command that does the same again. No line is wider than 100 columns.
 */
import { OPERATIONS } from "../../workload/stress/kinds.js";
import type { StressResults, StressRow } from "../../workload/stress/stress-run.js";
import { nameOf } from "../../workload/stress/stress-setup.js";
import { countOf, totalsOf } from "./stress-totals.js";
import { full, title, wrap } from "../common/page.js";
import { renderTable } from "../common/table.js";

/** Columns of the list of operations by kind, and how wide each is. */
const KINDS_A_LINE = 4;
const KIND_COLUMNS = 25;

/** The whole report. @param log the file that holds the log, @param head where it ran */
export function stressText(results: StressResults, log: string | null, head: string): string {
  const cpus = results.rows[0]?.setup.cpus ?? 0;
  const workers = cpus === 1 ? "one Worker" : `${cpus} Workers, one heap an arm`;
  const parts = [
    ...[head, title(workers), table(results.rows), LEGEND],
    ...[title("operations by kind"), kinds(results)],
    ...[title("verified"), wrap(verified(results))],
  ];
  return `${[...parts, ...findingLines(results, log)].join("\n")}\n`;
}

function table(rows: readonly StressRow[]): string {
  const head = [
    ...["arm", "ops", "chk", "cross", "nolock", "NULL", "busy", "nmi", "caches", "off"],
    ...["full", "rcu", "val", "bad"],
  ];
  return renderTable({ head, rows: rows.map(cells) });
}

function cells({ setup, operations, counts, finding }: StressRow): string[] {
  const numbers = [
    ...[countOf(operations), counts.objectsChecked, counts.crossFrees, counts.nolockCalls],
    ...[counts.nolockNull, counts.busyFirst, counts.inNmi, operations.cacheDestroy],
    ...[operations.offline, counts.pressures, counts.readsChecked, counts.validations],
  ];
  return [nameOf(setup), ...numbers.map(shortCount), finding === null ? "0" : "1"];
}

/** `950`, `12k`, `1.2M`: three digits are enough for a table of counts. */
export function shortCount(count: number): string {
  if (count < 10_000) return `${count}`;
  if (count < 1e6) return `${Math.round(count / 1e3)}k`;
  return `${(count / 1e6).toFixed(1)}M`;
}

const LEGEND = [
  "chk: checks of whole objects; cross: objects freed by another CPU; nolock: nolock calls; NULL:",
  "allocations among them that gave nothing; busy: kmalloc_nolock() found its bucket's lock held;",
  "nmi: operations in NMIs; caches: destroyed under load; off: CPUs that left and came back; full:",
  "sections without free memory; rcu: published objects read; val: walks over the heap",
].join("\n");

function kinds(results: StressResults): string {
  const { operations } = totalsOf(results);
  const cellsOf = OPERATIONS.map((name) => {
    const text = shortCount(operations[name]);
    return `${name}${text.padStart(KIND_COLUMNS - 2 - name.length)}  `;
  });
  const lines = Array.from({ length: Math.ceil(cellsOf.length / KINDS_A_LINE) }, (_, line) =>
    cellsOf.slice(line * KINDS_A_LINE, (line + 1) * KINDS_A_LINE).join(""),
  );
  return lines.map((line) => line.trimEnd()).join("\n");
}

function verified(results: StressResults): string {
  const { rows, interrupted } = results;
  const { operations, counts } = totalsOf(results);
  const bad = rows.filter(({ finding }) => finding !== null).length;
  const clean = bad === 0 ? "" : " that ended without a finding";
  return [
    `${interrupted ? "Interrupted: until then, " : ""}${full(countOf(operations))} operations in`,
    `${full(rows.length)} ${rows.length === 1 ? "arm" : "arms"}.`,
    `${full(counts.objectsChecked)} objects held their owner's stamp over their whole size,`,
    `no byte had two owners, ${full(counts.handedOver)} went from one CPU to another,`,
    `${full(counts.crossFrees)} were freed by another CPU than their first owner's, and`,
    `${full(counts.readsChecked)} stayed as they were while a read-side section saw them.`,
    `${full(counts.nolockCalls)} calls were nolock calls: kmalloc_nolock() found its bucket busy`,
    `${full(counts.busyFirst)} times and the next one too ${full(counts.busySecond)} times, and`,
    `${full(counts.nolockNull)} allocations gave NULL. CPUs left and came back`,
    `${full(operations.offline)} times, ${full(operations.cacheDestroy)} caches were destroyed`,
    `under load`,
    `and ${full(counts.destroysRefused)} in use refused to be, and ${full(counts.pressures)}`,
    `times all memory was taken.`,
    `${full(counts.validations)} walks over the whole heap checked`,
    `every invariant, and each arm${clean} gave back every slab, page and charge with`,
    `counters that add up. Findings: ${bad}.`,
  ].join(" ");
}

function findingLines({ rows }: StressResults, log: string | null): string[] {
  const lines = rows.flatMap(({ setup, finding }) => {
    if (finding === null) return [];
    const { kind, cpu, operation, message, reproduce } = finding;
    return [
      title(
        `finding: ${kind} in ${nameOf(setup)}, on CPU ${cpu} after ${full(operation)} operations`,
      ),
      wrap(message),
      `reproduce: ${reproduce}`,
    ];
  });
  if (lines.length === 0) return [];
  const where = log === null ? [] : [`log: ${log}`];
  return [...lines, ...where, wrap(NOTE)];
}

const NOTE = [
  "The seed names what each CPU does, not how their calls meet: a failure of several CPUs need not",
  "repeat. The log has the last operations of each CPU.",
].join(" ");
