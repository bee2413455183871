/** What `slablab bench compare` and `--baseline` print for people. */
import { type Comparison, failSentence } from "../../measure/bench/bench-compare.js";
import { wrap } from "../common/page.js";
import { EMPTY_CELL, formatRatio, renderTable } from "../common/table.js";

/** A table of all rows, a sentence for each, and what to know. */
export function compareTables({ rows, failed, notes }: Comparison): string {
  const table = renderTable({
    head: ["suite", "row", "B / A", "p", "delta", "verdict"],
    rows: rows.map(({ suite, name, ratio, p, delta, verdict }) => [
      ...[suite, name, formatRatio(ratio), formatP(p)],
      ...[delta === null ? EMPTY_CELL : delta.toFixed(2), verdict],
    ]),
  });
  const parts = [table, "", ...rows.map(({ sentence }) => wrap(sentence))];
  if (notes.length > 0) parts.push("", ...notes.map((note) => wrap(`note: ${note}`)));
  if (failed.length > 0) parts.push("", wrap(failSentence(failed)));
  return parts.join("\n");
}

function formatP(p: number | null): string {
  if (p === null) return EMPTY_CELL;
  return p <= 1e-6 ? "<0.000001" : p < 0.001 ? p.toFixed(6) : p.toFixed(3);
}
