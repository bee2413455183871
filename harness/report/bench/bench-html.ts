/** What the page of `slablab bench --html FILE` says: numbers, plots and remarks of each suite. */
import type { Comparison } from "../../measure/bench/bench-compare.js";
import type { BenchResults, BenchRow } from "../../measure/bench/bench-row.js";
import { bars } from "./bars.js";
import { escapeHtml, figures, htmlPage, list, table } from "./bench-page.js";
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
    const intro = `<p>${escapeHtml(about)}; ${rounds} rounds</p>`;
    const content = `${intro}${rowTable(rows)}${figures(places, name)}`;
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
  return htmlPage({ title: "slablab bench", body, plots });
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
