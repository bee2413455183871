/**
 * Goal: the allocator holds under every schedule of the scenarios that matter most, on each commit.
 * Method: the smallest of `slablab explore --all`, each explored completely within its bounds; and
 * proof that what the exploration leaves out it may leave out.
 */
import {
  DEFAULT_EXPLORE,
  type ExploreOptions,
  type ExploreResult,
  boundsOf,
  explore,
} from "slablab/internal/machine/explore.js";
import { DepthFirst } from "slablab/internal/machine/policies/dfs.js";
import { LEARNING_PROOF, SCENARIOS } from "slablab/internal/machine/scenarios/named.js";
import { parseScenario } from "slablab/internal/machine/scenarios/scenario.js";
import { type Stage, makeStage } from "slablab/internal/machine/scenarios/stage.js";
import { describe, expect, test } from "vitest";
import { rows, someRows } from "../support/tier.js";
import { SOME_ARMS } from "../support/arms.js";
import { COUNTERS } from "../unit/support/counters.js";

/**
 * Explored on each commit: those whose arm matters, and others that reached.test.ts does not run;
 * the rest takes `slablab explore --all`.
 */
const QUICK = ["nmi-frees", "nmi-deferred", "defer-drain", "pair-nmi"];
/** In the ordinary run the first of each kind. */
const SINGLE = [
  ...["nmi-aba-irq-work", "one-slab-irq-work", "refill-irq-work", "shrink-irq-work"],
  ...["nocmpxchg", "rt-pair", "out-of-memory", "release-pair", "sleepers", "rcu", "rcu-reader"],
  ...["enough-for-a-wish", "enough-while-sorted", "enough-on-lists", "enough-in-a-group"],
  ...["enough-on-lists-bounded"],
  ...["destroy-polling", "bulk-pair", "nodes-pair", "offline-pair", "memcg-pair", "realloc-pair"],
];

async function exploreText(text: string, options: Partial<ExploreOptions>): Promise<ExploreResult> {
  const stage = await makeStage(parseScenario(text));
  return explore(stage, { ...DEFAULT_EXPLORE, ...options });
}

function named(name: string) {
  const found = SCENARIOS.find((each) => each.name === name);
  if (found === undefined) throw new Error(`expected a scenario called ${name}, got none`);
  return found;
}

describe.each(SOME_ARMS)("the arm %s", (arm) => {
  test.each(QUICK)("%s: every schedule within its bounds", async (shape) => {
    const { text, options } = named(`${shape}-${arm}`);
    const { complete, finding } = await exploreText(text, options);
    expect(finding).toBeNull();
    expect(complete).toBe(true);
  });
});

const LARGER = /^(out-of-memory|destroy-polling|enough-(while|on|in)-.*|rcu-reader|nodes-pair)$/;

test.each(rows(SINGLE, (name) => !LARGER.test(name)))(
  "%s: every schedule within its bounds",
  async (name) => {
    const { text, options } = named(name);
    expect(await exploreText(text, options)).toMatchObject({ complete: true, finding: null });
  },
);

test("an NMI is injected before every access that is reached", async () => {
  const { text, options } = named("nmi-slabs-irq-work");
  const stage = await makeStage(parseScenario(text));
  const alone = await makeStage(parseScenario(text.replace(/\/nmi:.*/, "")));
  await explore(stage, { ...DEFAULT_EXPLORE, ...options });
  await explore(alone, { ...DEFAULT_EXPLORE, bound: 0 });
  const passed = [...alone.machine.passed.keys()].filter((site) => alone.machine.passed[site]);
  expect(passed.length).toBeGreaterThan(100);
  expect(passed.filter((site) => stage.machine.injected[site] === 0)).toEqual([]);
});

test.each(someRows(LEARNING_PROOF, 1))("learning leaves nothing out: %s", async (text) => {
  const learned = await exploreText(text, { bound: 2, learns: true });
  const all = await exploreText(text, { bound: 2, learns: false });
  expect([learned.complete, all.complete]).toEqual([true, true]);
  expect(learned.states).toBe(all.states);
  expect(learned.lastRound).toBeLessThan(all.lastRound);
});

test("a copy before which its task is suspended is still the same copy", async () => {
  const text = "model/4096/irq-work/setup:k0k1/task:u0f0/task:u1k2f2";
  expect(await exploreText(text, { bound: 2, schedules: 500 })).toMatchObject({ finding: null });
});

test("nolock calls end within a bounded number of their own accesses", async () => {
  const { text, options } = named("nmi-nested-irq-work");
  const { nolockSteps } = await exploreText(text, options);
  expect(nolockSteps).toBeGreaterThan(50);
  expect(nolockSteps).toBeLessThan(500);
});

describe("windows that no test by hand reaches", () => {
  /** The most that a counter of the scenario's own cache ever counted in one schedule. */
  async function reach(text: string, options: Partial<ExploreOptions>, counter: string) {
    const stage = await makeStage(parseScenario(text));
    const { machine, tasks } = stage;
    const policy = new DepthFirst();
    const bounds = boundsOf({ ...DEFAULT_EXPLORE, ...options, learns: false });
    let most = 0;
    do {
      machine.run(tasks, policy, bounds);
      expect(machine.found).toBeNull();
      most = Math.max(most, countOf(stage, counter));
      machine.restore();
    } while (policy.end());
    return most;
  }

  function countOf({ view, scenario }: Stage, counter: string): number {
    view.refresh();
    const cache = [...view.caches()].find(({ name }) => name === "own");
    const item = COUNTERS.get(counter);
    if (cache === undefined || item === undefined) throw new Error(`there is no ${counter}`);
    const cpus = Array.from({ length: scenario.cpus }, (_, cpu) => cpu);
    const at = (cpu: number) => cache.stat_base + cpu * view.table.constants.STAT_STRIDE + item * 8;
    return cpus.reduce((sum, cpu) => sum + view.u64(at(cpu)), 0);
  }

  test("CMPXCHG_DOUBLE_FAIL: two CPUs free to one slab at the same moment", async () => {
    const text = "model/16000/irq-work/part0/setup:c0c1c2/task:x0/task:x1";
    expect(await reach(text, { bound: 1 }, "CMPXCHG_DOUBLE_FAIL")).toBeGreaterThan(0);
  });

  test("CMPXCHG_DOUBLE_CPU_FAIL: an NMI between load and cmpxchg of the cpu word", async () => {
    const text = "model/8000/irq-work/setup:c0c1x1/task:X0C2/nmi:C3X3";
    const options = { bound: 0, nmi: 1 };
    expect(await reach(text, options, "CMPXCHG_DOUBLE_CPU_FAIL")).toBeGreaterThan(0);
  });
});

describe("tasks and CPUs are two things", () => {
  test("two tasks of one CPU, preempted wherever that is allowed", async () => {
    const text = "model/64/irq-work/cpus1/setup:k0k1/task0:k2f2/task0:f1k3";
    const result = await exploreText(text, { bound: 2 });
    expect(result).toMatchObject({ complete: true, finding: null });
    expect(result.lastRound).toBeGreaterThan(300);
  });

  test("a task is moved before any access of the fast paths", async () => {
    const text = "model/64/irq-work/cpus2/setup:k0k1/task:k2f2";
    const result = await exploreText(text, { bound: 1, migrations: 1 });
    expect(result).toMatchObject({ complete: true, finding: null });
    // Four accesses of the pop, five of the push, and none.
    expect(result.lastRound).toBe(4 + 5 + 1);
  });
});
