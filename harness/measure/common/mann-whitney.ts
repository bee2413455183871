/**
 * The Mann-Whitney U test: whether values of one sample tend to be larger than those of another.
 *
 * It asks for the order of values alone, so nothing is assumed of how times are distributed. The
 * p value is the normal approximation with a correction for ties and for continuity, which is good
 * from about eight values a side on. With it comes the size of the effect, which p is not: of many
 * rounds the smallest difference is significant.
 */
import { errorFunction, wilcoxonRankSum } from "simple-statistics";

export interface MannWhitney {
  /** Pairs in which the value of `a` is the larger one; a tie counts half. */
  readonly u: number;
  /** Two-sided, P_SMALLEST..1. */
  readonly p: number;
  /**
   * Cliff's delta, -1..1: how much more often a value of `b` is above one of `a` than below. The
   * probability that it is above, ties counting half, is (1 + delta) / 2.
   */
  readonly delta: number;
}

/** The approximation of the normal distribution is not exact enough to tell less. */
export const P_SMALLEST = 1e-6;
/** Ranking makes an object of each value; more would tell nothing new. */
const VALUES_MAX = 5000;

/** @throws RangeError if a sample is empty */
export function mannWhitney(a: readonly number[], b: readonly number[]): MannWhitney {
  if (a.length === 0 || b.length === 0) {
    throw new RangeError("samples: expected at least one value on both sides, got none");
  }
  const [left, right] = [a.slice(0, VALUES_MAX), b.slice(0, VALUES_MAX)];
  const pairs = left.length * right.length;
  const u = wilcoxonRankSum(left, right) - (left.length * (left.length + 1)) / 2;
  const total = left.length + right.length;
  const ties = tieTerm([...left, ...right]);
  const variance = (pairs / 12) * (total + 1 - ties / (total * (total - 1)));
  const distance = Math.max(0, Math.abs(u - pairs / 2) - 0.5);
  const p = variance > 0 ? 1 - errorFunction(distance / Math.sqrt(2 * variance)) : 1;
  return { u, p: Math.min(1, Math.max(P_SMALLEST, p)), delta: 1 - (2 * u) / pairs };
}

/** Sum of t^3 - t over all values, t how often each occurs. */
function tieTerm(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  let sum = 0;
  for (const count of counts.values()) sum += count ** 3 - count;
  return sum;
}
