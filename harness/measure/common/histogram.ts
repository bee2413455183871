/**
 * Distributions of times as HDR histograms: values in picoseconds, known to a thousandth.
 *
 * What is recorded is the time of a *chunk* of operations divided by their number, counted once
 * for each of them: a slow operation hides among the others of its chunk, so a tail here is one of
 * chunks. A percentile beyond what the chunks can tell is null.
 */
import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from "hdr-histogram-js";
import { PS_PER_NS, type Recorder } from "../../workload/loads/time-recorder.js";

export const PERCENTILES = { p50: 50, p90: 90, p99: 99, p99_9: 99.9, p99_99: 99.99 } as const;
export type PercentileName = keyof typeof PERCENTILES;
/** ns per operation; null: there were too few chunks to tell. */
export type Percentiles = Readonly<Record<PercentileName, number | null>>;

/** How often operations took between `from` and `to` ns, in bars of the same width. */
export interface Bars {
  readonly from: number;
  readonly to: number;
  readonly counts: readonly number[];
}

const SIGNIFICANT_DIGITS = 3;
/** 18 minutes; it grows if need be. */
const HIGHEST_PS = 2 ** 50;
/** Counts of operations go beyond 2^32, so the counts are doubles. */
const COUNT_BITS = 64;
const BARS = 24;

/** So many operations took so long each. */
export interface Entry {
  readonly ps: number;
  readonly count: number;
}

/** What all these recorders have seen, together. */
export function entriesOfRecorders(recorders: readonly Recorder[]): Entry[] {
  return recorders.flatMap((recorder) => [...recorder.read()]);
}

/** Chunks of the same number of operations. @param chunksNs ns per operation of each chunk */
export function entriesOfChunks(chunksNs: readonly number[], operations: number): Entry[] {
  return chunksNs.map((ns) => ({
    ps: Math.max(0, Math.round(ns * PS_PER_NS)),
    count: operations,
  }));
}

export function histogramOf(entries: readonly Entry[]): Histogram {
  const histogram = build({
    bitBucketSize: COUNT_BITS,
    autoResize: true,
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_PS,
    numberOfSignificantValueDigits: SIGNIFICANT_DIGITS,
  });
  for (const { ps, count } of entries) histogram.recordValueWithCount(ps, count);
  return histogram;
}

/** ns per operation below which `percent` of the operations lie. */
export function percentileNs(histogram: Histogram, percent: number): number {
  return histogram.getValueAtPercentile(percent) / PS_PER_NS;
}

/** @param chunks how many were recorded: the worst of 1000 is the 99.9th percentile, no further */
export function percentilesOf(histogram: Histogram, chunks: number): Percentiles {
  const entries = Object.entries(PERCENTILES).map(([name, percent]) => {
    // 100 - 99.99 is a little below 0.01.
    const beyond = Math.round((100 - percent) * 100) / 10_000;
    return [name, chunks * beyond >= 1 ? percentileNs(histogram, percent) : null];
  });
  return Object.fromEntries(entries) as Percentiles;
}

/** Bars from the first to the 99th percentile; those at the ends have what lies beyond, too. */
export function barsOf(entries: readonly Entry[], histogram: Histogram, bars = BARS): Bars {
  const from = percentileNs(histogram, 1);
  const to = Math.max(percentileNs(histogram, 99), from * 1.01);
  const counts = new Array<number>(bars).fill(0);
  for (const { ps, count } of entries) {
    const bar = Math.floor(((ps / PS_PER_NS - from) / (to - from)) * bars);
    const clamped = Math.min(bars - 1, Math.max(0, bar));
    counts[clamped] = (counts[clamped] ?? 0) + count;
  }
  return { from, to, counts };
}

/** A histogram as a line of text that every HdrHistogram reads. */
export function encodeHistogram(histogram: Histogram): string {
  return encodeIntoCompressedBase64(histogram);
}

/** @throws Error if it is none */
export function decodeHistogram(text: string): Histogram {
  return decodeFromCompressedBase64(text, COUNT_BITS);
}
