/** Running the self-test programs: all schedules of a policy, and what they left. */
import type { Bounds } from "slablab/internal/machine/core/bounds.js";
import type { Machine } from "slablab/internal/machine/core/machine.js";
import { loadMachineModule } from "slablab/internal/machine/core/module.js";
import type { FoundHere } from "slablab/internal/machine/core/watcher.js";
import { DepthFirst } from "slablab/internal/machine/policies/dfs.js";
import type { Policy } from "slablab/internal/machine/policies/policy.js";
import { COUNTING, selfTestMachine, selfTestTasks } from "slablab/internal/machine/selftest.js";

export interface Searched {
  readonly runs: number;
  readonly pruned: number;
  /** By accesses of a schedule: how many had so many. */
  readonly bySteps: ReadonlyMap<number, number>;
  readonly accesses: number;
  /** Hashes of the memories they left. */
  readonly ends: ReadonlySet<number>;
  readonly findings: readonly FoundHere[];
}

export interface Program {
  readonly tasks: readonly (readonly string[])[];
  readonly handler?: readonly string[];
  readonly bounds?: Partial<Bounds>;
  readonly policy?: Policy;
  /** Called with the machine before the first schedule. */
  readonly prepare?: (machine: Machine) => void;
  /** Called after each schedule, before it is undone. */
  readonly after?: (machine: Machine) => void;
}

export async function search(program: Program): Promise<Searched> {
  const { tasks: programs, handler = [], bounds = {}, policy = new DepthFirst() } = program;
  const machine = selfTestMachine(await loadMachineModule("selftest"), programs.length);
  program.prepare?.(machine);
  const tasks = selfTestTasks(programs, handler);
  const bySteps = new Map<number, number>();
  const ends = new Set<number>();
  const findings: FoundHere[] = [];
  let [runs, pruned] = [0, 0];
  do {
    machine.run(tasks, policy, { ...COUNTING, ...bounds });
    if (machine.found !== null) findings.push(machine.found);
    if (machine.wasPruned) pruned++;
    else {
      runs++;
      bySteps.set(machine.steps, (bySteps.get(machine.steps) ?? 0) + 1);
      ends.add(machine.undo.hash());
      program.after?.(machine);
    }
    machine.restore();
  } while (policy.end());
  return { runs, pruned, bySteps, accesses: machine.accesses, ends, findings };
}
