/**
 * The page that `slablab bench --html FILE` writes: one file, with the numbers, the plots and the
 * library that draws them. It opens from a disk, asks no network for anything, and follows the
 * reader's light or dark theme.
 */
import { readFileSync } from "node:fs";
import type { Comparison } from "../../measure/bench/bench-compare.js";
import type { BenchResults, BenchRow } from "../../measure/bench/bench-row.js";
import { bars } from "./bars.js";
import { drawPlots } from "./bench-page-script.js";
import { suitePlots } from "./bench-plots.js";
import { groupedWarnings } from "./bench-text.js";
import { EMPTY_CELL, formatNs, formatNumber, formatRatio } from "../common/table.js";

/** The whole page. @param head where it ran */
export function benchHtml(
  results: BenchResults,
  comparison: Comparison | null,
  head: string,
): string {
  const plots = results.suites.flatMap(({ name }) => suitePlots(results, name));
  const sections = results.suites.map(({ name, about, rounds }) => {
    const rows = results.rows.filter(({ suite }) => suite === name);
    const places = plots.filter(({ id }) => id.startsWith(`${name}-`));
    const figures = places.map(({ id, title }) => {
      const label = escapeHtml(`${name}: ${title}`);
      return `<figure id="${escapeHtml(id)}" aria-label="${label}"></figure>`;
    });
    const intro = `<p>${escapeHtml(about)}; ${rounds} rounds</p>`;
    const content = `${intro}${rowTable(rows)}${figures.join("")}`;
    return `<section><h2>${escapeHtml(name)}</h2>${content}</section>`;
  });
  const { warnings, findings, interrupted } = results;
  const remarks = [
    ...(interrupted ? ["Interrupted: this is what was measured until then."] : []),
    ...findings.map(({ suite, row, message }) => `${suite} ${row ?? ""}: finding: ${message}`),
    ...groupedWarnings(warnings),
  ];
  const body = [
    `<h1>slablab bench</h1><p class="head">${escapeHtml(head)}</p>`,
    ...sections,
    comparison === null ? "" : comparisonSection(comparison),
    list("What to know", remarks),
  ].join("\n");
  const { script, style } = readPlotter();
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>slablab bench</title>
<link rel="icon" href="data:,">
<style>${style}</style>
<style>${STYLE}</style>
</head>
<body>
${body}
<script type="application/json" id="plots">${scriptJson(plots)}</script>
<script>${LANGUAGE}</script>
<script>${script}</script>
<script>
const plots = JSON.parse(document.getElementById("plots").textContent);
(${drawPlots.toString()})(plots, uPlot);
</script>
</body>
</html>
`;
}

function rowTable(rows: readonly BenchRow[]): string {
  const head = ["row", "ns per operation", "net", "p50", "p99", "p99.9", "p99.99", "Mops/s"];
  const more = ["ratio", "efficiency", "fairness", "1st to 99th percentile"];
  const cells = rows.map((row) => {
    const { ns, netNs, percentiles: of, mops, ratio, efficiency, fairness } = row;
    return [
      ...[row.name, formatNs(ns), formatNs(netNs)],
      ...[of.p50, of.p99, of.p99_9, of.p99_99].map(formatNumber),
      ...[formatNumber(mops.median), formatRatio(ratio)],
      ...[efficiency, fairness].map((each) => formatRatio(each).replace("x", "")),
      bars(row.bars.counts, row.bars.counts.length),
    ];
  });
  return table([...head, ...more], cells);
}

function comparisonSection({ rows, failed, notes }: Comparison): string {
  const cells = rows.map(({ suite, name, ratio, p, delta, verdict }) => [
    ...[suite, name, formatRatio(ratio), p?.toPrecision(2) ?? EMPTY_CELL],
    ...[delta?.toFixed(2) ?? EMPTY_CELL, verdict],
  ]);
  const head = ["suite", "row", "B / A", "p", "delta", "verdict"];
  const passed = failed.map(({ suite, name, metric, worse }) => {
    return `${suite} ${name}: ${metric} ${(worse * 100).toFixed(1)} % worse: the limit was passed`;
  });
  const intro = "<h2>Against the baseline</h2><p>A is the baseline, B this run.</p>";
  return `<section>${intro}${table(head, cells)}${list("", [...passed, ...notes])}</section>`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join("")}</tr>`;
  const body = rows.map((cells) => line(cells, "td")).join("\n");
  const parts = `<thead>${line(head, "th")}</thead><tbody>${body}</tbody>`;
  return `<div class="wide"><table>${parts}</table></div>`;
}

function list(heading: string, items: readonly string[]): string {
  if (items.length === 0) return "";
  const title = heading === "" ? "" : `<h2>${escapeHtml(heading)}</h2>`;
  return `${title}<ul>${items.map((item) => `<li>${escapeHtml(item)}</li>`).join("")}</ul>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (letter) => ENTITIES[letter] ?? letter);
}

/** JSON that cannot end the script it stands in. */
function scriptJson(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}

function readPlotter(): { script: string; style: string } {
  // Where .tools/vendor.mjs puts it.
  const vendor = new URL("../../vendor/", import.meta.url);
  const read = (file: string) => readFileSync(new URL(file, vendor), "utf8");
  return { script: read("uPlot.iife.min.js"), style: read("uPlot.min.css") };
}

/** Under LC_ALL=C, Chromium names a language that Intl refuses, and uPlot asks Intl at once. */
const LANGUAGE = `
try { new Intl.NumberFormat(navigator.language) }
catch { Object.defineProperty(navigator, "language", { value: "en-US" }) }
`;

const STYLE = `
:root {
  color-scheme: light dark;
  --ink: #1c1f24; --paper: #ffffff; --line: #dcdfe4; --quiet: #5b6270;
  --series-0: #1f6fd6; --series-1: #c4500c; --series-2: #17803d; --series-3: #a3238e;
  --series-4: #8a6a00; --series-5: #0b7f8c; --series-6: #c02942; --series-7: #5b4bc4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6e8ec; --paper: #15181d; --line: #343a44; --quiet: #9aa3b2;
    --series-0: #6cb0ff; --series-1: #ff9a57; --series-2: #5fd38a; --series-3: #f08adf;
    --series-4: #e3c04d; --series-5: #55cfdd; --series-6: #ff8094; --series-7: #a99bff;
  }
}
body {
  margin: 2rem auto; max-width: 82rem; padding: 0 1rem;
  background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif;
}
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; }
.head { color: var(--quiet); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { padding: 0.2rem 0.8rem 0.2rem 0; text-align: left; border-bottom: 1px solid var(--line); }
figure { margin: 1.5rem 0; }
.uplot, .u-legend { max-width: 100%; }
.u-legend { font-size: 13px; white-space: normal; }
`;
