/** Measures what each option of the heap costs, as a ratio to the heap without it. */
import type { Flavour, FlavourLoad, FlavourTask } from "../workload/flavours.js";
import { type InterleavedOptions, measureInterleaved } from "./interleaved.js";
import { type Estimate, estimateMedian, estimatePairedRatio } from "./statistics.js";

export interface FlavourRow {
  readonly flavour: Flavour;
  readonly load: FlavourLoad;
  /** Nanoseconds per allocation and free. */
  readonly ns: Estimate;
  /** To the plain heap, within a round. */
  readonly ratio: Estimate;
}

export interface FlavourResults {
  readonly rounds: number;
  readonly operationsPerSample: number;
  readonly rows: readonly FlavourRow[];
}

export function measureFlavours(
  tasks: readonly FlavourTask[],
  options: InterleavedOptions,
): FlavourResults {
  const { seed } = options;
  const { rounds, operationsPerSample, samples } = measureInterleaved(tasks, options);
  if (rounds === 0) return { rounds, operationsPerSample, rows: [] };
  const rows = tasks.map(({ name, flavour, load }) => {
    const times = samples.get(name) ?? [];
    const plain = samples.get(`plain ${load}`) ?? [];
    const ratio = estimatePairedRatio(times, plain, { seed });
    return { flavour, load, ns: estimateMedian(times, { seed }), ratio };
  });
  return { rounds, operationsPerSample, rows };
}
