/** The fast path's figures as text. */
import type { FastpathResults } from "../measure/fastpath.js";
import { formatNs, formatRatio, renderTable } from "./table.js";

/** Two tables: what each loop costs, and the budgets. */
export function renderFastpath({ rounds, operationsPerSample, rows, budgets }: FastpathResults) {
  const costs = renderTable({
    head: ["loop", "per operation", "one operation is"],
    rows: rows.map(({ name, ns, unit }) => [name, formatNs(ns), unit]),
  });
  const verdicts = renderTable({
    head: ["budget", "measured", "at most", ""],
    rows: budgets.map(({ name, ratio, limit, verdict }) => [
      name,
      formatRatio(ratio),
      `${limit}x`,
      verdict,
    ]),
  });
  const method =
    `${rounds} rounds, ${operationsPerSample.toLocaleString("en-US")} operations a sample; ` +
    "median and 95 % interval over rounds, ratios within a round";
  return `${costs}\n\n${verdicts}\n\n${method}`;
}
