/**
 * What `slablab bench` prints for people: for each suite a table of its rows, how its variants
 * relate, and what it warns of. No line is wider than 100 columns.
 */
import type {
  BenchFinding,
  BenchResults,
  BenchRow,
  BenchWarning,
  SuiteInfo,
} from "../../measure/bench/bench-row.js";
import type { Comparison } from "../../measure/bench/bench-compare.js";
import { compareTables } from "./bench-compare-text.js";
import { bars } from "./bars.js";
import { full, title, wrap } from "../common/page.js";
import { EMPTY_CELL, formatNs, formatNumber, formatRatio, renderTable } from "../common/table.js";

/** More CPUs are not listed one by one. */
const CPUS_LISTED = 16;

/** The whole report. @param head where it ran */
export function benchText(
  results: BenchResults,
  comparison: Comparison | null,
  head: string,
): string {
  const { suites, rows, budgets, interrupted } = results;
  const parts = [wrap(head)];
  for (const suite of suites) {
    const own = rows.filter((row) => row.suite === suite.name);
    parts.push(...suiteParts(suite, own));
    if (suite.name === "fastpath" && budgets.length > 0) parts.push("", budgetTable(results));
  }
  if (comparison !== null) parts.push(title("against the baseline"), compareTables(comparison));
  parts.push(...warningParts(results.warnings), ...findingParts(results.findings));
  if (interrupted) parts.push("", "Interrupted: this is what was measured until then.");
  return `${parts.join("\n")}\n`;
}

function suiteParts(suite: SuiteInfo, rows: readonly BenchRow[]): string[] {
  const parts = [title(suite.name), wrap(`${suite.about}; ${methodOf(suite, rows)}`), ""];
  if (rows.length === 0) return [...parts, "nothing was measured"];
  parts.push(rowTable(rows));
  const related = relatedTable(suite, rows);
  if (related !== null) parts.push("", related);
  parts.push(...rows.filter(({ perCpu }) => perCpu.length > 0).map(cpuLine));
  return [...parts, "", wrap(`one operation: ${unitsOf(rows)}`)];
}

/** What an operation of each row is, or of all. */
function unitsOf(rows: readonly BenchRow[]): string {
  const units = new Set(rows.map(({ unit }) => unit));
  if (units.size === 1) return [...units].join();
  return [...units]
    .map((unit) => {
      const names = rows.filter((row) => row.unit === unit).map(({ name }) => name);
      return `${names.join(", ")}: ${unit}`;
    })
    .join("; ");
}

function methodOf(suite: SuiteInfo, rows: readonly BenchRow[]): string {
  const [row] = rows;
  const rounds = `${full(suite.rounds)} rounds`;
  if (row === undefined) return rounds;
  if (suite.operationsPerSample !== null) {
    return `${rounds}, chunks of ${full(suite.operationsPerSample)} operations`;
  }
  const us = rows.map(({ chunk }) => chunk.us).sort((a, b) => a - b);
  const parameters = suite.parameters.map(({ name, value }) => `${name} ${full(value)}`).join(", ");
  const chunks = `chunks of ${formatNumber(us[0] ?? 0)} to ${formatNumber(us.at(-1) ?? 0)} us`;
  const method = `${rounds} of ${suite.windowMs} ms, ${chunks}`;
  return parameters === "" ? method : `${method}; ${parameters}`;
}

function rowTable(rows: readonly BenchRow[]): string {
  return renderTable({
    head: ["row", "per operation", "MAD", "p50", "p99", "p99.9", "p99.99", "Mops/s", "1..p99"],
    rows: rows.map(({ name, ns, mad, percentiles: of, mops, bars: shape }) => [
      ...[name, formatNs(ns), `${((mad / ns.median) * 100).toFixed(1)} %`],
      ...[of.p50, of.p99, of.p99_9, of.p99_99].map(formatNumber),
      ...[formatNumber(mops.median), bars(shape.counts)],
    ]),
  });
}

/** How rows relate to each other; null: they do not. */
function relatedTable(suite: SuiteInfo, rows: readonly BenchRow[]): string | null {
  const related = rows.filter(
    ({ netNs, ratio, efficiency, fairness }) => (netNs ?? ratio ?? efficiency ?? fairness) !== null,
  );
  if (related.length === 0) return null;
  if (suite.kind === "micro") {
    return renderTable({
      head: ["row", "net", "ratio"],
      rows: related.map(({ name, netNs, ratio, ratioTo }) => [
        ...[name, formatNs(netNs), ratioCell(ratio, ratioTo, name)],
      ]),
    });
  }
  return renderTable({
    head: ["row", "net", "imports / fused", "scaling efficiency", "fairness"],
    rows: related.map(({ name, netNs, ratio, efficiency, fairness }) => [
      ...[name, formatNs(netNs), formatRatio(ratio), plain(efficiency), plain(fairness)],
    ]),
  });
}

function ratioCell(ratio: BenchRow["ratio"], to: string | null, name: string): string {
  if (ratio === null || to === name) return EMPTY_CELL;
  return `${formatRatio(ratio)} of ${to}`;
}

/** `0.98 [0.97, 0.99]` */
function plain(estimate: BenchRow["fairness"]): string {
  return formatRatio(estimate).replace("x", "");
}

function cpuLine({ name, perCpu }: BenchRow): string {
  const cells = perCpu.slice(0, CPUS_LISTED).map(({ cpu, ns, mops, idleShare, remoteFrees }) => {
    const idle = idleShare >= 0.01 ? `, idle ${(idleShare * 100).toFixed(0)} %` : "";
    const remote = remoteFrees > 0 ? `, ${full(remoteFrees)} remote frees` : "";
    const time = ns === null ? "no operation" : `${formatNumber(ns.median)} ns`;
    return `CPU ${cpu} ${time}, ${formatNumber(mops.median)} Mops/s${idle}${remote}`;
  });
  const more = perCpu.length > CPUS_LISTED ? `; ${perCpu.length - CPUS_LISTED} more in --json` : "";
  return wrap(`${name}: ${cells.join("; ")}${more}`);
}

function budgetTable({ budgets }: BenchResults): string {
  return renderTable({
    head: ["budget", "measured", "at most", ""],
    rows: budgets.map(({ name, ratio, limit, verdict }) => [
      ...[name, formatRatio(ratio), `${limit}x`, verdict],
    ]),
  });
}

export function warningParts(warnings: readonly BenchWarning[]): string[] {
  if (warnings.length === 0) return [];
  return [title("warnings"), ...groupedWarnings(warnings).map((text) => wrap(text))];
}

/** One paragraph for all rows that are warned of alike. */
export function groupedWarnings(warnings: readonly BenchWarning[]): string[] {
  const groups = new Map<string, BenchWarning[]>();
  for (const warning of warnings) {
    const { kind, suite, advice } = warning;
    const key = JSON.stringify([kind, suite, advice]);
    groups.set(key, [...(groups.get(key) ?? []), warning]);
  }
  return [...groups.values()].map((group) => {
    const said = group.map((each) => `${whereOf(each)}${each.message}`).join("; ");
    return `${said}. ${sentence(group[0]?.advice ?? "")}`;
  });
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}

function findingParts(findings: readonly BenchFinding[]): string[] {
  if (findings.length === 0) return [];
  return [title("findings"), ...findings.map((each) => wrap(`${whereOf(each)}${each.message}`))];
}

function whereOf({ suite, row }: Pick<BenchWarning, "suite" | "row">): string {
  const where = [suite, row].filter((each) => each !== null).join(" ");
  return where === "" ? "" : `${where}: `;
}
