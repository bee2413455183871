/**
 * Goal: what the machine found stays fixed. Method: each scenario of docs/found-by-the-machine.md,
 * as small as it was shrunk, is explored completely again: a schedule string belongs to the build
 * that it was found in, a scenario to all.
 */
import { DEFAULT_EXPLORE, explore } from "slablab/internal/machine/explore.js";
import { parseScenario } from "slablab/internal/machine/scenarios/scenario.js";
import { makeStage } from "slablab/internal/machine/scenarios/stage.js";
import { expect, test } from "vitest";

const FOUND: readonly (readonly [string, string])[] = [
  [
    "kfree_nolock() of a task on an RT heap: irq_work at its section's end does not wait either",
    "model/16000/irq-work/rt/setup:c0c1c3x0X1/task:X3/task:s",
  ],
];

test.each(FOUND)("%s", async (_, text) => {
  const stage = await makeStage(parseScenario(text));
  const { finding, complete } = await explore(stage, { ...DEFAULT_EXPLORE, bound: 2 });
  expect(finding).toBeNull();
  expect(complete).toBe(true);
});
