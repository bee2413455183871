/**
 * What `slablab bench --peers` prints: for each load a table of its heaps, and at the end every
 * heap's time over that of ours. No line is wider than 100 columns.
 */
import type { PeerRow, PeersResults } from "../../measure/peers/peer-row.js";
import { warningParts } from "./bench-text.js";
import { title, wrap } from "../common/page.js";
import { EMPTY_CELL, formatNs, formatNumber, renderTable } from "../common/table.js";

const MIB = 2 ** 20;
/** Heaps side by side that fit into 100 columns. */
const HEAPS_ACROSS = 3;

export const PEER_COLUMNS = [
  ...["heap", "CPUs", "per operation", "net", "p50", "p99.9", "slowest", "MiB", "over ours"],
] as const;

/** @param head where it ran */
export function peersText(results: PeersResults, head: string): string {
  const { rows, heaps, missing, ours, warnings, interrupted } = results;
  const loads = [...new Set(rows.map(({ load }) => load))];
  const parts = [wrap(head), ""];
  parts.push(...heaps.map(({ name, about }) => wrap(`${name}: ${about}`)));
  parts.push(...missing.map(({ heap, message }) => wrap(`${heap} is not measured: ${message}`)));
  for (const load of loads) {
    const own = rows.filter((row) => row.load === load);
    const table = renderTable({ head: PEER_COLUMNS, rows: own.map(peerCells) });
    parts.push(title(load), table, ...notes(own));
    if (own.some(isGrossAlone)) parts.push(wrap(GROSS));
  }
  const others = heaps.map(({ name }) => name).filter((name) => name !== ours && name !== "null");
  if (others.length > 0) parts.push(title(`time of each heap over that of ${ours}`));
  for (let at = 0; at < others.length; at += HEAPS_ACROSS) {
    parts.push(...(at > 0 ? [""] : []), ratioTable(rows, others.slice(at, at + HEAPS_ACROSS)));
  }
  if (rows.some(isGrossAlone)) parts.push(`${GROSS_MARK.trim()} of gross times`);
  parts.push(...warningParts(warnings));
  if (interrupted) parts.push("", "Interrupted: this is what was measured until then.");
  return `${parts.join("\n")}\n`;
}

/** Of a load that believes what it wrote. */
export const GROSS =
  "nothing is taken off: this load reads what it wrote, so it runs on no heap; times and ratios " +
  "are gross, and a gross ratio is nearer to 1 than one of the heaps alone";
const GROSS_MARK = " *";

/** Whether a ratio of times on one CPU has in it what the load costs. */
export function isGrossAlone({ cpus, basis }: PeerRow): boolean {
  return cpus === 1 && basis === "gross";
}

/** The cells of PEER_COLUMNS. */
export function peerCells(row: PeerRow): string[] {
  return [
    ...[row.heap, placeOf(row), formatNs(row.nsPerOp)],
    ...[row.netNs?.median ?? null, row.p50, row.p99_9, row.slowest].map(formatNumber),
    formatNumber(row.peakBytes === null ? null : row.peakBytes / MIB),
    plainRatio(row),
  ];
}

/** On how many CPUs a heap was, in which state, and how it was called: `2 aged`, `1 fresh js`. */
export function placeOf({ cpus, state, calls }: Pick<PeerRow, "cpus" | "state" | "calls">): string {
  return `${cpus} ${state}${calls === "js" ? " js" : ""}`;
}

/** One line for all rows of a load that are told the same. */
function notes(rows: readonly PeerRow[]): string[] {
  const texts = [...new Set(rows.flatMap(({ note }) => note ?? []))];
  return texts.map((text) => {
    const told = rows.filter(({ note }) => note === text);
    return wrap(`${told.map((row) => `${row.heap} x${placeOf(row)}`).join(", ")}: ${text}`);
  });
}

function ratioTable(rows: readonly PeerRow[], heaps: readonly string[]): string {
  const keys = [...new Set(rows.map((row) => JSON.stringify([row.load, placeOf(row)])))];
  return renderTable({
    head: ["load", "CPUs", ...heaps],
    rows: keys.flatMap((key) => {
      const [load = "", place = ""] = JSON.parse(key) as string[];
      const same = rows.filter((row) => row.load === load && placeOf(row) === place);
      const cells = heaps.map((heap) => ratioCell(same.find((row) => row.heap === heap)));
      if (cells.every((cell) => cell === EMPTY_CELL)) return [];
      return [[`${load}${same.some(isGrossAlone) ? GROSS_MARK : ""}`, place, ...cells]];
    }),
  });
}

function ratioCell(row: PeerRow | undefined): string {
  if (row?.note?.startsWith("corrupt") === true) return "corrupt";
  return plainRatio(row);
}

/** `12.3 [11.2, 13.4]`, with three digits, so that no ratio is too wide. */
function plainRatio(row: PeerRow | undefined): string {
  const ratio = row?.ratioToOurs ?? null;
  if (ratio === null) return EMPTY_CELL;
  const [median, low, high] = [ratio.median, ratio.low, ratio.high].map(formatNumber);
  return `${median} [${low}, ${high}]`;
}
