/**
 * Goal: the numbers of an arm follow their definitions. Method: tables of slots written by hand,
 * whose right answer can be computed in the head.
 */
import {
  type ArmInputs,
  armResult,
  crossing,
  ordinaryOf,
} from "slablab/internal/measure/compare/compare-arm.js";
import {
  ALLOC_KEY,
  NOLOCK_KEY,
  slopeKey,
  VICTIM_KEY,
} from "slablab/internal/measure/compare/compare-plan.js";
import { SlotTable } from "slablab/internal/measure/compare/compare-table.js";
import { expect, test } from "vitest";
import { countsOf, FREES, PARAMETERS, slotOf } from "./support/compare.js";

const MAIN = slopeKey(0.1);

function inputsOf(table: SlotTable, changes: Partial<ArmInputs> = {}): ArmInputs {
  return { parameters: PARAMETERS, table, counts: new Map(), ...changes };
}

test("everything an arm adds to the phase is charged to the ordinary frees", () => {
  const table = new SlotTable();
  table.set("none", MAIN, 0, slotOf(10));
  table.set("global", MAIN, 0, slotOf(19, { nolockFrees: FREES * 0.1 }));
  // 9 ns more on each of 10 frees, of which 9 are ordinary: 10 ns more on those.
  expect(ordinaryOf(inputsOf(table), "global", 0.1)).toEqual([expect.closeTo(20)]);
});

test("the floor costs what its phases took", () => {
  const table = new SlotTable();
  table.set("none", MAIN, 0, slotOf(10, { nolockFrees: FREES * 0.1 }));
  expect(ordinaryOf(inputsOf(table), "none", 0.1)).toEqual([expect.closeTo(10)]);
});

test("a round without its floor gives no number", () => {
  const table = new SlotTable();
  table.set("none", MAIN, 1, slotOf(10));
  table.set("global", MAIN, 0, slotOf(20));
  table.set("global", MAIN, 1, slotOf(30));
  expect(ordinaryOf(inputsOf(table), "global", 0.1)).toEqual([expect.closeTo(30)]);
});

test("the price of raises is added where they were counted", () => {
  const table = new SlotTable();
  table.set("none", MAIN, 0, slotOf(10));
  table.set("irq-work", MAIN, 0, slotOf(10, { nolockFrees: FREES * 0.1 }));
  // One raise for every 40 frees.
  const raised = countsOf({ share: 0.1, raises: (FREES * 10) / 40, adds: 1 });
  const counts = new Map([["irq-work", new Map([[MAIN, raised]])]] as const);
  const parameters = { ...PARAMETERS, irqCostNs: 360 };
  const inputs = inputsOf(table, { parameters, counts });
  expect(ordinaryOf(inputs, "irq-work", 0.1)).toEqual([expect.closeTo(20)]);
  expect(armResult(inputs, "irq-work").systemNs?.median).toBeCloseTo(19);
});

test("each number of an arm comes from its own condition", () => {
  const table = new SlotTable();
  const main = { nolockFrees: 800, drainNs: 1600, p99Ns: 33, maxNs: 44 };
  table.set("none", MAIN, 0, slotOf(10));
  table.set("global", MAIN, 0, slotOf(20, main));
  table.set("global", NOLOCK_KEY, 0, slotOf(50));
  table.set("global", ALLOC_KEY, 0, slotOf(7));
  table.set("global", VICTIM_KEY, 0, slotOf(20, { victimNs: 5 }));
  const counted = countsOf({ share: 0.1, adds: 8000 });
  const counts = new Map([["global", new Map([[MAIN, counted]])]] as const);
  const arm = armResult(inputsOf(table, { counts }), "global");
  expect(arm.bounded).toBe(true);
  expect(arm.nolockFreeNs?.median).toBe(50);
  expect(arm.nolockAllocNs?.median).toBe(7);
  expect(arm.fastAllocNs?.median).toBe(5);
  expect(arm.barrierNs?.median).toBe(2);
  expect(arm.p99FreeNs?.median).toBe(33);
  expect(arm.maxFreeNs?.median).toBe(44);
  expect(arm.systemNs?.median).toBeCloseTo(20 + 1600 / FREES);
  expect(arm.deferred).toMatchObject({ adds: 8000, countedNolockFrees: FREES });
  expect(arm.slope.map(({ ordinaryFreeNs }) => ordinaryFreeNs === null)).toEqual([
    true,
    true,
    true,
    true,
    false,
  ]);
});

test("an arm that ran out of memory has no times", () => {
  const table = new SlotTable();
  table.set("none", MAIN, 0, slotOf(10));
  table.set("global", MAIN, 0, slotOf(1, { isOutOfMemory: true }));
  const arm = armResult(inputsOf(table), "global");
  expect(arm.bounded).toBe(false);
  expect(arm.ordinaryFreeNs).toBeNull();
  expect(arm.systemNs).toBeNull();
  expect(arm.costs5PercentAtShare).toBeNull();
  expect(arm.slope.every(({ ordinaryFreeNs }) => ordinaryFreeNs === null)).toBe(true);
});

test("an arm that defers nothing has no barrier to pay", () => {
  const table = new SlotTable();
  table.set("none", MAIN, 0, slotOf(10, { drainNs: 500, nolockFrees: 800 }));
  const counts = new Map([["none", new Map([[MAIN, countsOf({ share: 0.1 })]])]] as const);
  expect(armResult(inputsOf(table, { counts }), "none").barrierNs).toBeNull();
});

const points = (...ratios: number[]) => ratios.map((ratio, share) => ({ share, ratio }));

test("the crossing is interpolated between the two points around it", () => {
  expect(crossing(points(1, 1, 1.1, 1.2), 1.05)).toBeCloseTo(1.5);
});

test("a single point of noise below the crossing does not move it", () => {
  expect(crossing(points(1.2, 1, 1.1, 1.2), 1.05)).toBeCloseTo(1.5);
});

test("without a crossing there is no share; above it everywhere the first share", () => {
  expect(crossing(points(1, 1.01, 1.02), 1.05)).toBeNull();
  expect(crossing(points(1.1, 1.2), 1.05)).toBe(0);
  expect(crossing([], 1.05)).toBeNull();
});
