/**
 * Goal: percentiles are those of what was recorded. Method: recorders of several CPUs, merged,
 * against the sorted values.
 */
import {
  barsOf,
  decodeHistogram,
  encodeHistogram,
  entriesOfChunks,
  entriesOfRecorders,
  histogramOf,
  percentileNs,
  percentilesOf,
} from "slablab/internal/measure/common/histogram.js";
import { createRandom } from "slablab/internal/workload/random.js";
import { RECORDER_BYTES, Recorder } from "slablab/internal/workload/loads/time-recorder.js";
import { bars } from "slablab/internal/report/bench/bars.js";
import { expect, test } from "vitest";

/** A bucket of the recorder is 0.8 % wide, one of the histogram 0.1 %. */
const PRECISION = 0.01;

function recorders(count: number): Recorder[] {
  const buffer = new SharedArrayBuffer(count * RECORDER_BYTES);
  return Array.from({ length: count }, (_, index) => new Recorder(buffer, index * RECORDER_BYTES));
}

test("percentiles of merged recorders are those of the sorted values", () => {
  const random = createRandom(1);
  const cpus = recorders(3);
  const values: number[] = [];
  for (let index = 0; index < 30_000; index++) {
    // From a nanosecond to a millisecond, evenly by magnitude.
    const ns = 10 ** (random.uniformFloat() * 6);
    values.push(ns);
    cpus[index % 3]?.record(ns, 1);
  }
  values.sort((a, b) => a - b);
  const histogram = histogramOf(entriesOfRecorders(cpus));
  expect(histogram.totalCount).toBe(values.length);
  for (const percent of [0.1, 25, 50, 90, 99, 99.9, 99.99]) {
    const exact = values[Math.ceil((values.length * percent) / 100) - 1] as number;
    const ratio = percentileNs(histogram, percent) / exact;
    expect(Math.abs(ratio - 1), `p${percent}`).toBeLessThan(PRECISION);
  }
});

test("a chunk counts once for each of its operations", () => {
  const [recorder] = recorders(1);
  recorder?.record(10, 900);
  recorder?.record(1000, 100);
  const histogram = histogramOf(entriesOfRecorders(recorder ? [recorder] : []));
  expect(percentileNs(histogram, 90) / 10).toBeCloseTo(1, 1);
  expect(percentileNs(histogram, 91) / 1000).toBeCloseTo(1, 1);
});

test("more operations than 32 bits can count are counted, and survive the file", () => {
  const [recorder] = recorders(1);
  for (let second = 0; second < 10; second++) recorder?.record(2, 1e9);
  recorder?.record(1e12, 1);
  const histogram = histogramOf(entriesOfRecorders(recorder ? [recorder] : []));
  expect(histogram.totalCount).toBe(10_000_000_001);
  const again = decodeHistogram(encodeHistogram(histogram));
  expect(again.totalCount).toBe(histogram.totalCount);
  for (const percent of [50, 99, 100]) {
    expect(again.getValueAtPercentile(percent)).toBe(histogram.getValueAtPercentile(percent));
  }
});

test("a percentile that the chunks cannot tell is null", () => {
  const ns = Array.from({ length: 1000 }, (_, index) => index + 1);
  const histogram = histogramOf(entriesOfChunks(ns, 20_000));
  expect(percentilesOf(histogram, 1000)).toMatchObject({ p99_9: expect.anything(), p99_99: null });
  expect(percentilesOf(histogram, 999)).toMatchObject({ p99: expect.anything(), p99_9: null });
  expect(percentilesOf(histogram, 5)).toMatchObject({ p50: expect.anything(), p90: null });
});

test("bars hold every operation, what is beyond them at their ends", () => {
  const ns = [
    ...Array.from({ length: 990 }, (_, index) => 10 + index / 100),
    ...Array(10).fill(1e6),
  ];
  const entries = entriesOfChunks(ns, 3);
  const { from, to, counts } = barsOf(entries, histogramOf(entries), 10);
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(3000);
  expect([Math.round(from), Math.round(to)]).toEqual([10, 20]);
  expect(counts.at(-1)).toBeGreaterThanOrEqual(30);
  const still = entriesOfChunks([5, 5, 5], 1);
  expect(barsOf(still, histogramOf(still), 4).counts).toEqual([3, 0, 0, 0]);
});

test("a bar is as high as it is often, shows what is rare, and is not wider than a cell", () => {
  expect(bars([0, 1, 50, 100])).toBe(" ▁▄█");
  expect(bars([0, 0])).toBe("  ");
  expect(bars(Array.from({ length: 1000 }, () => 1)).length).toBeLessThanOrEqual(14);
});
