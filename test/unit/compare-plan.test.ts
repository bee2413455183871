/**
 * Goal: a comparison is planned as it was asked for, and its traffic is the same for every arm.
 * Method: the pure parts, on many parameters.
 */
import { burstsOf, shareOf } from "slablab/internal/workload/traffic.js";
import {
  lifetimeConditions,
  mainConditions,
  makePlan,
  piecesOf,
  slopeKey,
} from "slablab/internal/measure/compare/compare-plan.js";
import { expect, test } from "vitest";
import { PARAMETERS } from "./support/compare.js";

test("the default is four rounds of slots of 100 ms", () => {
  const plan = makePlan(mainConditions(PARAMETERS), { durationMs: null, rounds: null });
  expect(plan.rounds).toBe(4);
  expect(plan.slotMs).toBeCloseTo(100);
  expect(plan.durationMs).toBe(2400);
});

test("a short duration keeps three rounds and shortens the slots", () => {
  const plan = makePlan(mainConditions(PARAMETERS), { durationMs: 300, rounds: null });
  expect(plan.rounds).toBe(3);
  expect(plan.slotMs).toBeCloseTo(300 / 6 / 3);
});

test("rounds alone decide how long an arm is measured", () => {
  const plan = makePlan(mainConditions(PARAMETERS), { durationMs: null, rounds: 7 });
  expect(plan.rounds).toBe(7);
  expect(plan.slotMs).toBeCloseTo(100);
  expect(plan.durationMs).toBeCloseTo(4200);
});

test("a slot of 100 ms comes in pieces, but a lifetime is not cut", () => {
  const conditions = mainConditions(PARAMETERS);
  const plan = makePlan(conditions, { durationMs: null, rounds: null });
  const [slope] = conditions;
  expect(slope === undefined ? 0 : piecesOf(plan, slope)).toBe(5);
  const [lifetime] = lifetimeConditions(PARAMETERS);
  expect(lifetime === undefined ? 0 : piecesOf(plan, lifetime)).toBe(1);
});

test("one load alone has its slope and no second table", () => {
  const parameters = { ...PARAMETERS, load: "fifo" } as const;
  expect(mainConditions(parameters).map(({ key }) => key)).toEqual(
    PARAMETERS.shares.map((share) => slopeKey(share)),
  );
  expect(lifetimeConditions(parameters)).toEqual([]);
});

test("a single CPU has no victim: nobody is there to disturb it", () => {
  const keysOf = (cpus: number) => mainConditions({ ...PARAMETERS, cpus }).map(({ key }) => key);
  expect(keysOf(2)).toContain("fast path");
  expect(keysOf(1)).not.toContain("fast path");
});

test.each([0, 0.0001, 0.001, 0.01, 0.03, 0.1, 0.9, 1])(
  "a share of %d is met over many phases, and no phase has more bursts than frees",
  (share) => {
    for (const burst of [1, 3, 4, 64]) {
      const traffic = { ...PARAMETERS, burst };
      const frees = 4096;
      const phases = 1000;
      let nolock = 0;
      for (let phase = 0; phase < phases; phase++) {
        const bursts = burstsOf(traffic, phase, frees, share);
        expect(bursts * burst).toBeLessThanOrEqual(frees);
        nolock += bursts * burst;
      }
      const most = Math.floor(frees / burst) * burst * phases;
      expect(Math.abs(nolock - Math.min(share * frees * phases, most))).toBeLessThanOrEqual(burst);
    }
  },
);

test("the last CPUs are the ones that free nolock only", () => {
  const traffic = { ...PARAMETERS, cpus: 3, nolockCpus: 1 };
  expect([0, 1, 2].map((cpu) => shareOf(traffic, cpu, 0.1))).toEqual([0.1, 0.1, 1]);
});
