/** Measures what each option of the heap costs, as a ratio to the heap without it. */
import type { OptionTask } from "../../workload/option-tasks.js";
import type { BenchRow } from "./bench-row.js";
import { type InterleavedOptions, measureInterleaved } from "./interleaved.js";
import { microRow } from "./micro-row.js";

export interface OptionResults {
  readonly rounds: number;
  readonly operationsPerSample: number;
  readonly rows: readonly BenchRow[];
}

export async function measureOptions(
  tasks: readonly OptionTask[],
  options: InterleavedOptions,
): Promise<OptionResults> {
  const measured = await measureInterleaved(tasks, options);
  const { rounds, operationsPerSample } = measured;
  if (rounds === 0) return { rounds, operationsPerSample, rows: [] };
  const rows = tasks.map(({ name, load }) => {
    const unit = load === "pair" ? "kmalloc + kfree, one CPU" : "the same, freed by another CPU";
    const task = { suite: "options", name, unit, load, ratioTo: `plain ${load}` } as const;
    return microRow(task, measured, options.seed);
  });
  return { rounds, operationsPerSample, rows };
}
