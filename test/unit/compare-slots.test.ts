/**
 * Goal: only phases that the CPUs ran together count, and a slot's numbers are what its phases
 * were. Method: records written by hand, with interruptions planted in them.
 */
import { rolesOf, victimOf } from "slablab/internal/measure/compare/compare-roles.js";
import { mainConditions } from "slablab/internal/measure/compare/compare-plan.js";
import {
  judgePiece,
  overlapOf,
  type SlotRoles,
  sumUp,
  trimmedMean,
} from "slablab/internal/measure/compare/compare-slots.js";
import type { SlotRecord } from "slablab/internal/workload/slot.js";
import { expect, test } from "vitest";
import { PARAMETERS } from "./support/compare.js";

const TOGETHER: SlotRoles = {
  covered: [0, 1],
  running: [0, 1],
  steady: [],
  overlapMin: 0.5,
  trim: 0,
  charged: [0, 1],
  victim: null,
};

/** A record of phases that start every millisecond and last `tookMs`. */
function record(tookMs: readonly number[], changes: Partial<SlotRecord> = {}): SlotRecord {
  return {
    startsMs: Float64Array.from(tookMs, (_, phase) => phase),
    endsMs: Float64Array.from(tookMs, (took, phase) => phase + took),
    drainsMs: new Float64Array(tookMs.length),
    operations: 1000,
    nolockFrees: 0,
    phases: tookMs.length,
    isOutOfMemory: false,
    ...changes,
  };
}

const TENTHS = Array.from({ length: 10 }, () => 0.1);

test("the overlap is the part of the longest interval in which all were running", () => {
  const records = [record([0.1]), record([0.2])];
  expect(overlapOf(records, TOGETHER, 0)).toBeCloseTo(0.5);
  const late = record([0.1], { startsMs: Float64Array.of(0.5), endsMs: Float64Array.of(0.6) });
  expect(overlapOf([record([0.1]), late], TOGETHER, 0)).toBe(0);
});

test("a phase in which one CPU was interrupted is left out", () => {
  const interrupted = TENTHS.map((took, phase) => (phase === 3 ? 4 : took));
  const piece = judgePiece([record(TENTHS), record(interrupted)], TOGETHER);
  const numbers = sumUp([piece], TOGETHER);
  expect(piece.durationsNs[0]).toHaveLength(9);
  expect([piece.ran, piece.kept]).toEqual([10, 9]);
  expect(numbers?.phaseNs).toBeCloseTo(200_000);
  expect(numbers?.maxNs).toBeCloseTo(100);
});

test("a slow phase that both CPUs share stays in", () => {
  const slow = TENTHS.map((took, phase) => (phase === 3 ? 0.9 : took));
  const piece = judgePiece([record(slow), record(slow)], TOGETHER);
  expect(piece.durationsNs[0]).toHaveLength(10);
});

test("what is left of a piece counts, however little", () => {
  const lose = (count: number) => TENTHS.map((took, phase) => (phase < count ? 4 : took));
  const pieces = [9, 10].map((lost) => judgePiece([record(TENTHS), record(lose(lost))], TOGETHER));
  expect(pieces.map(({ kept }) => kept)).toEqual([1, 0]);
  expect(sumUp(pieces, TOGETHER)?.phaseNs).toBeCloseTo(200_000);
});

test("where there is nothing to overlap with, a phase far beyond the median is left out", () => {
  const alone = { ...TOGETHER, covered: [0], running: [0], steady: [0] };
  const interrupted = TENTHS.map((took, phase) => (phase === 5 ? 4 : took));
  expect(judgePiece([record(interrupted)], alone).durationsNs[0]).toHaveLength(9);
});

test("with more CPUs than cores nothing is left out", () => {
  const condition = mainConditions(PARAMETERS)[0];
  if (condition === undefined) throw new Error("expected a condition");
  const roles = rolesOf(PARAMETERS, condition, null, true);
  const piece = judgePiece([record(TENTHS), record(TENTHS.map(() => 9))], roles);
  expect(piece.durationsNs[0]).toHaveLength(10);
});

test("the victim's phases count where the others cover them, and their time is not its own", () => {
  const roles = { ...TOGETHER, covered: [0], running: [1], steady: [1], charged: [1], victim: 0 };
  const piece = judgePiece([record(TENTHS.map(() => 0.09)), record(TENTHS.map(() => 0.3))], roles);
  const numbers = sumUp([piece], roles);
  expect(numbers?.victimNs).toBeCloseTo(90);
  expect(numbers?.phaseNs).toBeCloseTo(300_000);
  expect(numbers?.operations).toBe(1000);
});

test("pieces are put together phase by phase; drains and nolock frees are per phase", () => {
  const drained = { drainsMs: Float64Array.from(TENTHS, () => 0.01), nolockFrees: 80 };
  const pieceOf = (took: number) =>
    judgePiece(
      [
        record(
          TENTHS.map(() => took),
          drained,
        ),
        record(TENTHS.map(() => took)),
      ],
      TOGETHER,
    );
  const pieces = [pieceOf(0.1), pieceOf(0.2)];
  const numbers = sumUp(pieces, TOGETHER);
  expect(numbers?.phaseNs).toBeCloseTo(300_000);
  expect(numbers?.drainNs).toBeCloseTo(10_000);
  expect(numbers?.nolockFrees).toBe(8);
});

test("a slot that ran out of memory is kept, however few phases it had", () => {
  const end = { isOutOfMemory: true, phases: 0 };
  const piece = judgePiece([record([], end), record([], end)], TOGETHER);
  expect(sumUp([piece], TOGETHER)?.isOutOfMemory).toBe(true);
});

test("CPUs with nolock frees only are in the system's time, and charged to nobody", () => {
  const traffic = { ...PARAMETERS, nolockCpus: 1 };
  const condition = {
    key: "",
    load: "slow-free",
    share: 0.1,
    hasVictim: false,
    weight: 1,
    isHeadline: true,
  } as const;
  const roles = rolesOf(traffic, condition, null, false);
  const own = record(TENTHS, { nolockFrees: 1000 });
  const pushing = record(
    TENTHS.map(() => 0.3),
    { nolockFrees: 10_000 },
  );
  const piece = judgePiece([own, pushing], roles);
  const numbers = sumUp([piece], { ...roles, trim: 0 });
  expect(numbers).toMatchObject({ operations: 1000, nolockFrees: 100 });
  expect(numbers?.phaseNs).toBeCloseTo(100_000);
  expect(numbers?.system).toMatchObject({ operations: 2000, nolockFrees: 1100 });
  expect(numbers?.system.phaseNs).toBeCloseTo(400_000);
});

test("trimming leaves the same part out at either end", () => {
  expect(trimmedMean([1, 2, 3, 4, 5, 6, 7, 8, 9, 1000], 0.1)).toBe(5.5);
  expect(trimmedMean([1, 2, 3], 0)).toBe(2);
  expect(trimmedMean([], 0.1)).toBe(0);
});

test("CPU 0 is the victim of two; of more, those that free ordinarily take turns", () => {
  expect([0, 1, 2].map((round) => victimOf(PARAMETERS, round))).toEqual([0, 0, 0]);
  const four = { ...PARAMETERS, cpus: 4, nolockCpus: 1 };
  expect([0, 1, 2, 3].map((round) => victimOf(four, round))).toEqual([0, 1, 2, 0]);
});

test("rare bursts are not trimmed away", () => {
  const trimOf = (share: number) => {
    const kind = { load: "slow-free", hasVictim: false, weight: 1, isHeadline: true } as const;
    return rolesOf(PARAMETERS, { ...kind, key: "", share }, null, false).trim;
  };
  expect([0, 0.0001, 0.001, 0.1].map(trimOf)).toEqual([0.1, 0, 0.1, 0.1]);
});
