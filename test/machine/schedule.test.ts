/**
 * Goal: a finding can be seen again by whoever has its string, and a string that cannot be trusted
 * is refused. Method: round trips of real schedules, and strings that were tampered with.
 */
import { loadMachineModule } from "slablab/internal/machine/core/module.js";
import { DEFAULT_EXPLORE, boundsOf } from "slablab/internal/machine/explore.js";
import { Replay } from "slablab/internal/machine/policies/replay-policy.js";
import { Random } from "slablab/internal/machine/policies/random-source.js";
import { UniformRandom } from "slablab/internal/machine/policies/uniform-random.js";
import { replay } from "slablab/internal/machine/replay.js";
import { formatSchedule, parseSchedule } from "slablab/internal/machine/schedule.js";
import { SCENARIOS } from "slablab/internal/machine/scenarios/named.js";
import { formatScenario, parseScenario } from "slablab/internal/machine/scenarios/scenario.js";
import { makeStage } from "slablab/internal/machine/scenarios/stage.js";
import { timeline } from "slablab/internal/machine/timeline/timeline.js";
import { describe, expect, test } from "vitest";

const TEXT = "model/16000/irq-work/setup:c0c1c2c3/task:x0c4/task:X1x2/nmi:C5X5";
const RUNS = 40;
const BOUNDS = boundsOf({ ...DEFAULT_EXPLORE, policy: "random", nmi: 1 });

async function randomSchedules(
  bounds = BOUNDS,
): Promise<{ schedule: string; end: number; steps: number }[]> {
  const stage = await makeStage(parseScenario(TEXT));
  const { machine, scenario, tasks } = stage;
  const { build } = machine.module.table;
  const policy = new UniformRandom(new Random(3), RUNS);
  const found = [];
  do {
    machine.run(tasks, policy, bounds);
    if (bounds.deaths === 0) expect(machine.found).toBeNull();
    const schedule = formatSchedule({ build, scenario, deviations: machine.deviations });
    found.push({ schedule, end: machine.undo.hash(), steps: machine.steps });
    machine.restore();
  } while (policy.end());
  return found;
}

describe("a schedule string", () => {
  test("is one printable word, and gives the same accesses and the same memory again", async () => {
    const all = await randomSchedules();
    expect(new Set(all.map(({ schedule }) => schedule)).size).toBe(RUNS);
    const stage = await makeStage(parseScenario(TEXT));
    for (const { schedule, end, steps } of all) {
      expect(schedule).toMatch(/^[\w~/:-]+$/);
      const parsed = parseSchedule(schedule);
      expect(formatSchedule(parsed)).toBe(schedule);
      const { machine, tasks } = stage;
      const policy = new Replay(parsed.deviations);
      machine.run(tasks, policy, BOUNDS);
      const again = { end: machine.undo.hash(), steps: machine.steps, missed: policy.missed };
      machine.restore();
      expect(again).toEqual({ end, steps, missed: 0 });
    }
  });

  test("so it is with a death in it, and the timeline shows where", async () => {
    const all = await randomSchedules({ ...BOUNDS, deaths: 1 });
    const deadly = all.filter(({ schedule }) => /K\d(-|~)/.test(schedule));
    expect(deadly.length).toBeGreaterThan(3);
    const { table } = await loadMachineModule("model");
    for (const { schedule, steps } of deadly) {
      const parsed = parseSchedule(schedule);
      expect(formatSchedule(parsed)).toBe(schedule);
      const again = await replay(parsed);
      expect(again.steps).toBe(steps);
      const text = timeline(again.events, table.sites, { fibres: 2, context: 0 }).join("\n");
      expect(text).toMatch(/x dies before \w+: \w+ \S+/);
    }
  });

  test("every character of it counts", async () => {
    const [{ schedule = "" } = {}] = await randomSchedules();
    expect(() => parseSchedule(schedule.slice(0, -1))).toThrow(/was cut or changed/);
    expect(() => parseSchedule(schedule.slice(0, schedule.length / 2))).toThrow(/was cut/);
    expect(() => parseSchedule(schedule.replace("X1", "X2"))).toThrow(/was cut or changed/);
    expect(() => parseSchedule(`slx9${schedule.slice(4)}`)).toThrow(/version 1, got version 9/);
    expect(() => parseSchedule("hello")).toThrow(/expected a schedule that begins with slx1~/);
  });

  test("of another build is refused, with both builds named", async () => {
    const { table } = await loadMachineModule("model");
    const scenario = parseScenario(TEXT);
    const other = formatSchedule({ build: "00c0ffee", scenario, deviations: [] });
    await expect(replay(parseSchedule(other))).rejects.toThrow(
      `expected a schedule of build ${table.build}, got one of build 00c0ffee`,
    );
  });
});

test("scenarios are what their text says, and refuse what is none", () => {
  for (const { text } of SCENARIOS) {
    const scenario = parseScenario(text);
    expect(parseScenario(formatScenario(scenario))).toEqual(scenario);
  }
  expect(() => parseScenario("model/64/task:k0t1")).toThrow(/step of a program, got t1/);
  expect(() => parseScenario("model/64/irqwork")).toThrow(/word of a scenario, got irqwork/);
});

test("a replay is a timeline: tasks as columns, kernel names, fields, values", async () => {
  const { table } = await loadMachineModule("model");
  const scenario = parseScenario(TEXT);
  const deviations = [{ at: 3, code: 1 }];
  const schedule = formatSchedule({ build: table.build, scenario, deviations });
  const { events, finding } = await replay(parseSchedule(schedule));
  expect(finding).toBeNull();
  const text = timeline(events, table.sites, { fibres: 2, context: 2 }).join("\n");
  expect(text).toContain("task 0");
  expect(text).toMatch(/kfree: load page\[\d+\]\.slab_cache 0x/);
  expect(text).toMatch(/kmem_cache_free\(\) = 0/);
  expect(text).toMatch(/store stat\[own\]\.FREE_FROZEN 0 -> 1 {2}\[sync\/stat\.ts:\d+\]/);
});
