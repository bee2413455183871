/**
 * Goal: the stress verifies what it says: it is clean on a sound allocator in every arm, and finds
 * what is planted. Method: short seeded runs on two Workers; defects behind its back.
 * SLABLAB_DEEP=1 runs a minute for each arm.
 */
import { DEFER_ARMS } from "slablab/internal/heap/constants.js";
import { OPERATIONS } from "slablab/internal/workload/stress/kinds.js";
import { runStress } from "slablab/internal/workload/stress/stress-run.js";
import { setupsOf } from "slablab/internal/workload/stress/stress-setup.js";
import { expect, test } from "vitest";

const SEED = 0x51ab1ab;
const ARM_MS = process.env.SLABLAB_DEEP === "1" ? 60_000 : 700;
const SLACK_MS = 60_000;

test.each(DEFER_ARMS)(
  "%s is clean",
  async (arm) => {
    const setups = setupsOf(arm, { build: "release", percpu: "slab", cpus: 2 });
    const { rows, interrupted } = await runStress({ setups, seed: SEED, durationMs: ARM_MS });
    expect(rows.map(({ finding }) => finding)).toEqual([null]);
    expect(interrupted).toBe(false);
    const [row] = rows;
    const { validations = 0, crossFrees = 0, objectsChecked = 0, inNmi = 0 } = row?.counts ?? {};
    expect(validations).toBeGreaterThan(1);
    expect(Math.min(crossFrees, inNmi)).toBeGreaterThan(10);
    expect(objectsChecked).toBeGreaterThan(1000);
  },
  ARM_MS + SLACK_MS,
);

test("everything is called", { timeout: SLACK_MS }, async () => {
  const setups = setupsOf("irq-work", { build: "stats", percpu: "slab", cpus: 2 });
  const { rows } = await runStress({ setups, seed: SEED, durationMs: 4000 });
  expect(rows.map(({ finding }) => finding)).toEqual([null]);
  const called = OPERATIONS.filter((name) => (rows[0]?.operations[name] ?? 0) > 0);
  expect(called).toEqual(OPERATIONS);
});

test("debug caches and lockdep have nothing to say either", { timeout: SLACK_MS }, async () => {
  const setups = setupsOf("direct", { build: "debug", percpu: "slab", cpus: 2 });
  const { rows } = await runStress({ setups, seed: SEED, durationMs: 6000 });
  expect(rows.map(({ finding }) => finding)).toEqual([null]);
  // slab_debug complains of these, and must.
  expect(rows[0]?.counts.destroysRefused).toBeGreaterThan(0);
});

test.each([
  ["stamp", /stamp/, "a write to somebody's object"],
  ["leak", /leak/, "an object that nobody frees"],
  ["double-free", /./, "a free of what is still in use"],
] as const)(
  "%s is found as %s: %s",
  async (sabotage, kind, _) => {
    const setups = setupsOf("irq-work", { build: "release", percpu: "slab", cpus: 2 });
    const { rows } = await runStress({ setups, seed: SEED, durationMs: 700, sabotage });
    const finding = rows[0]?.finding;
    expect(finding?.kind).toMatch(kind);
    expect(finding?.operation).toBeGreaterThan(0);
    expect(finding?.reproduce).toMatch(
      /^npx slablab stress --seed 0x51ab1ab --arm irq-work --cpus 2 --duration \d+ms$/,
    );
    expect(finding?.log).toContain(`reproduce: ${finding?.reproduce}\n`);
    for (const cpu of [0, 1]) {
      expect(finding?.log).toMatch(
        new RegExp(`\nCPU ${cpu}: its last \\d+ operations, the latest last\n#\\d+ \\w+`),
      );
    }
  },
  SLACK_MS,
);

test("an abort ends it with what was verified so far", { timeout: SLACK_MS }, async () => {
  const controller = new AbortController();
  const setups = setupsOf(null, { build: "release", percpu: "slab", cpus: 2 });
  setTimeout(() => controller.abort(), 400);
  const { signal } = controller;
  const results = await runStress({ setups, seed: SEED, durationMs: 60_000, signal });
  expect(results.interrupted).toBe(true);
  expect(results.rows.map(({ finding }) => finding)).toEqual([null]);
  expect(results.rows[0]?.counts.validations).toBeGreaterThan(0);
});
