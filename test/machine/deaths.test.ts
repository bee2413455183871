/**
 * Goal: a task may cease before any of its accesses, and nothing else may happen for it.
 * Method: the self-test programs, whose schedules with a death are counted by combinatorics; and a
 * lock whose owner dies.
 */
import { DEFAULT_BOUNDS } from "slablab/internal/machine/core/bounds.js";
import { DEAD } from "slablab/internal/machine/core/fibre.js";
import type { Machine } from "slablab/internal/machine/core/machine.js";
import { loadMachineModule } from "slablab/internal/machine/core/module.js";
import { type Task, operation } from "slablab/internal/machine/core/program.js";
import { RaceDetector } from "slablab/internal/machine/judges/races.js";
import { DepthFirst } from "slablab/internal/machine/policies/dfs.js";
import { selfTestMachine } from "slablab/internal/machine/selftest.js";
import { expect, test } from "vitest";
import { search } from "./support/search.js";

const deaths = 1;

test("one task of two accesses, one death: before the first, the second, or none", async () => {
  const { bySteps } = await search({ tasks: [["increment"]], bounds: { deaths } });
  expect([...bySteps].sort()).toEqual([
    [0, 1],
    [1, 1],
    [2, 1],
  ]);
});

test("two increments, one death: 20 interleavings, and 14 for the death of each", async () => {
  // Steps: start, load, store. Dead after a of them: C(a + 3, 3), for a = 1 and 2.
  const tasks = [["increment"], ["increment"]];
  expect((await search({ tasks })).runs).toBe(20);
  expect((await search({ tasks, bounds: { deaths } })).runs).toBe(20 + 14 + 14);
});

test("learning offers a death once after each change, and leaves out no end", async () => {
  const tasks = [["push"], ["push"]];
  const bounds = { deaths, preemptions: 0, startsAreChoices: false };
  const all = await search({ tasks, bounds });
  const learned = await search({ tasks, bounds: { ...bounds, learns: true } });
  expect(learned.ends).toEqual(all.ends);
  expect(learned.runs).toBeLessThan(all.runs);
});

test("a lock whose owner died is held for ever: deadlock", async () => {
  const tasks = [
    ["lock", "unlock"],
    ["lock", "unlock"],
  ];
  const { findings } = await search({ tasks, bounds: { deaths, startsAreChoices: false } });
  expect(new Set(findings.map(({ kind }) => kind))).toEqual(new Set(["deadlock"]));
});

test("a task that dies in its sleep leaves the others their turns", async () => {
  const bounds = { deaths, startsAreChoices: false };
  const { findings } = await search({ tasks: [["sleep"], ["look"]], bounds });
  // It wakes for nobody; but dead it is nobody's deadlock.
  const { runs } = await search({ tasks: [["sleep"], ["look"]], bounds });
  expect(findings.length).toBeGreaterThan(0);
  expect(findings.length).toBeLessThan(runs);
});

const PROGRAM = ["lock", "increment", "unlock"];

/** Task 0 may die in its section; task 1 breaks its lock then; task 2 is alive. */
function lockTasks(): Task[] {
  const of = (calls: readonly string[]) => calls.map((call) => operation(call));
  const task = (cpu: number, operations: Task["operations"], mayDie: boolean): Task => ({
    ...{ cpu, operations, mayDie },
    handler: of(["increment"]),
  });
  const breaks = { ...operation("unlock"), awaits: 0 };
  return [
    task(0, of(PROGRAM), true),
    task(1, [breaks, ...of(PROGRAM)], false),
    task(2, of(PROGRAM), false),
  ];
}

async function runAll(
  machine: Machine,
  tasks: readonly Task[],
  more: { readonly handlers?: number; readonly preemptions?: number } = {},
) {
  const policy = new DepthFirst();
  const bounds = { ...DEFAULT_BOUNDS, deaths, preemptions: 1, ...more };
  const seen = { dead: 0, inHandler: 0, alive: 0, kinds: new Set<string>() };
  do {
    machine.run(tasks, policy, bounds);
    if (machine.found !== null) seen.kinds.add(machine.found.kind);
    const [first] = machine.fibres;
    if (first?.state === DEAD) seen.dead++;
    else seen.alive++;
    if (first !== undefined && first.state === DEAD && first.depth > 0) seen.inHandler++;
    machine.restore();
  } while (policy.end());
  return seen;
}

test("who awaits a death goes on when it comes, and knows all that happened before", async () => {
  const machine = selfTestMachine(await loadMachineModule("selftest"), 3);
  machine.watchers = [new RaceDetector(machine)];
  const seen = await runAll(machine, lockTasks().slice(0, 2), { preemptions: 0 });
  expect(seen.dead).toBe(4);
  expect([...seen.kinds]).toEqual([]);
});

test("a task that comes to its end needs no reaper: the step is skipped", async () => {
  const machine = selfTestMachine(await loadMachineModule("selftest"), 2);
  const [victim] = lockTasks() as [Task];
  const reaper: Task = {
    ...{ cpu: 1, handler: [] },
    operations: [{ ...operation("forgetful"), awaits: 0 }],
  };
  const tasks = [{ ...victim, mayDie: false }, reaper];
  machine.run(tasks, new DepthFirst(), { ...DEFAULT_BOUNDS, deaths });
  expect(machine.found).toBeNull();
  expect(machine.words[5]).toBe(0);
  machine.restore();
});

test("a task dies inside its NMI handler too", async () => {
  const machine = selfTestMachine(await loadMachineModule("selftest"), 3);
  const seen = await runAll(machine, lockTasks(), { handlers: 1, preemptions: 0 });
  expect(seen.inHandler).toBeGreaterThan(0);
});
