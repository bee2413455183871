/**
 * Goal: ratios are paired and withheld where they would mislead; a sentence claims no more than
 * its interval. Method: tables of slots written by hand.
 */
import { FLOOR_ARM, MERGED_ARM, RIVAL_ARM, VERSION_1_ARM } from "slablab/internal/heap/arms.js";
import { type ArmInputs, armResult } from "slablab/internal/measure/compare/compare-arm.js";
import { NOLOCK_KEY, slopeKey, VICTIM_KEY } from "slablab/internal/measure/compare/compare-plan.js";
import { armRatios } from "slablab/internal/measure/compare/compare-ratios.js";
import { SlotTable } from "slablab/internal/measure/compare/compare-table.js";
import {
  answer,
  armVerdicts,
  breakEvenRaiseNs,
} from "slablab/internal/measure/compare/compare-verdicts.js";
import { expect, test } from "vitest";
import { countsOf, FREES, PARAMETERS, slotOf } from "./support/compare.js";

const MAIN = slopeKey(0.1);
const ROUNDS = [0, 1, 2, 3, 4];

/** Five rounds of rising load on the machine, which every arm shares. */
function tableOf(freeNs: Readonly<Record<string, number>>): SlotTable {
  const table = new SlotTable();
  for (const round of ROUNDS) {
    for (const [arm, ns] of Object.entries(freeNs)) {
      const slot = slotOf(ns * (1 + round / 4), { nolockFrees: FREES * 0.1, victimNs: ns / 2 });
      for (const key of [...PARAMETERS.shares.map(slopeKey), NOLOCK_KEY, VICTIM_KEY]) {
        table.set(arm as "none", key, round, slot);
      }
    }
  }
  return table;
}

function verdictInputs(inputs: ArmInputs) {
  const arms = inputs.parameters.arms.map((arm) => armResult(inputs, arm));
  return { ...inputs, arms, ratios: armRatios(inputs) };
}

const COUNTS: ArmInputs["counts"] = new Map([
  [FLOOR_ARM, new Map([[MAIN, countsOf({ share: 0.1 })]])],
  [VERSION_1_ARM, new Map([[MAIN, countsOf({ share: 0.1, adds: 100 })]])],
  [RIVAL_ARM, new Map([[MAIN, countsOf({ share: 0.1, adds: 100 })]])],
  [MERGED_ARM, new Map([[MAIN, countsOf({ share: 0.1, adds: 100, raises: FREES / 10 })]])],
]);
const CLEAR = { [FLOOR_ARM]: 10, [VERSION_1_ARM]: 28, [RIVAL_ARM]: 11.8, [MERGED_ARM]: 10.9 };

function sentences(inputs: ArmInputs): Record<string, string> {
  const verdicts = armVerdicts(verdictInputs(inputs));
  return Object.fromEntries(verdicts.map(({ arm, sentence }) => [arm, sentence]));
}

test("ratios are taken within the rounds: what slows a round as a whole cancels", () => {
  const ratios = armRatios({ parameters: PARAMETERS, table: tableOf(CLEAR), counts: COUNTS });
  const found = ratios.find(
    ({ arm, against, metric }) =>
      arm === VERSION_1_ARM && against === FLOOR_ARM && metric === "nolockFreeNs",
  );
  expect(found).toMatchObject({ ratio: 2.8, low: 2.8, high: 2.8, reason: null });
});

test("a ratio is withheld, with its reason, where the work was not the same", () => {
  const counts = new Map([
    [FLOOR_ARM, new Map([[MAIN, countsOf({ share: 0.1, slowFreeShare: 0.5 })]])],
    [VERSION_1_ARM, new Map([[MAIN, countsOf({ share: 0.1, slowFreeShare: 0.53 })]])],
    [MERGED_ARM, new Map([[MAIN, countsOf({ share: 0.1, slowFreeShare: 0.51 })]])],
  ] as const);
  const ratios = armRatios({ parameters: PARAMETERS, table: tableOf(CLEAR), counts });
  const of = (arm: string) =>
    ratios.find(
      (each) => each.arm === arm && each.against === FLOOR_ARM && each.metric === "ordinaryFreeNs",
    );
  expect(of(VERSION_1_ARM)).toMatchObject({ ratio: null, low: null, high: null });
  expect(of(VERSION_1_ARM)?.reason).toContain("53.0 % and 50.0 %");
  expect(of(MERGED_ARM)?.ratio).toBeGreaterThan(1);
});

test("a ratio is withheld where the work was left undone", () => {
  const left = countsOf({ share: 0.1, adds: 1000, leftShare: 0.9 });
  const counts = new Map([[VERSION_1_ARM, new Map([[MAIN, left]])]] as const);
  const ratios = armRatios({ parameters: PARAMETERS, table: tableOf(CLEAR), counts });
  const withheld = ratios.filter(({ reason }) => reason !== null);
  expect(withheld.map(({ arm, metric }) => [arm, metric])).toEqual([
    [VERSION_1_ARM, "ordinaryFreeNs"],
    [VERSION_1_ARM, "ordinaryFreeNs"],
  ]);
  expect(withheld[0]?.reason).toBe("global left 90 % of its deferred objects undrained");
});

test("a difference is claimed where the interval leaves 1 out, and only there", () => {
  const table = tableOf(CLEAR);
  // Now faster, now slower than the floor.
  for (const round of ROUNDS) {
    const slot = slotOf((round % 2 === 0 ? 9 : 11) * (1 + round / 4), { nolockFrees: 819 });
    table.set(MERGED_ARM, MAIN, round, slot);
  }
  const said = sentences({ parameters: PARAMETERS, table, counts: COUNTS });
  expect(said[FLOOR_ARM]).toMatch(/^The floor: an ordinary kfree\(\) costs 15\.0 ns/);
  expect(said[VERSION_1_ARM]).toMatch(/^At 10 % nolock frees an ordinary kfree\(\) costs 3\.00x/);
  expect(said[VERSION_1_ARM]).toContain(
    "A CPU that never leaves the fast path pays 2.80x as well.",
  );
  expect(said[MERGED_ARM]).toContain("no difference to the floor that this run can show");
});

test("the price of a raise from which irq-work loses follows from the medians", () => {
  const inputs = { parameters: PARAMETERS, table: tableOf(CLEAR), counts: COUNTS };
  // Median round: (11.8 - 10.9) * 1.5 / 0.9 more per ordinary free; a raise for every 90 of those.
  const raisesPerOrdinaryFree = FREES / 10 / (FREES * 10 * 0.9);
  const price = breakEvenRaiseNs(verdictInputs(inputs));
  expect(price).toBeCloseTo((0.9 * 1.5) / 0.9 / raisesPerOrdinaryFree);
  const said = sentences(inputs);
  expect(said[MERGED_ARM]).toContain("loses to percpu-slow-free from 135 ns per raise on.");
});

test("an arm that nobody drained says so", () => {
  const counts = new Map(COUNTS);
  const undrained = countsOf({ share: 0.1, adds: 100, barrierDrains: 20 });
  counts.set(RIVAL_ARM, new Map([[MAIN, undrained]]));
  const said = sentences({ parameters: PARAMETERS, table: tableOf(CLEAR), counts });
  expect(said[RIVAL_ARM]).toContain("Nobody drained it: up to 410 objects waited");
  expect(said[VERSION_1_ARM]).not.toContain("Nobody drained it");
});

test("an arm without memory is told apart from one without time", () => {
  const table = tableOf({ [FLOOR_ARM]: 10, [VERSION_1_ARM]: 28, [RIVAL_ARM]: 11 });
  table.set(VERSION_1_ARM, MAIN, 0, slotOf(1, { isOutOfMemory: true }));
  const said = sentences({ parameters: PARAMETERS, table, counts: new Map() });
  expect(said[VERSION_1_ARM]).toContain("ran out of memory");
  expect(said[MERGED_ARM]).toBe("Not measured in this run.");
});

test("the question is answered only where the run can tell", () => {
  const inputs = { parameters: PARAMETERS, table: tableOf(CLEAR), counts: COUNTS };
  expect(answer(verdictInputs(inputs))).toContain("One list per CPU is the better place.");
  const same = { [FLOOR_ARM]: 10, [VERSION_1_ARM]: 10, [RIVAL_ARM]: 10, [MERGED_ARM]: 10 };
  const unclear = { parameters: PARAMETERS, table: tableOf(same), counts: COUNTS };
  expect(answer(verdictInputs(unclear))).toContain("cannot tell the two apart");
  const parameters = { ...PARAMETERS, arms: [FLOOR_ARM, MERGED_ARM] } as const;
  expect(answer(verdictInputs({ ...inputs, parameters }))).toBe("");
});
