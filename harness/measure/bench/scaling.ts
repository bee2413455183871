/** How CPUs share work: fairness, and how throughput grows with them. */
import { type Estimate, estimatePairedRatio } from "../common/statistics.js";

/**
 * Jain's index of fairness: 1 if all rates are the same, 1/n if one of n CPUs gets everything.
 *
 * @returns 1 if nobody gets anything: nobody is preferred
 */
export function jainIndex(rates: readonly number[]): number {
  const sum = rates.reduce((all, rate) => all + rate, 0);
  const squares = rates.reduce((all, rate) => all + rate * rate, 0);
  return squares === 0 ? 1 : (sum * sum) / (rates.length * squares);
}

/** Throughput by round. */
export interface Throughput {
  readonly cpus: number;
  /** In any unit, the same on both sides. */
  readonly rates: readonly number[];
}

/**
 * Scaling efficiency: throughput of a CPU among many over that of a CPU among few, which is 1 if n
 * CPUs do n times the work. Paired: rounds of one index were measured side by side.
 */
export function scalingEfficiency(many: Throughput, few: Throughput, seed: number): Estimate {
  const each = ({ cpus, rates }: Throughput) => rates.map((rate) => rate / cpus);
  return estimatePairedRatio(each(many), each(few), { seed });
}
