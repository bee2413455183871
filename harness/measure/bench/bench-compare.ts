/**
 * Two measurements of the same rows against each other: ratios, tests, verdicts.
 *
 * The rounds of two runs are no pairs, so the interval of the ratio comes from both sides drawn
 * again by themselves, and Mann-Whitney asks whether one tends to be above the other. A difference
 * is called one if both agree and it is not too small to matter.
 */
import type { BenchRow } from "./bench-row.js";
import { rowKey } from "./bench-row.js";
import { type FailMetric, type FailOn, formatFailOn, metricName } from "./fail-on.js";
import { mannWhitney } from "../common/mann-whitney.js";
import { type Estimate, estimateRatioOfMedians } from "../common/statistics.js";

type CompareVerdict = "improved" | "regressed" | "no difference shown" | "not compared";

/** A row as far as it is compared. */
type ComparableRow = Pick<BenchRow, "suite" | "name" | "ns" | "mops" | "percentiles" | "samples">;

interface ComparedRow {
  readonly suite: string;
  readonly name: string;
  /** ns per operation of B over that of A; null: one of them has no such row. */
  readonly ratio: Estimate | null;
  /** Two-sided Mann-Whitney over rounds, 1e-6 or more. */
  readonly p: number | null;
  /** Cliff's delta, -1..1: how much more often a round of B is above one of A than below. */
  readonly delta: number | null;
  readonly verdict: CompareVerdict;
  readonly sentence: string;
}

export interface FailedRow {
  readonly suite: string;
  readonly name: string;
  readonly metric: string;
  readonly a: number;
  readonly b: number;
  /** Part by which it is worse. */
  readonly worse: number;
  readonly limit: number;
}

export interface Comparison {
  readonly rows: readonly ComparedRow[];
  readonly failed: readonly FailedRow[];
  /** Limits that not one row could be judged by: they say nothing, which is not "fine". */
  readonly unjudged: readonly string[];
  /** Where the environments differ, and limits that could not be judged. */
  readonly notes: readonly string[];
}

export interface CompareSide {
  readonly environment: unknown;
  readonly parameters: unknown;
  readonly rows: readonly ComparableRow[];
}

const ALPHA = 0.05;
/** A difference below one percent is nobody's concern. */
const TOO_SMALL = 0.01;

/** @param a what was, @param b what is */
export function compareBenches(
  a: CompareSide,
  b: CompareSide,
  options: { readonly seed: number; readonly failOn: readonly FailOn[] },
): Comparison {
  const before = new Map(a.rows.map((row) => [rowKey(row), row]));
  const after = new Map(b.rows.map((row) => [rowKey(row), row]));
  const rows = b.rows.map((row) => compareRow(before.get(rowKey(row)), row, options.seed));
  const gone = a.rows.filter((row) => !after.has(rowKey(row)));
  const missing = gone.map((row) => notCompared(row, "is in A alone"));
  const both = b.rows.flatMap((row) => {
    const old = before.get(rowKey(row));
    return old === undefined ? [] : [{ old, row }];
  });
  const limits = options.failOn.map((limit) => {
    const judged = both.map(({ old, row }) => judge(old, row, limit));
    return { text: formatFailOn(limit), judged };
  });
  const judged = both.flatMap((_, at) => limits.flatMap((limit) => limit.judged[at] ?? []));
  const isUnjudged = ({ judged }: (typeof limits)[number]) =>
    judged.every(({ note }) => note !== undefined);
  const notes = differences(a, b);
  if (both.length === 0) notes.push("no row is in both: nothing was compared");
  return {
    rows: [...rows, ...missing],
    failed: judged.flatMap(({ failed }) => failed ?? []),
    unjudged: limits.filter(isUnjudged).map(({ text }) => text),
    notes: [...notes, ...judged.flatMap(({ note }) => note ?? [])],
  };
}

function compareRow(a: ComparableRow | undefined, b: ComparableRow, seed: number): ComparedRow {
  if (a === undefined) return notCompared(b, "is in B alone");
  if (a.samples.length === 0 || b.samples.length === 0) return notCompared(b, "has no rounds");
  const ratio = estimateRatioOfMedians(b.samples, a.samples, { seed });
  const { p, delta } = mannWhitney(a.samples, b.samples);
  const isShown = p < ALPHA && (ratio.low > 1 || ratio.high < 1);
  const isLarge = Math.abs(ratio.median - 1) >= TOO_SMALL;
  const verdict =
    isShown && isLarge ? (ratio.median > 1 ? "regressed" : "improved") : "no difference shown";
  const { suite, name } = b;
  const sentence = sentenceOf(`${suite} ${name}`, ratio, p, isShown, isLarge);
  return { suite, name, ratio, p, delta, verdict, sentence };
}

function sentenceOf(
  name: string,
  ratio: Estimate,
  p: number,
  isShown: boolean,
  isLarge: boolean,
): string {
  const change = `${percent(Math.abs(ratio.median - 1))}`;
  const range = `[${signed(ratio.low - 1)}, ${signed(ratio.high - 1)}]`;
  const chance = p <= 1e-6 ? "p < 0.000001" : `p = ${p.toPrecision(2)}`;
  if (!isShown) return `${name}: no difference shown: ${range}, ${chance}.`;
  if (!isLarge) return `${name}: no difference that matters: ${range}, less than 1 %.`;
  const word = ratio.median > 1 ? "regressed" : "improved";
  const way = ratio.median > 1 ? "more" : "less";
  return `${name} ${word}: an operation takes ${change} ${way} time, ${range}, ${chance}.`;
}

function notCompared({ suite, name }: ComparableRow, why: string): ComparedRow {
  const sentence = `${suite} ${name} ${why}.`;
  const nothing = { ratio: null, p: null, delta: null } as const;
  return { suite, name, ...nothing, verdict: "not compared", sentence };
}

function metricOf(row: ComparableRow, metric: FailMetric): number | null {
  if (metric === "median") return row.ns.median;
  if (metric === "mops") return row.mops.median;
  return row.percentiles[metric];
}

function judge(
  a: ComparableRow,
  b: ComparableRow,
  { metric, limit }: FailOn,
): { failed?: FailedRow; note?: string } {
  const [old, now] = [metricOf(a, metric), metricOf(b, metric)];
  const name = metricName(metric);
  if (old === null || now === null || old <= 0) {
    return { note: `${rowKey(b)}: ${name} was not judged: there were too few chunks to tell it` };
  }
  // Fewer operations are worse, more time is.
  const worse = metric === "mops" ? 1 - now / old : now / old - 1;
  if (worse <= limit) return {};
  return { failed: { suite: b.suite, name: b.name, metric: name, a: old, b: now, worse, limit } };
}

/** One sentence on each limit that was passed; empty: none. */
export function failSentence(failed: readonly FailedRow[]): string {
  if (failed.length === 0) return "";
  const rows = failed.map(({ suite, name, metric, worse, limit }) => {
    return `${suite} ${name} (${metric} ${percent(worse)} worse, limit ${percent(limit)})`;
  });
  const limits = failed.length === 1 ? "a limit was" : `${failed.length} limits were`;
  return `--fail-on: ${limits} passed: ${rows.join("; ")}.`;
}

/** One sentence on limits that no row could be judged by; empty: there is none. */
export function unjudgedSentence(unjudged: readonly string[]): string {
  if (unjudged.length === 0) return "";
  return (
    `--fail-on: expected rows that can be judged by ${unjudged.join(", ")}, got none; try files ` +
    "with rows of the same names, another metric such as median, or a longer --duration"
  );
}

/** What of the environment makes times differ by itself. */
const ENVIRONMENT_PARTS: readonly (readonly [string, readonly string[]])[] = [
  ["CPU", ["cpu", "model"]],
  ["cores", ["cpu", "cores"]],
  ["runtime", ["runtime", "name"]],
  ["runtime version", ["runtime", "version"]],
  ["V8", ["runtime", "v8"]],
  ["flags", ["runtime", "flags"]],
  ["platform", ["os", "platform"]],
  ["architecture", ["os", "arch"]],
  ["slablab", ["slablab", "commit"]],
];
const PARAMETERS = ["size", "scale", "durationMs"];

function differences(a: CompareSide, b: CompareSide): string[] {
  const notes: string[] = [];
  for (const [what, path] of ENVIRONMENT_PARTS) {
    const [left, right] = [textAt(a.environment, path), textAt(b.environment, path)];
    if (left !== right) notes.push(`${what} differs: ${left} in A, ${right} in B`);
  }
  for (const name of PARAMETERS) {
    const [left, right] = [textAt(a.parameters, [name]), textAt(b.parameters, [name])];
    if (left !== right) notes.push(`parameter ${name} differs: ${left} in A, ${right} in B`);
  }
  return notes;
}

function textAt(value: unknown, path: readonly string[]): string {
  let at = value;
  for (const key of path) {
    at = typeof at === "object" && at !== null ? (at as Record<string, unknown>)[key] : undefined;
  }
  if (at === undefined || at === null) return "unknown";
  return Array.isArray(at) ? at.join(" ") || "none" : String(at);
}

function percent(share: number): string {
  const value = share * 100;
  return `${value.toFixed(value >= 10 ? 0 : 1)} %`;
}

function signed(share: number): string {
  return `${share < 0 ? "-" : "+"}${percent(Math.abs(share))}`;
}
