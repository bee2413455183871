/**
 * Medians with intervals: what every measured number of the harness is reported as.
 *
 * An interval is the seeded percentile bootstrap: the samples are drawn again with replacement many
 * times, and the middle 95 % of the medians of those draws is the interval. Medians, because one
 * interrupted round must not move the result; a bootstrap, because times are never normal.
 *
 * Ratios and differences are *paired*: both arms are measured in the same round, the quotient is
 * taken within the round, and rounds are resampled as a whole. What slows a round as a whole
 * therefore cancels.
 */
import { medianAbsoluteDeviation, medianSorted, quantileSorted } from "simple-statistics";
import { createRandom } from "../../workload/random.js";

/** A median and its 95 % interval; all three in the unit of the samples. */
export interface Estimate {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export interface BootstrapOptions {
  /** Names the draws; the same seed gives the same interval. */
  readonly seed: number;
  /** @default 2000 */
  readonly resamples?: number;
  /** Share of the draws inside the interval, above 0 and below 1. @default 0.95 */
  readonly confidence?: number;
}

/** Keeps the draws apart from whatever else uses the run's seed. */
const BOOTSTRAP_STREAM = 0xb007;

/** @throws RangeError if there are no samples or one is not finite. */
export function median(samples: readonly number[]): number {
  return medianSorted(sorted(samples));
}

/** Median absolute deviation from the median, unscaled. @throws RangeError as `median`. */
export function mad(samples: readonly number[]): number {
  return medianAbsoluteDeviation(sorted(samples));
}

/** The value below which a part `share` (0..1) of the samples lies. @throws RangeError too. */
export function quantile(samples: readonly number[], share: number): number {
  if (!(share >= 0 && share <= 1)) {
    throw new RangeError(`share: expected a number in 0..1, got ${share}; try 0.99 for the p99`);
  }
  return quantileSorted(sorted(samples), share);
}

/** The median of `samples` with its interval. */
export function estimateMedian(samples: readonly number[], options: BootstrapOptions): Estimate {
  return bootstrapMedian(samples, options);
}

/** The median over rounds of `numerators[i] / denominators[i]`, with its interval. */
export function estimatePairedRatio(
  numerators: readonly number[],
  denominators: readonly number[],
  options: BootstrapOptions,
): Estimate {
  const ratios = pairwise(numerators, denominators, (a, b) => a / b);
  return bootstrapMedian(ratios, options);
}

/** The median over rounds of `minuends[i] - subtrahends[i]`, with its interval. */
export function estimatePairedDifference(
  minuends: readonly number[],
  subtrahends: readonly number[],
  options: BootstrapOptions,
): Estimate {
  const differences = pairwise(minuends, subtrahends, (a, b) => a - b);
  return bootstrapMedian(differences, options);
}

/**
 * The ratio of two medians of samples that were not taken in pairs: of two runs. Both sides are
 * drawn again by themselves.
 */
export function estimateRatioOfMedians(
  numerators: readonly number[],
  denominators: readonly number[],
  options: BootstrapOptions,
): Estimate {
  const above = bootstrapMedians(sorted(numerators), options, BOOTSTRAP_STREAM);
  const below = bootstrapMedians(sorted(denominators), options, BOOTSTRAP_STREAM + 1);
  const ratios = above.map((value, draw) => value / (below[draw] as number));
  return intervalOf(median(numerators) / median(denominators), ratios, options);
}

function bootstrapMedian(samples: readonly number[], options: BootstrapOptions): Estimate {
  const source = sorted(samples);
  const medians = bootstrapMedians(source, options, BOOTSTRAP_STREAM);
  return intervalOf(medianSorted(source), medians, options);
}

/** The medians of draws from `source`, which is sorted, in no order. */
function bootstrapMedians(
  source: readonly number[],
  { seed, resamples = 2000 }: BootstrapOptions,
  stream: number,
): Float64Array {
  if (!Number.isInteger(resamples) || resamples < 1) {
    throw new RangeError(`resamples: expected an integer from 1 on, got ${resamples}; try 2000`);
  }
  const random = createRandom(seed, stream);
  const draw = new Float64Array(source.length);
  const medians = new Float64Array(resamples);
  for (let resample = 0; resample < resamples; resample++) {
    for (let index = 0; index < draw.length; index++) {
      draw[index] = source[Math.floor(random.uniformFloat() * source.length)] as number;
    }
    medians[resample] = medianOfSorted(draw.sort());
  }
  return medians;
}

/** The middle part of what was drawn, around the value that was measured. */
function intervalOf(
  value: number,
  draws: Float64Array,
  { confidence = 0.95 }: BootstrapOptions,
): Estimate {
  if (!(confidence > 0 && confidence < 1)) {
    throw new RangeError(`confidence: expected above 0 and below 1, got ${confidence}; try 0.95`);
  }
  const inOrder = Array.from(draws).sort((a, b) => a - b);
  const tail = (1 - confidence) / 2;
  return {
    median: value,
    low: quantileSorted(inOrder, tail),
    high: quantileSorted(inOrder, 1 - tail),
  };
}

function medianOfSorted(values: Float64Array): number {
  const middle = values.length >> 1;
  const upper = values[middle] as number;
  return values.length % 2 === 1 ? upper : ((values[middle - 1] as number) + upper) / 2;
}

function pairwise(
  left: readonly number[],
  right: readonly number[],
  combine: (a: number, b: number) => number,
): number[] {
  if (left.length !== right.length) {
    throw new RangeError(
      `pairs: expected as many samples on both sides, got ${left.length} and ${right.length}; ` +
        "try to drop a discarded round from both",
    );
  }
  return left.map((value, index) => combine(value, right[index] as number));
}

/** A sorted copy; refuses what would silently turn a result into NaN. */
function sorted(samples: readonly number[]): number[] {
  if (samples.length === 0) {
    throw new RangeError("samples: expected at least one, got none; try a longer duration");
  }
  const bad = samples.findIndex((sample) => !Number.isFinite(sample));
  if (bad !== -1) {
    throw new RangeError(
      `samples: expected finite numbers, got ${samples[bad]} at index ${bad}; ` +
        "try to leave rounds without a result out",
    );
  }
  return [...samples].sort((a, b) => a - b);
}
