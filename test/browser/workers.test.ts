/**
 * The library in a browser: Web Workers that are CPUs of one heap.
 *
 * Goal: what holds for Workers of Node holds here. Method: the mixed load of test/threads on Web
 * Workers, and Workers that fail in the ways a browser has.
 */
import { createPool } from "slablab/internal/cpu/pool.js";
import { describe, expect, test } from "vitest";
import { SOME_HEAPS } from "../support/arms.js";
import type { MixedReport } from "../threads/jobs/mixed.js";
import { makeArena } from "../threads/support/arena.js";
import { nextSeed } from "../support/tier.js";
import { makeMix } from "../threads/support/mix.js";
import { jobOf } from "./support/jobs.js";

const maximumBytes = 64 * 2 ** 20;

test("the page is cross-origin isolated", () => {
  expect(crossOriginIsolated).toBe(true);
});

test.each(SOME_HEAPS)("three Web Workers mix all calls on $percpu, arm $defer", async (options) => {
  const seed = nextSeed();
  const { cpu, run, rest } = await makeArena(3, { maximumBytes, ...options });
  const { args, caches } = makeMix(cpu, seed, 2000);
  const reports = await run<MixedReport>(jobOf("mixed", "mixed"), seed, { args });
  for (const { operations } of reports) expect(operations).toBeGreaterThan(2000);
  for (const cache of caches) expect(cache.destroy()).toMatchObject({ released: true });
  await rest();
});

describe("a Web Worker that fails", () => {
  test("by a throw makes the run reject with its number, and the pool goes on", async () => {
    const pool = await createPool([], { cpus: 2 });
    const error = await pool.run(jobOf("pool", "throwOn"), { args: { on: 1 } }).catch((e) => e);
    expect(error.message).toBe("CPU 1, job throwOn: TypeError: this CPU has had enough");
    expect(await pool.run(jobOf("pool", "countOff"))).toHaveLength(2);
    await pool.close();
  });

  test.each([
    ["uncaught", /CPU 1, job dieOn: its Worker ended with an uncaught error: .*nobody listens/],
    ["close", /CPU 1, job dieOn: its Worker ended without a word/],
  ])("by its end (%s) makes the run reject and the pool refuse more", async (how, message) => {
    const pool = await createPool([], { cpus: 2 });
    const run = pool.run(jobOf("pool", "dieOn"), { args: { on: 1, how } });
    await expect(run).rejects.toThrow(message);
    await expect(pool.run(jobOf("pool", "countOff"))).rejects.toThrow(/whose Workers all live/);
    await pool.close();
  });

  test("by a job that is not there is told so", async () => {
    const pool = await createPool([], { cpus: 1 });
    await expect(pool.run(jobOf("pool", "nothing"))).rejects.toThrow(/a function nothing, got/);
    await expect(pool.run(jobOf("no-such-file", "x"))).rejects.toThrow(/CPU 0, job x: TypeError/);
    await pool.close();
  });

  test("by never ending is ended by close()", async () => {
    const pool = await createPool([], { cpus: 2 });
    const run = pool.run(jobOf("pool", "spinForever"), { on: [0] });
    const end = expect(run).rejects.toThrow(/because the pool was closed/);
    await pool.close();
    await end;
  });
});
