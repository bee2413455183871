/**
 * How fast the machine is: schedules a second of two pushes and of a kmalloc/kfree scenario with
 * every judge on, and the price of a context switch.
 */
import type { Machine } from "./core/machine.js";
import { loadMachineModule } from "./core/module.js";
import { type Task, operation } from "./core/program.js";
import { boundsOf, DEFAULT_EXPLORE } from "./explore.js";
import { DepthFirst } from "./policies/dfs.js";
import { RoundRobin } from "./policies/round-robin.js";
import { parseScenario } from "./scenarios/scenario.js";
import { makeStage } from "./scenarios/stage.js";
import { COUNTING, selfTestMachine, selfTestTasks } from "./selftest.js";

export interface BenchResults {
  /** Schedules a second of two pushes, all of them over and over. */
  readonly twoPushPerSecond: number;
  /** Schedules a second of one kmalloc and kfree on each of two CPUs. */
  readonly kmallocKfreePerSecond: number;
  /** Accesses of one such schedule. */
  readonly kmallocKfreeAccesses: number;
  /** A suspension and a resumption, hooks included. */
  readonly nsPerSwitch: number;
  /** An access at which nothing happens. */
  readonly nsPerAccess: number;
}

/** Both CPUs free objects of one full slab, then allocate and free. */
export const KMALLOC_KFREE = "model/4096/irq-work/setup:k0k1k2k3/task:f0k4f4/task:f1k5f5";
const SWITCHES = 20_000;
const ROUNDS = 5;

export async function bench(millisecondsEach: number): Promise<BenchResults> {
  const push = await benchTwoPush(millisecondsEach);
  const heap = await benchKmalloc(millisecondsEach);
  const { perSwitch, perAccess } = await benchSwitch();
  return {
    twoPushPerSecond: Math.round(push),
    kmallocKfreePerSecond: Math.round(heap.perSecond),
    kmallocKfreeAccesses: Math.round(heap.accesses),
    nsPerSwitch: Math.round(perSwitch),
    nsPerAccess: Math.round(perAccess),
  };
}

/** The best of some equal parts: other work on this computer only makes it slower. */
function best(milliseconds: number, once: () => number): number {
  let fastest = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const begun = performance.now();
    let done = 0;
    let elapsed = 0;
    while (elapsed < milliseconds / ROUNDS) {
      done += once();
      elapsed = performance.now() - begun;
    }
    fastest = Math.max(fastest, (done / elapsed) * 1000);
  }
  return fastest;
}

async function benchTwoPush(milliseconds: number): Promise<number> {
  const machine = selfTestMachine(await loadMachineModule("selftest"), 2);
  const tasks = selfTestTasks([["push"], ["push"]]);
  return best(milliseconds, () => {
    const policy = new DepthFirst();
    let schedules = 0;
    do {
      machine.run(tasks, policy, COUNTING);
      machine.restore();
      schedules++;
    } while (policy.end());
    return schedules;
  });
}

async function benchKmalloc(
  milliseconds: number,
): Promise<{ readonly perSecond: number; readonly accesses: number }> {
  const { machine, tasks, quiescence } = await makeStage(parseScenario(KMALLOC_KFREE));
  const bounds = boundsOf({ ...DEFAULT_EXPLORE, bound: 2, learns: false });
  let policy = new DepthFirst();
  let schedules = 0;
  const perSecond = best(milliseconds, () => {
    for (let count = 0; count < 64; count++) {
      machine.run(tasks, policy, bounds);
      quiescence.judge();
      machine.restore();
      if (!policy.end()) policy = new DepthFirst();
    }
    schedules += 64;
    return 64;
  });
  return { perSecond, accesses: machine.accesses / schedules };
}

/** The same accesses with a switch at each, and with none. */
async function benchSwitch(): Promise<{ readonly perSwitch: number; readonly perAccess: number }> {
  const machine = selfTestMachine(await loadMachineModule("selftest"), 2);
  const task = (cpu: number): Task => ({
    ...{ cpu, handler: [] },
    operations: [operation("steps", SWITCHES / 2 - 1)],
  });
  const tasks = [task(0), task(1)];
  const time = (quantum: number) => timeOf(machine, tasks, quantum);
  const perSwitch = Math.min(...Array.from({ length: ROUNDS }, () => time(1)));
  const perAccess = Math.min(...Array.from({ length: ROUNDS }, () => time(SWITCHES)));
  return { perSwitch, perAccess };
}

/** Nanoseconds for an access of this schedule. */
function timeOf(machine: Machine, tasks: readonly Task[], quantum: number): number {
  const begun = performance.now();
  machine.run(tasks, new RoundRobin(quantum), COUNTING);
  const elapsed = performance.now() - begun;
  machine.restore();
  return (elapsed * 1e6) / machine.steps;
}
