/**
 * Goal: when the machine says "all schedules", it is all. Method: programs whose numbers of
 * interleavings follow from combinatorics, counted exactly.
 *
 * Convention: a task's part before its first access is a step of its own (except where a test says
 * otherwise), every access is one; a push that fails loads the head again.
 */
import { DepthFirst } from "slablab/internal/machine/policies/dfs.js";
import { Pct } from "slablab/internal/machine/policies/pct.js";
import { Random } from "slablab/internal/machine/policies/random-source.js";
import { UniformRandom } from "slablab/internal/machine/policies/uniform-random.js";
import { RoundRobin } from "slablab/internal/machine/policies/round-robin.js";
import { describe, expect, test } from "vitest";
import { isWhole } from "../support/tier.js";
import { search } from "./support/search.js";

const PUSH = ["push"];
const INCREMENT = ["increment", "increment"];
/** Accesses of a push that succeeds at once. */
const PUSH_STEPS = 3;

describe("depth first", () => {
  test("two pushes: 70 = C(8, 4) schedules, 60 with a failed cmpxchg, 600 accesses", async () => {
    const { runs, bySteps, accesses, findings } = await search({ tasks: [PUSH, PUSH] });
    expect({ runs, accesses, findings }).toEqual({ runs: 70, accesses: 600, findings: [] });
    expect(Object.fromEntries(bySteps)).toEqual({ [2 * PUSH_STEPS]: 10, [3 * PUSH_STEPS]: 60 });
  });

  test("without the step before the first access: 20 = C(6, 3)", async () => {
    const bounds = { startsAreChoices: false };
    expect((await search({ tasks: [PUSH, PUSH], bounds })).runs).toBe(20);
  });

  test.runIf(isWhole)("three pushes: 1 002 690 schedules", async () => {
    expect((await search({ tasks: [PUSH, PUSH, PUSH] })).runs).toBe(1_002_690);
  });

  test("two times two increments: 252 = C(10, 5) schedules, 224 lose an update", async () => {
    let lost = 0;
    const { runs } = await search({
      tasks: [INCREMENT, INCREMENT],
      after: ({ words }) => {
        lost += Number(words[1] !== 4);
      },
    });
    expect({ runs, lost }).toEqual({ runs: 252, lost: 224 });
  });

  test("a bound of 0 preemptions runs every order of whole tasks; 1 and 2 run more", async () => {
    const runs = [];
    for (const preemptions of [0, 1, 2, Number.POSITIVE_INFINITY]) {
      const bounds = { preemptions, startsAreChoices: false };
      runs.push((await search({ tasks: [INCREMENT, INCREMENT], bounds })).runs);
    }
    expect(runs[0]).toBe(2);
    expect(runs[3]).toBe(70);
    expect([...runs]).toEqual([...runs].sort((a, b) => a - b));
  });
});

describe("NMIs, at most one before each access", () => {
  test("one push, at most one NMI: 4 runs", async () => {
    const bounds = { handlers: 1 };
    expect((await search({ tasks: [PUSH], handler: PUSH, bounds })).runs).toBe(4);
  });

  test("at most two, nested or one after the other: 22 runs", async () => {
    const bounds = { handlers: 2, handlerDepth: 2 };
    expect((await search({ tasks: [PUSH], handler: PUSH, bounds })).runs).toBe(22);
  });

  test("two CPUs, an NMI on each, suspended inside: all get through", async () => {
    const bounds = { handlers: 1, preemptions: 2 };
    const { runs, findings, bySteps } = await search({
      tasks: [PUSH, PUSH],
      handler: PUSH,
      bounds,
    });
    expect(runs).toBeGreaterThan(1000);
    expect(findings).toEqual([]);
    expect(Math.min(...bySteps.keys())).toBe(2 * PUSH_STEPS);
  });
});

describe("sleep sets", () => {
  test.each([
    ["pushes", [PUSH, PUSH]],
    ["three pushes", [PUSH, PUSH, PUSH]],
    ["increments", [INCREMENT, INCREMENT]],
  ])("%s: fewer schedules, the same ends", async (_name, tasks) => {
    const bounds = { startsAreChoices: false };
    const all = await search({ tasks, bounds });
    const some = await search({ tasks, bounds, policy: new DepthFirst({ sleepSets: true }) });
    expect(some.ends).toEqual(all.ends);
    expect(some.runs).toBeLessThan(all.runs / 2);
  });
});

describe("policies that choose at random", () => {
  // One task stores 19 .. 0, the other looks: a bug only if it looks after the last of them.
  const tasks = [["steps"], ["look"]];
  const RUNS = 2000;
  const isHit = (hits: { count: number }) => (machine: { readonly words: Int32Array }) => {
    hits.count += Number(machine.words[3] === 1);
  };
  const prepare = (machine: { readonly words: Int32Array }) => {
    machine.words[2] = 99;
  };

  test("PCT of depth 1 hits with probability 1/2, whatever the length", async () => {
    const hits = { count: 0 };
    const policy = new Pct(new Random(1), { depth: 1, runs: RUNS, fibres: 2 });
    const after = isHit(hits);
    await search({ tasks, policy, after, prepare });
    expect(hits.count / RUNS).toBeGreaterThan(0.45);
    expect(hits.count / RUNS).toBeLessThan(0.55);
  });

  test("uniform choices hit with 2^-20: not in 2000 schedules", async () => {
    const hits = { count: 0 };
    const policy = new UniformRandom(new Random(1), RUNS);
    await search({ tasks, policy, after: isHit(hits), prepare });
    expect(hits.count).toBe(0);
  });

  test("a seed gives the same schedules", async () => {
    const one = await search({ tasks: [PUSH, PUSH], policy: new UniformRandom(new Random(7), 50) });
    const two = await search({ tasks: [PUSH, PUSH], policy: new UniformRandom(new Random(7), 50) });
    expect(two.bySteps).toEqual(one.bySteps);
  });

  test("round robin is one schedule", async () => {
    expect((await search({ tasks: [PUSH, PUSH], policy: new RoundRobin() })).runs).toBe(1);
  });
});
