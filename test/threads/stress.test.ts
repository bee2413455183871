/**
 * Goal: the stress verifies what it says: it is clean on a sound allocator in every arm, and finds
 * what is planted. Method: seeded runs of so many sections on two Workers, however long they take;
 * defects behind its back. The deep run does more of them.
 */
import { OPERATIONS } from "slablab/internal/workload/stress/kinds.js";
import { runStress } from "slablab/internal/workload/stress/stress-run.js";
import { setupsOf } from "slablab/internal/workload/stress/stress-setup.js";
import { expect, test } from "vitest";
import { SOME_ARMS } from "../support/arms.js";
import { effort } from "../support/tier.js";

const SEED = 0x51ab1ab;
/** Time is no limit here: what is run is counted in sections. */
const FOREVER_MS = 1e9;
/** Of 8192 operations on each CPU. */
const SECTIONS = effort(3);

test.each(SOME_ARMS)("%s is clean", async (arm) => {
  const setups = setupsOf(arm, { build: "release", percpu: "slab", cpus: 2 });
  const length = { durationMs: FOREVER_MS, sections: SECTIONS };
  const { rows, interrupted } = await runStress({ setups, seed: SEED, ...length });
  expect(rows.map(({ finding }) => finding)).toEqual([null]);
  expect(interrupted).toBe(false);
  const [row] = rows;
  const { validations = 0, crossFrees = 0, objectsChecked = 0, inNmi = 0 } = row?.counts ?? {};
  expect(validations).toBeGreaterThanOrEqual(SECTIONS);
  expect(Math.min(crossFrees, inNmi)).toBeGreaterThan(10);
  expect(objectsChecked).toBeGreaterThan(1000);
});

test.each(["release", "debug"] as const)("%s with sheaves is clean", async (build) => {
  const setups = setupsOf("irq-work", { build, percpu: "sheaf", cpus: 2 });
  const { rows } = await runStress({ setups, seed: SEED, durationMs: FOREVER_MS, sections: 4 });
  expect(rows.map(({ finding }) => finding)).toEqual([null]);
  expect(rows[0]?.counts.crossFrees).toBeGreaterThan(10);
});

test("everything is called", async () => {
  const setups = setupsOf("irq-work", { build: "stats", percpu: "slab", cpus: 2 });
  const { rows } = await runStress({ setups, seed: SEED, durationMs: FOREVER_MS, sections: 8 });
  expect(rows.map(({ finding }) => finding)).toEqual([null]);
  const called = OPERATIONS.filter((name) => (rows[0]?.operations[name] ?? 0) > 0);
  expect(called).toEqual(OPERATIONS);
});

test("debug caches and lockdep have nothing to say either", async () => {
  const setups = setupsOf("direct", { build: "debug", percpu: "slab", cpus: 2 });
  const { rows } = await runStress({ setups, seed: SEED, durationMs: FOREVER_MS, sections: 4 });
  expect(rows.map(({ finding }) => finding)).toEqual([null]);
  // slab_debug complains of these, and must.
  expect(rows[0]?.counts.destroysRefused).toBeGreaterThan(0);
});

test.each([
  ["stamp", /stamp/, "a write to somebody's object"],
  ["leak", /leak/, "an object that nobody frees"],
  ["double-free", /./, "a free of what is still in use"],
] as const)("%s is found as %s: %s", async (sabotage, kind, _) => {
  const setups = setupsOf("irq-work", { build: "release", percpu: "slab", cpus: 2 });
  const length = { durationMs: FOREVER_MS, sections: effort(12) };
  const { rows } = await runStress({ setups, seed: SEED, ...length, sabotage });
  const finding = rows[0]?.finding;
  expect(finding?.kind).toMatch(kind);
  expect(finding?.operation).toBeGreaterThan(0);
  expect(finding?.reproduce).toMatch(
    /^npx slablab stress --seed 0x51ab1ab --arm irq-work --cpus 2 --percpu slab --duration \d+ms$/,
  );
  expect(finding?.log).toContain(`reproduce: ${finding?.reproduce}\n`);
  for (const cpu of [0, 1]) {
    expect(finding?.log).toMatch(
      new RegExp(`\nCPU ${cpu}: its last \\d+ operations, the latest last\n#\\d+ \\w+`),
    );
  }
});

test("an abort ends it with what was verified so far", async () => {
  const controller = new AbortController();
  const setups = setupsOf(null, { build: "release", percpu: "slab", cpus: 2 });
  setTimeout(() => controller.abort(), 400);
  const { signal } = controller;
  const results = await runStress({ setups, seed: SEED, durationMs: FOREVER_MS, signal });
  expect(results.interrupted).toBe(true);
  expect(results.rows.map(({ finding }) => finding)).toEqual([null]);
  expect(results.rows[0]?.counts.validations).toBeGreaterThan(0);
});
