/**
 * Goal: the fuzz verifies what it says: it is clean on a sound allocator, does the same for the
 * same seed, and finds what is planted. Method: short seeded runs in every arm and setup; and
 * defects behind the fuzz's back. The deep run makes a million operations, a night ten.
 */
import { DEFER_ARMS } from "slablab/internal/heap/arms.js";
import { runCampaign } from "slablab/internal/workload/reentry/reentry-campaign.js";
import type { FuzzCpu } from "slablab/internal/workload/reentry/reentry-cpu.js";
import { KMALLOC } from "slablab/internal/workload/verify/objects.js";
import { runSetup, type Saboteur } from "slablab/internal/workload/reentry/reentry-run.js";
import {
  flagsOf,
  type FuzzSetup,
  makeMatrix,
  makeSetup,
  nameOf,
} from "slablab/internal/workload/reentry/reentry-setup.js";
import { describe, expect, test } from "vitest";
import { isDeep, isNight, rows } from "../support/tier.js";

const SEED = 0x51ab1ab;
const limitsOf = (operations: number) => ({ operations, deadlineMs: null });
const MATRIX = makeMatrix({ arm: null, features: null, depth: 3, cpus: 1 });

test("the default matrix has every arm with both locks and each feature", () => {
  expect(MATRIX).toHaveLength(10 * DEFER_ARMS.length);
  expect(new Set(MATRIX.map(nameOf)).size).toBe(MATRIX.length);
});

/** In the ordinary run every arm by itself, and every feature in one. */
const SOME = rows(
  MATRIX,
  (setup) => setup.arm === "irq-work" || nameOf(setup) === nameOf(makeSetup({ arm: setup.arm })),
);

test.each(SOME.map((setup) => [nameOf(setup), setup] as const))("%s is clean", async (_, setup) => {
  const { findings, tally } = await runSetup(setup, SEED, limitsOf(4000));
  expect(findings).toEqual([]);
  expect(tally.operations).toBe(4000);
  for (const count of tally.reentries) expect(count).toBeGreaterThan(50);
  // Debug caches have no local lock to meet.
  if (setup.slabDebug === "") expect(tally.busyFirst).toBeGreaterThan(0);
  // Sheaves take nearly all that would have to wait.
  expect(tally.deferred).toBeGreaterThan(setup.percpu === "sheaf" ? 0 : 5);
  expect(tally.objectsChecked).toBeGreaterThan(1000);
  expect(tally.validations).toBeGreaterThan(2);
});

test.each([0, 1, 2])("depth %i re-enters no deeper", async (depth) => {
  const setup = makeSetup({ arm: "irq-work", depth });
  const { findings, tally } = await runSetup(setup, SEED, limitsOf(3000));
  expect(findings).toEqual([]);
  expect(tally.reentries.map((count) => count > 0)).toEqual([0, 1, 2].map((at) => at < depth));
});

test("without a double cmpxchg nolock allocations are refused, and nothing breaks", async () => {
  const setup = makeSetup({ arm: "direct", noCmpxchg: true });
  const { findings, tally } = await runSetup(setup, SEED, limitsOf(4000));
  expect(findings).toEqual([]);
  expect([tally.nolockOk, tally.nolockNull > 0]).toEqual([0, true]);
});

test("one seed does one thing, another another", async () => {
  const setup = makeSetup({ arm: "irq-work", randomize: true });
  const [one, same, other] = await Promise.all(
    [SEED, SEED, SEED + 1].map((seed) => runSetup(setup, seed, limitsOf(4000))),
  );
  expect(same?.tally).toEqual(one?.tally);
  expect(other?.tally).not.toEqual(one?.tally);
});

describe("planted defects are found", () => {
  const AT = 500;
  /** An entry of the CPU's objects of kmalloc(), or -1. */
  const someObject = (cpu: FuzzCpu) =>
    cpu.objects.kind.subarray(0, cpu.objects.count).indexOf(KMALLOC);
  const once =
    (defect: (cpu: FuzzCpu, index: number) => void): Saboteur =>
    (cpu) => {
      const index = cpu.tally.operations === AT ? someObject(cpu) : -1;
      if (index >= 0) defect(cpu, index);
    };
  const find = async (sabotage: Saboteur, setup: FuzzSetup = makeSetup({ arm: "irq-work" })) => {
    const { findings } = await runSetup(setup, SEED, limitsOf(20_000), sabotage);
    expect(findings).toHaveLength(1);
    expect(findings[0]?.operation).toBeGreaterThanOrEqual(AT);
    return findings[0]?.kind;
  };

  test("a write to somebody's object", async () => {
    const kind = await find(
      once((cpu, index) => {
        const address = (cpu.objects.address[index] as number) & ~3;
        cpu.objects.setWord(address, cpu.objects.word(address) ^ 1);
      }),
    );
    expect(kind).toBe("stamp");
  });

  test.each(["kfree", "kfree_nolock"] as const)("%s of what is still in use", async (call) => {
    const kind = await find(
      once((cpu, index) => cpu.exports[call](cpu.objects.address[index] as number)),
    );
    expect(["overlap", "stamp", "validate", "trap"]).toContain(kind);
  });

  test("a shadow that says somebody else owns it", async () => {
    const kind = await find((cpu, { shadow }) => {
      if (cpu.tally.operations !== AT) return;
      shadow[(cpu.objects.address[0] as number) >>> 3] = -7;
    });
    expect(["owner", "overlap"]).toContain(kind);
  });

  test("an object that nobody frees", async () => {
    const kind = await find((cpu) => {
      if (cpu.tally.operations === AT) cpu.exports.kmalloc(64, 0);
    });
    expect(kind).toBe("leak");
  });

  test("a call that leaves an interrupt open", async () => {
    const kind = await find((cpu) => {
      if (cpu.tally.operations === AT) cpu.exports.nmi_enter();
    });
    expect(kind).toBe("context");
  });
});

test("a campaign names the command that runs a setup again", async () => {
  const setup = makeSetup({ arm: "node", rt: true, hardened: true, depth: 2 });
  expect(flagsOf(setup).join(" ")).toBe("--arm node --cpus 1 --rt --hardened --depth 2");
  const results = await runCampaign({
    ...{ setups: [setup], seed: SEED, durationMs: null, operations: 1000 },
  });
  expect(results.rows.map(({ findings }) => findings)).toEqual([[]]);
  expect(results.total.operations).toBe(1000);
});

const DEEP_OPERATIONS = isNight ? 10_000_000 : 1_000_000;

test.runIf(isDeep)("millions of operations over the matrix", async () => {
  const setups = [...MATRIX, ...MATRIX.map((setup) => ({ ...setup, noCmpxchg: true }))];
  const operations = Math.ceil(DEEP_OPERATIONS / setups.length);
  const results = await runCampaign({ setups, seed: SEED, durationMs: null, operations });
  expect(results.rows.flatMap(({ findings }) => findings)).toEqual([]);
  expect(results.total.operations).toBeGreaterThanOrEqual(DEEP_OPERATIONS);
});
