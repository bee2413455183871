/** Measures what each option of the heap costs, as a ratio to the heap without it. */
import type { FlavourTask } from "../../workload/option-tasks.js";
import type { BenchRow } from "./bench-row.js";
import { type InterleavedOptions, measureInterleaved } from "./interleaved.js";
import { microRow } from "./micro-row.js";

export interface FlavourResults {
  readonly rounds: number;
  readonly operationsPerSample: number;
  readonly rows: readonly BenchRow[];
}

export async function measureFlavours(
  tasks: readonly FlavourTask[],
  options: InterleavedOptions,
): Promise<FlavourResults> {
  const measured = await measureInterleaved(tasks, options);
  const { rounds, operationsPerSample } = measured;
  if (rounds === 0) return { rounds, operationsPerSample, rows: [] };
  const rows = tasks.map(({ name, flavour, load }) => {
    const unit = load === "pair" ? "kmalloc + kfree, one CPU" : "the same, freed by another CPU";
    const task = { suite: "options", name, unit, flavour, load, ratioTo: `plain ${load}` } as const;
    return microRow(task, measured, options.seed);
  });
  return { rounds, operationsPerSample, rows };
}
