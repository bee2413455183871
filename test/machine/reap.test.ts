/**
 * Goal: the heap survives the death of a CPU at any access, on each commit. Method: the smallest of
 * the scenarios with deaths, each explored completely; and findings that are there on purpose.
 */
import { DEFAULT_EXPLORE, type ExploreOptions, explore } from "slablab/internal/machine/explore.js";
import { Losses } from "slablab/internal/machine/judges/losses.js";
import { replay } from "slablab/internal/machine/replay.js";
import { parseSchedule } from "slablab/internal/machine/schedule.js";
import { SCENARIOS } from "slablab/internal/machine/scenarios/named.js";
import { formatProgram, parseScenario } from "slablab/internal/machine/scenarios/scenario.js";
import { makeStage } from "slablab/internal/machine/scenarios/stage.js";
import { shrink } from "slablab/internal/machine/shrink.js";
import { describe, expect, test } from "vitest";
import { rows, someRows } from "../support/tier.js";

/** Explored on each commit; the others take `slablab explore --all`. */
const QUICK = [
  ...["death-kmalloc", "death-large", "death-shrink", "death-rcu", "death-rt", "death-nocmpxchg"],
  ...["death-slabs-irq-work", "death-frees-irq-work", "death-nolock-irq-work"],
  ...["death-nolock-direct", "death-nolock-global", "death-nolock-percpu-switch"],
  ...["death-beside-frees", "death-two-nolock", "death-two-slabs"],
  ...["death-bulk", "death-memcg-large", "death-growth", "death-destroy", "death-offline"],
  ...["death-blocker", "death-all", "death-all-reaper"],
];
/** What one access of the victim and its reaping cost, roughly. */
const DEATHS_MIN = 40;

async function exploreText(text: string, options: Partial<ExploreOptions>) {
  const stage = await makeStage(parseScenario(text));
  return explore(stage, { ...DEFAULT_EXPLORE, ...options });
}

/** Two deaths, or what a smaller scenario does, too, with fewer words. */
const LARGER = /^death-(beside|two|all-reaper|memcg|shrink|nocmpxchg|sheaf-(f|o|b)|nolock-(d|g|p))/;

test.each(rows(QUICK, (name) => !LARGER.test(name)))(
  "%s: a death before every access is survived",
  async (name) => {
    const found = SCENARIOS.find((each) => each.name === name);
    if (found === undefined) throw new Error(`expected a scenario called ${name}, got none`);
    const { finding, complete, deaths } = await exploreText(found.text, found.options);
    expect(finding).toBeNull();
    expect(complete).toBe(true);
    expect(deaths).toBeGreaterThan(DEATHS_MIN);
  },
);

/** Enough that one dies in the middle of each other's calls. */
const IN_ANY_ORDER = SCENARIOS.filter(({ name }) => /^death-.*(?:reaper|two)/.test(name));

test.each(someRows(IN_ANY_ORDER, 3))("$name: it holds in any order", async ({ text, options }) => {
  const random = { policy: "random", seed: 3, schedules: 200 } as const;
  const { finding, deaths } = await exploreText(text, { ...options, ...random });
  expect(finding).toBeNull();
  expect(deaths).toBeGreaterThan(0);
});

test("learning leaves no death out: the same ends without it", async () => {
  const text = "model/16000/irq-work/kib448/setup:c0c1c2/task:x0/task:D0c20";
  const learned = await exploreText(text, { bound: 0, deaths: 1 });
  const all = await exploreText(text, { bound: 0, deaths: 1, learns: false });
  expect([learned.complete, all.complete]).toEqual([true, true]);
  expect([learned.finding, all.finding]).toEqual([null, null]);
  expect(learned.lastRound).toBeLessThan(all.lastRound);
  expect(learned.states).toBeLessThanOrEqual(all.states);
  expect(learned.losses.allowance).toBe(0);
});

describe("what should be found is found", () => {
  test("a CPU that nobody reaps, in the smallest program, with its replay", async () => {
    const scenario = parseScenario("model/64/irq-work/kib448/setup:k0k1/task:k2f0k3/task:k4f1");
    const options = { ...DEFAULT_EXPLORE, bound: 1, deaths: 1 };
    const { finding } = await explore(await makeStage(scenario), options);
    expect(finding).toMatchObject({ kind: "reap" });
    if (finding === null) return;
    const small = await shrink(scenario, finding, options);
    const steps = small.scenario.tasks.reduce((sum, { program }) => sum + program.length, 0);
    expect(steps).toBe(1);
    expect(small.finding.schedule).toMatch(/~\w+K\d~\w{4}$/);
    const { finding: again } = await replay(parseSchedule(small.finding.schedule));
    expect(again).toMatchObject({ kind: "reap", schedule: small.finding.schedule });
  });

  test("a death that came later than anybody asked; the steps about it stay", async () => {
    const scenario = parseScenario("model/64/irq-work/kib448/setup:k0/task:k2f0k3/task:E0k4");
    const options = { ...DEFAULT_EXPLORE, bound: 0, deaths: 1 };
    const { finding } = await explore(await makeStage(scenario), options);
    expect(finding?.message).toBe("the task of CPU 0 died, and nobody reaped it; try a step D0");
    if (finding === null) return;
    const { tasks } = (await shrink(scenario, finding, options)).scenario;
    expect(tasks.map(({ program }) => formatProgram(program)).at(-1)).toBe("E0");
  });

  test("who reaped as the dead CPU died later than anybody asked", async () => {
    const text = "model/16000/irq-work/kib448/setup1:h/setup2:h/task:c0/task:e0T0/task:e0G10T0";
    const { finding } = await exploreText(text, { bound: 1, deaths: 2 });
    expect(finding).toMatchObject({ kind: "reap" });
    expect(finding?.message).toMatch(/whoever reaped it, as CPU 0, did not come to the end; try/);
  });

  test("an object that was in nobody's hands may not be lost", async () => {
    const { machine } = await makeStage(parseScenario("model/64/task:k0"));
    const losses = new Losses(machine.module.table.sites, () => 0);
    losses.begin();
    expect(losses.unexplained([4096])).toEqual([4096]);
    expect(losses.counts).toMatchObject({ argument: 0, result: 0, allowance: 0 });
  });
});

test("a task is the CPU that it recovers as, also if it is none before and after", async () => {
  const text = "model/16000/irq-work/kib448/setup1:h/task:c0/task:e0T0";
  const { finding, complete } = await exploreText(text, { bound: 0, deaths: 1 });
  expect(finding).toBeNull();
  expect(complete).toBe(true);
});

test("a step that reaps is refused where it makes no sense", () => {
  expect(() => parseScenario("model/64/task:k0/task:D2")).toThrow(/number of another task, got D2/);
  expect(() => parseScenario("model/64/task:D0/task:k0")).toThrow(/number of another task, got D0/);
  const inTasks = /expected D, E, e, T or G in tasks only/;
  expect(() => parseScenario("model/64/task:k0/nmi:D0")).toThrow(inTasks);
  expect(() => parseScenario("model/64/task:k0/task:E1")).toThrow(/another task, got E1/);
});
