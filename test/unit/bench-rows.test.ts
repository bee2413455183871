/**
 * Goal: rows say what windows held, and warn of what makes them doubtful. Method: runs written by
 * hand whose figures are known, one for each warning.
 */
import { fitCounts } from "slablab/internal/measure/bench/bench-run.js";
import {
  allSuites,
  closestName,
  defaultSuites,
  matchSuites,
} from "slablab/internal/measure/bench/bench-suites.js";
import { machineWarnings, rowWarnings } from "slablab/internal/measure/bench/bench-warnings.js";
import { loadFindings, loadRows } from "slablab/internal/measure/bench/load-rows.js";
import { larson } from "slablab/internal/workload/loads/larson.js";
import { expect, test } from "vitest";
import { rowOf, runOf, SEED, steady, variantOf, WINDOW_NS, windowOf } from "./support/bench.js";

const CLOCK = { timerResolutionNs: 100 };

function kindsOf(row: Parameters<typeof rowWarnings>[0], timerResolutionNs = 100): string[] {
  return rowWarnings(row, { timerResolutionNs }).map(({ kind }) => kind);
}

test("a row of one CPU has the time per operation and operations per second", () => {
  const [row] = loadRows(runOf(variantOf("fused", steady(50))), SEED);
  expect(row).toMatchObject({ suite: "larson", name: "fused x1", cpus: 1, rounds: 20 });
  expect(row?.ns.median).toBeCloseTo(50, 6);
  expect(row?.mops.median).toBeCloseTo(20, 3);
  expect(row?.mad).toBeCloseTo(0.5, 6);
  expect(row?.chunk).toMatchObject({ operations: expect.closeTo(200), us: expect.closeTo(10, 1) });
  expect((row?.percentiles.p50 ?? 0) / 50).toBeCloseTo(1, 1);
  expect([row?.efficiency, row?.fairness, row?.netNs, row?.perCpu]).toEqual([null, null, null, []]);
});

test("imports are net of the flavour null and a ratio to fused, within windows", () => {
  // The machine halves its speed in every other window: it cancels.
  const scale = (ns: number) => [1, 2, 1, 2, 1, 2].map((slow) => windowOf(ns * slow));
  const run = runOf(
    variantOf("fused", scale(40)),
    variantOf("imports", scale(50)),
    variantOf("null", scale(10)),
  );
  const [fused, imports, none] = loadRows(run, SEED);
  expect(imports?.ratio).toMatchObject({ median: expect.closeTo(1.25), low: expect.closeTo(1.25) });
  expect(imports?.ratioTo).toBe("fused x1");
  expect(imports?.netNs?.median).toBeCloseTo(60, 6);
  expect([fused?.netNs, none?.netNs, fused?.ratio]).toEqual([null, null, null]);
});

test("windows that not every CPU ended are left out on both sides", () => {
  const run = runOf(
    variantOf("fused", [windowOf(40), null, windowOf(80), windowOf(40)]),
    variantOf("imports", [windowOf(80), windowOf(1), windowOf(160), null]),
  );
  const [fused, imports] = loadRows(run, SEED);
  expect([fused?.rounds, imports?.rounds]).toEqual([3, 3]);
  expect(imports?.ratio).toMatchObject({ median: expect.closeTo(2), high: expect.closeTo(2) });
});

test("CPUs have rows, efficiency is relative to the fewest, fairness is Jain's", () => {
  const run = runOf(
    variantOf("fused", [windowOf(40), windowOf(40)]),
    variantOf("fused", [windowOf(50, 100), windowOf(50, 100)]),
  );
  const [, two] = loadRows(run, SEED);
  // 20 + 10 million a second against 25.
  expect(two?.mops.median).toBeCloseTo(30, 4);
  expect(two?.efficiency?.median).toBeCloseTo(30 / (2 * 25), 4);
  expect(two?.efficiencyBase).toBe(1);
  expect(two?.fairness?.median).toBeCloseTo(30 ** 2 / (2 * (20 ** 2 + 10 ** 2)), 4);
  expect(two?.perCpu.map(({ ns }) => ns?.median)).toEqual([
    expect.closeTo(50, 6),
    expect.closeTo(100, 6),
  ]);
  // Both ran for as long: 50 ns twice as often as 100 ns.
  expect(two?.ns.median).toBeCloseTo(200 / 3, 3);
});

test("CPUs that took turns have done no more than fits in their time together", () => {
  const spanNs = 2 * WINDOW_NS;
  const turns = [windowOf(50, 50).map((each) => ({ ...each, spanNs }))];
  const [row] = loadRows(runOf(variantOf("fused", turns)), SEED);
  expect(row?.mops.median).toBeCloseTo(20, 4);
});

test("a CPU that did nothing has no time, and a variant without operations has no row", () => {
  const nothing = {
    operations: 0,
    elapsedNs: WINDOW_NS,
    idleNs: WINDOW_NS,
    chunks: 0,
    spanNs: WINDOW_NS,
  };
  const half = [windowOf(50).concat(nothing), windowOf(50).concat(nothing)];
  const rows = loadRows(runOf(variantOf("fused", half), variantOf("null", [[nothing]])), SEED);
  expect(rows.map(({ name }) => name)).toEqual(["fused x2"]);
  expect(rows[0]?.perCpu[1]).toMatchObject({ ns: null, idleShare: 1 });
});

test("what a heap held, what was damaged and want of memory are findings", () => {
  const end = {
    variant: 0,
    steps: 1,
    pagesWritten: null,
    remote: 0,
    damaged: 2,
    isOutOfMemory: true,
  };
  const findings = ["3 objects left in kmalloc-64"];
  const run = runOf(variantOf("fused", steady(50), { findings, ends: [end, end] }));
  expect(loadFindings(run)).toEqual([
    { suite: "larson", row: "fused x1", message: "3 objects left in kmalloc-64" },
    { suite: "larson", row: "fused x1", message: "4 objects were not as their owner left them" },
    {
      suite: "larson",
      row: "fused x1",
      message: expect.stringContaining("ran out of memory; try"),
    },
  ]);
  expect(loadFindings(runOf(variantOf("fused", steady(50))))).toEqual([]);
});

test("a steady row is not warned of", () => {
  expect(kindsOf(rowOf(50))).toEqual([]);
});

test("a clock that is coarse against a chunk is warned of", () => {
  expect(kindsOf(rowOf(50), 5000)).toEqual(["timer"]);
  expect(kindsOf(rowOf(50), 400)).toEqual([]);
});

test("rounds that differ are warned of, and so are halves that do", () => {
  const wild = Array.from({ length: 20 }, (_, round) => windowOf(round % 2 === 0 ? 50 : 80));
  const rows = loadRows(runOf(variantOf("fused", wild)), SEED);
  expect(rows.flatMap((row) => kindsOf(row))).toEqual(["unstable"]);
  const turning = [...steady(50, 1, 10), ...steady(54, 1, 10)];
  const [drifting] = loadRows(runOf(variantOf("fused", turning)), SEED);
  const [warning] = drifting === undefined ? [] : rowWarnings(drifting, CLOCK);
  expect(warning).toMatchObject({
    kind: "drift",
    message: expect.stringContaining("8.0 % slower"),
  });
});

test("a loop that costs no more than none is warned of", () => {
  const run = runOf(variantOf("imports", steady(10)), variantOf("null", steady(10)));
  const [imports, none] = loadRows(run, SEED);
  expect(imports === undefined ? [] : kindsOf(imports, 10)).toEqual(["optimised-away"]);
  expect(none === undefined ? [] : kindsOf(none, 10)).toEqual([]);
  expect(kindsOf(rowOf(0.01), 0.01)).toEqual(["optimised-away"]);
});

test("a CPU that waits for work is warned of", () => {
  const waiting = { operations: 100, elapsedNs: 2e7, idleNs: 5e6, chunks: 1, spanNs: 2e7 };
  const windows = steady(50).map(([own]) => (own ? [own, waiting] : []));
  const [row] = loadRows(runOf(variantOf("fused", windows)), SEED);
  const warnings = row === undefined ? [] : rowWarnings(row, CLOCK);
  expect(warnings).toMatchObject([
    { kind: "idle", message: expect.stringMatching(/CPU 1 .* 25 %/) },
  ]);
});

test("a busy machine and more CPUs than cores are warned of, an idle one is not", () => {
  const machine = { cores: 2, loadAverage: 0.4, timerResolutionNs: 100 };
  expect(machineWarnings(machine, [1, 2])).toEqual([]);
  expect(machineWarnings({ ...machine, loadAverage: null }, [1])).toEqual([]);
  const both = machineWarnings({ ...machine, loadAverage: 1.5 }, [1, 4]);
  expect(both.map(({ kind }) => kind)).toEqual(["load-average", "cpus"]);
  expect(both[1]).toMatchObject({
    message: "4 CPUs share 2 cores",
    advice: expect.stringContaining("try --cpus 2"),
  });
});

test("a load runs on CPU counts that it can, and says if they are others", () => {
  const pair = { ...larson, name: "pair", cpusMin: 2, cpusMax: 4 };
  expect(fitCounts(pair, [2, 4])).toEqual({ cpuCounts: [2, 4], adjusted: [] });
  const { cpuCounts, adjusted } = fitCounts(pair, [1, 8]);
  expect(cpuCounts).toEqual([2, 4]);
  expect(adjusted).toMatchObject([{ kind: "adjusted", suite: "pair" }]);
});

test("a filter means a suite, suites like it, loads, all, or rows", () => {
  const suites = allSuites();
  const names = (filter: string) => matchSuites(suites, filter).map(({ name }) => name);
  expect(names("fastpath")).toEqual(["fastpath"]);
  expect(names("fast")).toEqual(["fastpath"]);
  expect(names("loads")).toContain("larson");
  expect(names("loads")).not.toContain("options");
  expect(names("all")).toEqual(suites.map(({ name }) => name));
  expect(matchSuites(suites, "nolock-pair")).toMatchObject([
    { name: "fastpath", only: ["nolock-pair"] },
  ]);
  expect(names("nothing-like-it")).toEqual([]);
  expect(defaultSuites(suites).map(({ name }) => name)).toContain("fastpath");
});

test("the default takes less than a minute", () => {
  const SECONDS_EACH = 5 + 3;
  expect(defaultSuites(allSuites()).length * SECONDS_EACH).toBeLessThan(60);
});

test("a name that is nearly right is suggested", () => {
  const names = ["fastpath", "options", "larson"];
  expect(closestName(names, "larsen")).toBe("larson");
  expect(closestName(names, "fastpaht")).toBe("fastpath");
  expect(closestName(names, "zebra")).toBeNull();
});
