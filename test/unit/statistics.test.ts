/**
 * Goal: a reported interval means what it says. Method: known vectors, coverage over many seeded
 * samples of a known distribution, and what must be refused.
 */
import { createRandom } from "slablab/internal/workload/random.js";
import {
  estimateMedian,
  estimatePairedDifference,
  estimatePairedRatio,
  mad,
  median,
  quantile,
} from "slablab/internal/measure/common/statistics.js";
import { expect, test } from "vitest";

const SEED = 0x51ab1ab;

test("median, MAD and quantile of known samples", () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([1, 2, 3, 10])).toBe(2.5);
  expect(mad([1, 1, 2, 2, 4, 6, 9])).toBe(1);
  expect(quantile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 1)).toBe(10);
  expect(quantile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0)).toBe(1);
});

test("samples are left in the order they came in", () => {
  const samples = [3, 1, 2];
  estimateMedian(samples, { seed: SEED });
  expect(samples).toEqual([3, 1, 2]);
});

test("the interval encloses the median and depends on the seed alone", () => {
  const random = createRandom(SEED);
  const samples = Array.from({ length: 40 }, () => random.uniformFloat());
  const first = estimateMedian(samples, { seed: SEED });
  expect(first.low).toBeLessThan(first.median);
  expect(first.high).toBeGreaterThan(first.median);
  expect(estimateMedian(samples, { seed: SEED })).toEqual(first);
  expect(estimateMedian(samples, { seed: SEED + 1 })).not.toEqual(first);
});

test("one sample is its own interval", () => {
  expect(estimateMedian([7], { seed: SEED })).toEqual({ median: 7, low: 7, high: 7 });
});

test("the 95 % interval covers the true median in 90 to 99 % of 400 experiments", () => {
  const random = createRandom(SEED);
  let coveredCount = 0;
  for (let experiment = 0; experiment < 400; experiment++) {
    // Skewed, as times are: the true median of -log(u) is log 2.
    const samples = Array.from({ length: 31 }, () => -Math.log(1 - random.uniformFloat()));
    const { low, high } = estimateMedian(samples, { seed: experiment, resamples: 400 });
    if (low <= Math.LN2 && Math.LN2 <= high) coveredCount++;
  }
  expect(coveredCount / 400).toBeGreaterThan(0.9);
  expect(coveredCount / 400).toBeLessThan(0.99);
});

test("what slows a whole round cancels in a paired ratio", () => {
  const random = createRandom(SEED);
  const noise = Array.from({ length: 25 }, () => 1 + 9 * random.uniformFloat());
  const slow = noise.map((factor) => 3 * factor);
  const ratio = estimatePairedRatio(slow, noise, { seed: SEED });
  expect(ratio.median).toBeCloseTo(3, 12);
  expect(ratio.high - ratio.low).toBeLessThan(1e-9);
  expect(estimateMedian(slow, { seed: SEED }).high).toBeGreaterThan(ratio.high);
});

test("a paired difference is the median of the differences", () => {
  const difference = estimatePairedDifference([5, 16, 27], [1, 11, 22], { seed: SEED });
  expect(difference.median).toBe(5);
  expect(difference).toMatchObject({ low: 4, high: 5 });
});

test("samples that cannot give a result are refused with what to do", () => {
  expect(() => median([])).toThrow("at least one");
  expect(() => median([1, Number.NaN])).toThrow("NaN at index 1");
  expect(() => quantile([1], 99)).toThrow("try 0.99");
  expect(() => estimatePairedRatio([1, 2], [1], { seed: SEED })).toThrow("2 and 1");
  expect(() => estimatePairedRatio([1], [0], { seed: SEED })).toThrow("Infinity");
  expect(() => estimateMedian([1], { seed: SEED, confidence: 95 })).toThrow("try 0.95");
  expect(() => estimateMedian([1], { seed: SEED, resamples: 0 })).toThrow("try 2000");
});
