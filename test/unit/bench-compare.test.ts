/**
 * Goal: a regression is called one, noise is not, and a gate is passed by its limit. Method: rows
 * written by hand, slower and faster by known parts.
 */
import {
  type CompareSide,
  compareBenches,
  failSentence,
  unjudgedSentence,
} from "slablab/internal/measure/bench/bench-compare.js";
import { formatFailOn, parseFailOn } from "slablab/internal/measure/bench/fail-on.js";
import { compareTables } from "slablab/internal/report/bench/bench-compare-text.js";
import { expect, test } from "vitest";
import { rowOf, SEED } from "./support/bench.js";

const OPTIONS = { seed: SEED, failOn: [] };
const ENVIRONMENT = {
  cpu: { model: "A CPU", cores: 2 },
  runtime: { name: "Node", version: "20.1.0", v8: "11", flags: [] },
};

function sideOf(...rows: CompareSide["rows"]): CompareSide {
  return { environment: ENVIRONMENT, parameters: { size: 64, scale: 1 }, rows };
}

function verdictOf(before: number, after: number) {
  return compareBenches(sideOf(rowOf(before)), sideOf(rowOf(after)), OPTIONS).rows[0];
}

test("slower is regressed, faster improved, with a sentence that says by how much", () => {
  const slower = verdictOf(50, 60);
  expect(slower).toMatchObject({ verdict: "regressed", delta: 1 });
  expect(slower?.ratio?.median).toBeCloseTo(1.2, 6);
  expect(slower?.p).toBeLessThan(0.001);
  expect(slower?.sentence).toMatch(
    /^larson fused x1 regressed: an operation takes 20 % more time, \[\+1\d %, \+2\d %\], p/,
  );
  expect(verdictOf(60, 50)).toMatchObject({ verdict: "improved", delta: -1 });
});

test("the same is no difference, and neither is one below a percent", () => {
  expect(verdictOf(50, 50)).toMatchObject({ verdict: "no difference shown", delta: 0, p: 1 });
  const flat = (ns: number) => rowOf(ns, { samples: Array.from({ length: 30 }, () => ns) });
  const [row] = compareBenches(sideOf(flat(50)), sideOf(flat(50.2)), OPTIONS).rows;
  expect(row).toMatchObject({ verdict: "no difference shown", delta: 1 });
  expect(row?.sentence).toContain("less than 1 %");
});

test("rows of one side alone are said to be, and two runs without a common row are noted", () => {
  const { rows, notes } = compareBenches(
    sideOf(rowOf(50, { name: "old" })),
    sideOf(rowOf(50, { name: "new" })),
    OPTIONS,
  );
  expect(rows.map(({ sentence }) => sentence)).toEqual([
    "larson new is in B alone.",
    "larson old is in A alone.",
  ]);
  expect(rows.every(({ verdict }) => verdict === "not compared")).toBe(true);
  expect(notes).toContain("no row is in both: nothing was compared");
});

test("other machines, runtimes and parameters are noted", () => {
  const there = {
    environment: { ...ENVIRONMENT, cpu: { model: "Another", cores: 2 } },
    parameters: { size: 128, scale: 1 },
    rows: [rowOf(50)],
  };
  expect(compareBenches(sideOf(rowOf(50)), there, OPTIONS).notes).toEqual([
    "CPU differs: A CPU in A, Another in B",
    "parameter size differs: 64 in A, 128 in B",
  ]);
});

test("limits are parsed, several at a time, and written as they were", () => {
  expect(parseFailOn("p50:5%")).toEqual([{ metric: "p50", limit: 0.05 }]);
  expect(parseFailOn("p99.9:7.5%, mops:10").map(formatFailOn)).toEqual(["p99.9:7.5%", "mops:10%"]);
  for (const text of ["", "p50", "p50:", "p51:5%", "p50:-5%", "p50:5%,", "mean:5%"]) {
    expect(() => parseFailOn(text), text).toThrow(/expected METRIC:PERCENT, .* try p50:5%/);
  }
});

test.each(["median", "p50", "p90", "mops"])("%s fails above its limit alone", (metric) => {
  const failOn = (limit: string) => parseFailOn(`${metric}:${limit}`);
  const judge = (before: number, after: number, limit: string) =>
    compareBenches(sideOf(rowOf(before)), sideOf(rowOf(after)), {
      seed: SEED,
      failOn: failOn(limit),
    }).failed;
  expect(judge(50, 60, "25%")).toEqual([]);
  expect(judge(60, 50, "1%")).toEqual([]);
  const failed = judge(50, 60, "10%");
  expect(failed).toMatchObject([{ suite: "larson", name: "fused x1", metric, limit: 0.1 }]);
  expect(failSentence(failed)).toMatch(
    new RegExp(`^--fail-on: a limit was passed: larson fused x1 \\(${metric} (17|20) % worse`),
  );
});

const UNTOLD = { p50: 1, p90: null, p99: null, p99_9: null, p99_99: null };

test.each<[string, CompareSide["rows"], CompareSide["rows"], string, string[]]>([
  [
    "no row in common",
    [rowOf(1, { name: "a" })],
    [rowOf(1, { name: "b" })],
    "median:1%,p50:1%",
    ["median:1%", "p50:1%"],
  ],
  ["too few chunks", [rowOf(1, { percentiles: UNTOLD })], [rowOf(1)], "p99:1%", ["p99:1%"]],
  ["one of two", [rowOf(1, { percentiles: UNTOLD })], [rowOf(1)], "p50:1%,p99:1%", ["p99:1%"]],
  ["each by one row", [rowOf(1), rowOf(1, { name: "new" })], [rowOf(1)], "p50:1%", []],
])("a limit that no row could be judged by is said: %s", (_, a, b, limits, expected) => {
  const options = { seed: SEED, failOn: parseFailOn(limits) };
  const { failed, unjudged } = compareBenches(sideOf(...a), sideOf(...b), options);
  expect([failed, unjudged]).toEqual([[], expected]);
  expect(unjudgedSentence(unjudged)).toContain(expected.join(", "));
});

test("a percentile that was not measured is noted, not failed", () => {
  const percentiles = { p50: 1, p90: null, p99: null, p99_9: null, p99_99: null };
  const failOn = parseFailOn("p99:5%");
  const [a, b] = [rowOf(50, { percentiles }), rowOf(60)];
  const { failed, notes } = compareBenches(sideOf(a), sideOf(b), { seed: SEED, failOn });
  expect([failed, notes]).toEqual([[], [expect.stringContaining("p99 was not judged")]]);
});

test("the text has a line and a sentence for each row, within 100 columns", () => {
  const rows = Array.from({ length: 9 }, (_, index) => rowOf(50 + index, { name: `row ${index}` }));
  const failOn = parseFailOn("median:1%,mops:1%");
  const before = sideOf(...rows.map((row) => ({ ...rowOf(50), name: row.name })));
  const text = compareTables(compareBenches(before, sideOf(...rows), { seed: SEED, failOn }));
  expect(text.split("\n").filter((line) => line.length > 100)).toEqual([]);
  expect(text).toContain("larson row 8 regressed");
  expect(text).toContain("limits were passed");
});
