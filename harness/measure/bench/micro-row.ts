/** Rows of micro-benchmarks, from what measureInterleaved() sampled. */
import type { BenchRow } from "./bench-row.js";
import {
  barsOf,
  encodeHistogram,
  entriesOfChunks,
  histogramOf,
  percentilesOf,
} from "../common/histogram.js";
import type { Interleaved } from "./interleaved.js";
import {
  type Estimate,
  estimateMedian,
  estimatePairedDifference,
  estimatePairedRatio,
  mad,
  median,
} from "../common/statistics.js";

export interface MicroTask<Name extends string> {
  readonly suite: string;
  readonly name: Name;
  readonly unit: string;
  readonly load?: string;
  /** The loop that it is compared with. */
  readonly ratioTo?: Name;
  /** The loop whose time is no part of what is measured. */
  readonly without?: Name;
}

const NS_PER_US = 1000;
/** Million operations per second of one that takes a nanosecond. */
const MOPS_NS = 1000;

/** @throws RangeError if there was no round */
export function microRow<Name extends string>(
  task: MicroTask<Name>,
  measured: Interleaved<Name>,
  seed: number,
): BenchRow {
  const { suite, name, unit, load = null, ratioTo, without } = task;
  const samplesOf = (of: Name) => measured.samples.get(of) ?? [];
  const chunks = measured.chunks.get(name) ?? [];
  const samples = samplesOf(name);
  const ns = estimateMedian(samples, { seed });
  const operations = measured.operationsPerSample;
  const entries = entriesOfChunks(chunks, operations);
  const histogram = histogramOf(entries);
  const paired = (other: Name | undefined, combine: typeof estimatePairedRatio) =>
    other === undefined ? null : combine(samples, samplesOf(other), { seed });
  return {
    ...{ suite, name, unit, flavour: null, load, cpus: 1 },
    ...{ rounds: measured.rounds, ns, mad: mad(samples), mops: inverse(ns) },
    netNs: paired(without, estimatePairedDifference),
    ratio: paired(ratioTo, estimatePairedRatio),
    ratioTo: ratioTo ?? null,
    ...{ efficiency: null, efficiencyBase: null, fairness: null },
    percentiles: percentilesOf(histogram, chunks.length),
    chunk: { count: chunks.length, operations, us: (median(chunks) * operations) / NS_PER_US },
    bars: barsOf(entries, histogram),
    hdr: encodeHistogram(histogram),
    ...{ samples, perCpu: [] },
  };
}

/** Fewest ns are most operations. */
function inverse({ median: middle, low, high }: Estimate): Estimate {
  return { median: MOPS_NS / middle, low: MOPS_NS / high, high: MOPS_NS / low };
}
