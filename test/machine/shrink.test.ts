/**
 * Goal: a finding is small when it is printed, and its string shows it again. Method: a task that
 * is moved to another CPU inside a slow path, which slow paths do not survive (no Worker is ever
 * moved): a finding that is there on purpose, among operations that have nothing to do with it.
 */
import { DEFAULT_EXPLORE, type ExploreOptions, explore } from "slablab/internal/machine/explore.js";
import { replay } from "slablab/internal/machine/replay.js";
import { parseSchedule } from "slablab/internal/machine/schedule.js";
import { formatProgram, parseScenario } from "slablab/internal/machine/scenarios/scenario.js";
import { makeStage } from "slablab/internal/machine/scenarios/stage.js";
import { shrink } from "slablab/internal/machine/shrink.js";
import { expect, test } from "vitest";

const TEXT = "model/16000/irq-work/cpus2/setup:c0c1k5f5/task:k3pf3c2x2p";
const OPTIONS: ExploreOptions = {
  ...DEFAULT_EXPLORE,
  bound: 1,
  migrations: 1,
  movesAnywhere: true,
};

test("operations and decisions that a finding does not need are left out", async () => {
  const scenario = parseScenario(TEXT);
  const { finding } = await explore(await makeStage(scenario), OPTIONS);
  if (finding === null) throw new Error("expected a finding, got none");
  const small = await shrink(scenario, finding, OPTIONS);
  const [task] = small.scenario.tasks;
  expect(formatProgram(task?.program ?? [])).toMatch(/^[a-z]\d?$/);
  expect(small.finding.deviations).toHaveLength(1);
  const { finding: again } = await replay(parseSchedule(small.finding.schedule));
  expect(again).toMatchObject({ kind: finding.kind });
  expect(again?.schedule).toBe(small.finding.schedule);
});
