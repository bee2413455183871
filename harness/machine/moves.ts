/**
 * Where tasks may be moved to another CPU at all. Which accesses they survive it before is read
 * from the build (instrument/fast-path.ts); here is what belongs to a CPU for longer than that.
 */
import type { Stage } from "./scenarios/stage.js";

/**
 * Calls that make a CPU or give it up, and sections that end on the CPU they began on: its readers
 * count on it. Who is moved there ends another's.
 */
const BELONGS_TO_CPU = /attach|offline|reap|heap_init|rcu_read/;

/** @returns why no task of it is moved, with what to try; null: moves are explored. */
export function whyNoMoves({ machine, scenario, tasks }: Stage, deaths: number): string | null {
  if (!machine.module.survivesMove.includes(1)) {
    return (
      "expected a build whose this_cpu operations are single instructions, " +
      `got ${scenario.build}; try the same scenario with model`
    );
  }
  if (deaths > 0) {
    return "expected no deaths beside it, since a task dies with its CPU; try without --migrations";
  }
  const calls = tasks.flatMap(({ operations }) => operations.map(({ call }) => call));
  const own = calls.find((call) => BELONGS_TO_CPU.test(call));
  if (own === undefined) return null;
  return `expected tasks that no CPU is bound to, got one with ${own}(); try without --migrations`;
}
