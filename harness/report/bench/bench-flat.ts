/** Rows of `slablab bench` for other programs: CSV (RFC 4180) and a Markdown table. */
import type { BenchResults, BenchRow } from "../../measure/bench/bench-row.js";
import type { Estimate } from "../../measure/common/statistics.js";
import { groupedWarnings } from "./bench-text.js";
import { formatNs, formatNumber, formatRatio } from "../common/table.js";

type Cell = string | number | null;

/** Columns of the CSV, in order; times are ns per operation. */
const COLUMNS: readonly (readonly [string, (row: BenchRow) => Cell])[] = [
  ["suite", ({ suite }) => suite],
  ["row", ({ name }) => name],
  ["flavour", ({ flavour }) => flavour],
  ["cpus", ({ cpus }) => cpus],
  ["rounds", ({ rounds }) => rounds],
  ...spread("ns", ({ ns }) => ns),
  ...spread("net_ns", ({ netNs }) => netNs),
  ["mad_ns", ({ mad }) => mad],
  ["p50_ns", ({ percentiles }) => percentiles.p50],
  ["p90_ns", ({ percentiles }) => percentiles.p90],
  ["p99_ns", ({ percentiles }) => percentiles.p99],
  ["p99.9_ns", ({ percentiles }) => percentiles.p99_9],
  ["p99.99_ns", ({ percentiles }) => percentiles.p99_99],
  ...spread("mops", ({ mops }) => mops),
  ...spread("ratio", ({ ratio }) => ratio),
  ["ratio_to", ({ ratioTo }) => ratioTo],
  ...spread("efficiency", ({ efficiency }) => efficiency),
  ...spread("fairness", ({ fairness }) => fairness),
  ["chunk_operations", ({ chunk }) => chunk.operations],
  ["chunk_us", ({ chunk }) => chunk.us],
  ["unit", ({ unit }) => unit],
];

function spread(
  name: string,
  read: (row: BenchRow) => Estimate | null,
): (readonly [string, (row: BenchRow) => Cell])[] {
  return [
    [name, (row) => read(row)?.median ?? null],
    [`${name}_low`, (row) => read(row)?.low ?? null],
    [`${name}_high`, (row) => read(row)?.high ?? null],
  ];
}

/** A line of names, then one a row; what does not apply is empty. */
export function benchCsv({ rows }: BenchResults): string {
  const lines = [
    COLUMNS.map(([name]) => name),
    ...rows.map((row) => COLUMNS.map(([, read]) => csvCell(read(row)))),
  ];
  return lines.map((line) => `${line.join(",")}\r\n`).join("");
}

function csvCell(cell: Cell): string {
  if (cell === null) return "";
  if (typeof cell === "number") return String(Number(cell.toPrecision(6)));
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/** A table to paste into an issue, with where it ran and what is doubtful. @param head where */
export function benchMarkdown(results: BenchResults, head: string): string {
  const { rows, warnings, findings, interrupted } = results;
  const titles = [
    "suite",
    "row",
    "ns per operation",
    "net",
    "p99",
    "Mops/s",
    "ratio",
    "efficiency",
  ];
  const lines = [
    titles,
    ["---", "---", ...titles.slice(2).map(() => "---:")],
    ...rows.map(({ suite, name, ns, netNs, percentiles, mops, ratio, efficiency }) => [
      ...[suite, name, formatNs(ns), formatNs(netNs)],
      ...[formatNumber(percentiles.p99), formatNumber(mops.median)],
      ...[formatRatio(ratio), formatRatio(efficiency).replace("x", "")],
    ]),
  ];
  const table = lines.map((cells) => `| ${cells.map(markdownCell).join(" | ")} |`).join("\n");
  const remarks = [
    ...(interrupted ? ["Interrupted: this is what was measured until then."] : []),
    ...groupedWarnings(warnings).map((each) => `- Warning: ${each}`),
    ...findings.map(({ suite, row, message }) => `- Finding: ${suite} ${row ?? ""}: ${message}`),
  ];
  return `${[head, "", table, ...(remarks.length > 0 ? [""] : []), ...remarks].join("\n")}\n`;
}

function markdownCell(text: string): string {
  return text.replaceAll("|", "\\|");
}
