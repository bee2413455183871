/**
 * Goal: what a run on sheaves says of the thread's question is what its numbers say, and no more.
 * Method: tables of slots and counts written by hand.
 */
import {
  type DeferArm,
  FLOOR_ARM,
  MERGED_ARM,
  RIVAL_ARM,
  VERSION_1_ARM,
} from "slablab/internal/heap/arms.js";
import { type ArmInputs, armResult } from "slablab/internal/measure/compare/compare-arm.js";
import {
  burstConditions,
  burstKey,
  mainConditions,
  slopeKey,
} from "slablab/internal/measure/compare/compare-plan.js";
import { armRatios } from "slablab/internal/measure/compare/compare-ratios.js";
import { sheafResults } from "slablab/internal/measure/compare/compare-sheaves.js";
import { SlotTable } from "slablab/internal/measure/compare/compare-table.js";
import { expect, test } from "vitest";
import { countsOf, FREES, PARAMETERS, slotOf } from "./support/compare.js";

const SHEAVES = { ...PARAMETERS, percpu: "sheaf" } as const;

function resultsOf(freeNs: Partial<Record<DeferArm, number>>, rounds = 5, raises = FREES / 10) {
  const table = new SlotTable();
  for (let round = 0; round < rounds; round++) {
    for (const [arm, ns] of Object.entries(freeNs)) {
      for (const share of SHEAVES.shares) {
        const slot = slotOf(10 + (ns - 10) * (share / 0.1), { nolockFrees: FREES * share });
        table.set(arm as DeferArm, slopeKey(share), round, slot);
      }
    }
  }
  const deferred = (share: number, part: number) => {
    const counted = countsOf({ share, adds: FREES * 10 * share * part, raises });
    const { nolockFrees, outcomes } = counted;
    return { ...counted, outcomes: { ...outcomes, main: nolockFrees * (1 - part) } };
  };
  const byKey = new Map([
    ...SHEAVES.shares.map((share) => [slopeKey(share), deferred(share, 0.02)] as const),
    [burstKey(256), deferred(0.1, 0.4)] as const,
  ]);
  const counts: ArmInputs["counts"] = new Map(SHEAVES.arms.map((arm) => [arm, byKey]));
  const inputs = { parameters: SHEAVES, table, counts };
  const arms = SHEAVES.arms.map((arm) => armResult(inputs, arm));
  return sheafResults({ ...inputs, arms, ratios: armRatios(inputs) });
}

const LEVEL = { [FLOOR_ARM]: 10, [VERSION_1_ARM]: 10.2, [RIVAL_ARM]: 10, [MERGED_ARM]: 10.1 };

test("no arm that costs 5 %: the question does not matter, up to the largest share", () => {
  const results = resultsOf(LEVEL);
  expect(results).toMatchObject({ arm: MERGED_ARM, matters: false });
  expect(results?.verdict).toContain("does not matter up to 10 % nolock frees");
  expect(results?.verdict).toContain("2 % at 10 %");
  expect(results?.verdict).toContain("At 10 % it is 40 % in bursts of 256");
});

test("an arm that costs 5 % is named, with the share from which on it does", () => {
  const results = resultsOf({ ...LEVEL, [VERSION_1_ARM]: 12 });
  expect(results?.matters).toBe(true);
  expect(results?.verdict).toMatch(/matters still: global from \d(\.\d)? % on \(5 %\)/);
});

test("two rounds, or none, tell nothing", () => {
  expect(resultsOf({ ...LEVEL, [VERSION_1_ARM]: 12 }, 2)?.matters).toBeNull();
  expect(resultsOf({}, 5)?.verdict).toContain("cannot tell");
});

test("the price of a raise is 5 % of an ordinary free over the raises that come with one", () => {
  const results = resultsOf(LEVEL);
  // 10 ns, and a raise for every 90 ordinary frees: FREES / 10 of FREES * 10 * 0.9.
  expect(results?.raiseNsFor5Percent).toBeCloseTo(0.5 * 90, 9);
  const never = resultsOf(LEVEL, 5, 0);
  expect(never?.raiseNsFor5Percent).toBeNull();
  expect(never?.verdict).toContain("Nothing is raised");
});

test("a run on cpu slabs has none of it, and counts no other bursts", () => {
  const inputs = { parameters: PARAMETERS, table: new SlotTable(), counts: new Map() };
  expect(sheafResults({ ...inputs, arms: [], ratios: [] })).toBeNull();
  expect(burstConditions(PARAMETERS)).toEqual([]);
  expect(mainConditions(PARAMETERS)[0]?.load).toBe("slow-free");
  expect(mainConditions(SHEAVES)[0]?.load).toBe("surplus");
  expect(burstConditions(SHEAVES).map(({ burst }) => burst)).toEqual([1, 16, 256]);
});
