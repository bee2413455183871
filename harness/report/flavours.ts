/** What options cost, as text. */
import type { FlavourResults } from "../measure/flavours.js";
import { formatNs, formatRatio, renderTable } from "./table.js";

/** One row an option and load. */
export function renderFlavours({ rounds, operationsPerSample, rows }: FlavourResults): string {
  const table = renderTable({
    head: ["heap", "load", "alloc + free", "of plain"],
    rows: rows.map(({ flavour, load, ns, ratio }) => [
      flavour,
      load,
      formatNs(ns),
      flavour === "plain" ? "1" : formatRatio(ratio),
    ]),
  });
  const method =
    `${rounds} rounds, ${operationsPerSample.toLocaleString("en-US")} operations a sample, calls ` +
    "from JavaScript; pair: one CPU; remote: freed by another CPU, not contended";
  return `${table}\n\n${method}`;
}
