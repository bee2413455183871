/**
 * Text tables and number formats of every command that prints a result for people.
 *
 * One rule under the head, no frame. A column whose cells are all numbers is aligned right. Nothing
 * is coloured unless the terminal takes it (`styleText` asks the stream, NO_COLOR and FORCE_COLOR).
 * The kernel tools' byte-exact layouts are not made here.
 */
import { stripVTControlCharacters, styleText } from "node:util";
import Table from "cli-table3";
import type { Estimate } from "../../measure/common/statistics.js";

/** A cell without a value: the quantity does not apply, or nothing was measured. */
export const EMPTY_CELL = "-";

export interface TableInput {
  readonly head: readonly string[];
  /** Cells as text; use the format functions below for numbers. */
  readonly rows: readonly (readonly string[])[];
}

/** Renders a table as lines without a final newline. */
export function renderTable({ head, rows }: TableInput): string {
  const table = new Table({
    head: head.map((title) => styleText("bold", title, { stream: process.stdout })),
    colAligns: head.map((_, column) => (isNumeric(rows, column) ? "right" : "left")),
    chars: NO_FRAME,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 2 },
  });
  table.push(...rows.map((row) => [...row]));
  const [titles = "", ...lines] = table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd());
  const widths = [titles, ...lines].map((line) => stripVTControlCharacters(line).length);
  return [titles, "─".repeat(Math.max(...widths)), ...lines].join("\n");
}

/** `16.6 ns [16.1, 17.2]`: the median and its interval, in the unit that keeps the median short. */
export function formatNs(estimate: Estimate | null): string {
  if (estimate === null) return EMPTY_CELL;
  const unit = TIME_UNITS.find(({ upToNs }) => Math.abs(estimate.median) < upToNs) ?? SECONDS;
  const [median, low, high] = [estimate.median, estimate.low, estimate.high].map((value) =>
    formatDigits(value / unit.ns),
  );
  return `${median} ${unit.name} [${low}, ${high}]`;
}

/** `1.70x [1.62, 1.81]`. */
export function formatRatio(estimate: Estimate | null): string {
  if (estimate === null) return EMPTY_CELL;
  const { median, low, high } = estimate;
  return `${median.toFixed(2)}x [${low.toFixed(2)}, ${high.toFixed(2)}]`;
}

/** `12,345`: a count, rounded to an integer. */
export function formatCount(count: number | null): string {
  return count === null ? EMPTY_CELL : Math.round(count).toLocaleString("en-US");
}

/** `1,235`, `12.3`, `1.23`: three digits, but never fewer than the integer has. */
export function formatNumber(value: number | null): string {
  if (value === null) return EMPTY_CELL;
  return Math.abs(value) >= 100 ? formatCount(value) : formatDigits(value);
}

/** `3.3 %` from a share in percent. */
export function formatPercent(percent: number | null): string {
  return percent === null ? EMPTY_CELL : `${formatDigits(percent)} %`;
}

const SECONDS = { name: "s", ns: 1e9, upToNs: Number.POSITIVE_INFINITY } as const;
const TIME_UNITS = [
  { name: "ns", ns: 1, upToNs: 10_000 },
  { name: "us", ns: 1e3, upToNs: 10_000_000 },
  { name: "ms", ns: 1e6, upToNs: 10_000_000_000 },
  SECONDS,
] as const;

/** Three significant digits, but never fewer than the integer has. */
function formatDigits(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude >= 100) return value.toFixed(0);
  return value.toFixed(magnitude >= 10 ? 1 : 2);
}

function isNumeric(rows: TableInput["rows"], column: number): boolean {
  const cells = rows.map((row) => row[column] ?? "").filter((cell) => !/^-?$/.test(cell));
  return cells.length > 0 && cells.every((cell) => /^[-+<>~]?\d/.test(cell));
}

/** No frame: a table must survive being pasted into a mail. */
const NO_FRAME = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "",
} as const;
