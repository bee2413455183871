/** Goal: results read the same everywhere. Method: exact text of small tables and documents. */
import { readEnvironment } from "slablab/internal/measure/common/environment.js";
import { createReport, serializeReport } from "slablab/internal/report/common/json.js";
import {
  formatCount,
  formatNs,
  formatPercent,
  formatRatio,
  renderTable,
} from "slablab/internal/report/common/table.js";
import { expect, test } from "vitest";

const estimate = (median: number, low: number, high: number) => ({ median, low, high });

test("times keep three digits in the unit of their median", () => {
  expect(formatNs(estimate(16.64, 16.1, 17.21))).toBe("16.6 ns [16.1, 17.2]");
  expect(formatNs(estimate(1.234, 0.5, 2))).toBe("1.23 ns [0.50, 2.00]");
  expect(formatNs(estimate(9_999, 9_000, 11_000))).toBe("9999 ns [9000, 11000]");
  expect(formatNs(estimate(45_600, 45_000, 47_000))).toBe("45.6 us [45.0, 47.0]");
  expect(formatNs(estimate(45_600_000, 45e6, 47e6))).toBe("45.6 ms [45.0, 47.0]");
  expect(formatNs(estimate(-12.34, -13, -11))).toBe("-12.3 ns [-13.0, -11.0]");
  expect(formatNs(null)).toBe("-");
});

test("ratios, counts and shares have one format each", () => {
  expect(formatRatio(estimate(1.7, 1.62, 1.81))).toBe("1.70x [1.62, 1.81]");
  expect(formatCount(12_345.4)).toBe("12,345");
  expect(formatPercent(3.3)).toBe("3.30 %");
});

test("a table aligns numbers right and text left, without colour or trailing blanks", () => {
  const rows = [
    ["global", "28.4 ns", "1,000"],
    ["none", "6.6 ns", "-"],
  ];
  expect(renderTable({ head: ["arm", "free", "drains"], rows }).split("\n")).toEqual([
    "arm        free  drains",
    "───────────────────────",
    "global  28.4 ns   1,000",
    "none     6.6 ns       -",
  ]);
});

test("a document names its schema and refuses what JSON cannot hold", () => {
  const environment = readEnvironment();
  const parts = { command: "compare", environment, seed: 1, parameters: {} } as const;
  const report = createReport({ ...parts, results: { freeNs: estimate(1, 1, 1), noneNs: null } });
  expect(report.schema).toBe("slablab/compare/v1");
  expect(JSON.parse(serializeReport(report))).toEqual(report);
  const broken = createReport({ ...parts, results: { freeNs: Number.NaN } });
  expect(() => serializeReport(broken)).toThrow("expected freeNs to be finite, got NaN");
});
