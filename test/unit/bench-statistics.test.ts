/**
 * Goal: what bench says of two samples and of many CPUs is right. Method: published vectors, and
 * extremes whose answers are known.
 */
import { P_SMALLEST, mannWhitney } from "slablab/internal/measure/common/mann-whitney.js";
import { jainIndex, scalingEfficiency } from "slablab/internal/measure/bench/scaling.js";
import { estimateRatioOfMedians } from "slablab/internal/measure/common/statistics.js";
import { expect, test } from "vitest";

const SEED = 0x51ab1ab;

test("Mann-Whitney agrees with the example in SciPy's documentation", () => {
  const { u, p } = mannWhitney([19, 22, 16, 29, 24], [20, 11, 17, 12]);
  expect(u).toBe(17);
  expect(p).toBeCloseTo(0.11134688653314041, 6);
});

test("Mann-Whitney agrees with R on ties: ozone in May and in August", () => {
  const may = [
    ...[41, 36, 12, 18, 28, 23, 19, 8, 7, 16, 11, 14, 18],
    ...[14, 34, 6, 30, 11, 1, 11, 4, 32, 23, 45, 115, 37],
  ];
  const august = [
    ...[39, 9, 16, 78, 35, 66, 122, 89, 110, 44, 28, 65, 22],
    ...[59, 23, 31, 44, 21, 9, 45, 168, 73, 76, 118, 84, 85],
  ];
  const { u, p, delta } = mannWhitney(may, august);
  expect(u).toBe(127.5);
  expect(p).toBeCloseTo(0.0001208, 7);
  expect(delta).toBeCloseTo(1 - (2 * 127.5) / (26 * 26), 12);
});

test("the effect is 1 where every value is above, 0 where nothing differs, and has a sign", () => {
  expect(mannWhitney([1, 2, 3], [4, 5, 6]).delta).toBe(1);
  expect(mannWhitney([4, 5, 6], [1, 2, 3]).delta).toBe(-1);
  expect(mannWhitney([1, 2, 3], [1, 2, 3])).toMatchObject({ delta: 0, p: 1 });
  expect(mannWhitney([7, 7, 7], [7, 7])).toMatchObject({ delta: 0, p: 1 });
});

test("p is never said to be smaller than the approximation can tell", () => {
  const low = Array.from({ length: 200 }, (_, index) => index);
  const high = low.map((value) => value + 1000);
  expect(mannWhitney(low, high).p).toBe(P_SMALLEST);
  expect(() => mannWhitney([], high)).toThrow("expected at least one value on both sides");
});

test("Jain's index is 1 of equals, 1/n if one has all, and in between as published", () => {
  expect(jainIndex([3, 3, 3, 3])).toBe(1);
  expect(jainIndex([8, 0, 0, 0])).toBe(0.25);
  // Jain, Chiu and Hawe 1984: k of n users served alike have an index of k/n.
  expect(jainIndex([5, 5, 0, 0, 0])).toBeCloseTo(0.4, 12);
  expect(jainIndex([0, 0])).toBe(1);
});

test("efficiency is throughput of a CPU among many over that among few, within rounds", () => {
  const few = { cpus: 1, rates: [10, 20, 40] };
  const many = { cpus: 4, rates: [30, 60, 120] };
  expect(scalingEfficiency(many, few, SEED)).toEqual({ median: 0.75, low: 0.75, high: 0.75 });
});

test("the ratio of two runs holds the ratio of their medians, and 1 if they are alike", () => {
  const a = Array.from({ length: 40 }, (_, index) => 100 + ((index * 7) % 11));
  const same = estimateRatioOfMedians(a, [...a].reverse(), { seed: SEED });
  expect(same.median).toBe(1);
  expect(same.low).toBeLessThanOrEqual(1);
  expect(same.high).toBeGreaterThanOrEqual(1);
  const double = estimateRatioOfMedians(
    a.map((value) => value * 2),
    a,
    { seed: SEED },
  );
  expect(double.median).toBe(2);
  expect(double.low).toBeGreaterThan(1.8);
  expect(double.high).toBeLessThan(2.2);
});
