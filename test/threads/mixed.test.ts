/**
 * Everything at once on real Workers: after any mix of calls, in every arm, nothing is lost.
 *
 * Goal: objects are never shared, never damaged, and all of them come back. Method: two to eight
 * Workers do random operations and pass objects on; each object is stamped over its whole length
 * and checked when it is freed; at the end everything is freed, drained and counted.
 */
import type { HeapOptions } from "slablab";
import { MERGED_ARM, VERSION_1_ARM } from "slablab/internal/heap/arms.js";
import { describe, expect, test } from "vitest";
import { SOME_HEAPS } from "../support/arms.js";
import { Mixer, type MixedReport } from "./jobs/mixed.js";
import { makeArena } from "./support/arena.js";
import { effort, nextSeed, rows, seedCount } from "../support/tier.js";
import { jobOf } from "./support/jobs.js";
import { makeMix } from "./support/mix.js";

const maximumBytes = 64 * 2 ** 20;

/** The whole load on `cpus` Workers, and what must hold behind it. */
async function mix(cpus: number, turns: number, options: HeapOptions): Promise<void> {
  const seed = nextSeed();
  const { heap, cpu, run, rest } = await makeArena(cpus, { maximumBytes, ...options });
  const { args, caches } = makeMix(cpu, seed, turns, options.nodes);
  const reports = await run<MixedReport>(jobOf("mixed", "mixed"), seed, { args });
  for (const { operations } of reports) expect(operations).toBeGreaterThan(turns);
  for (const cache of caches) expect(cache.destroy()).toMatchObject({ released: true });
  expect(heap.slabErrors).toBe(0);
  await rest();
}

describe.each(SOME_HEAPS)("on a heap of $percpu, arm $defer", (options) => {
  test.each(rows([2, 4], (cpus) => cpus === 4))(
    "%i Workers that mix all calls leave a sound, empty heap",
    async (cpus) => {
      for (let round = 0; round < seedCount; round++) await mix(cpus, effort(8000), options);
    },
  );
});

test.each(rows([2, 3, 8], (nodes) => nodes === 3))(
  "four Workers on %i nodes leave a sound, empty heap",
  async (nodes) => {
    await mix(4, effort(5000), { nodes, defer: "node" });
    await mix(4, effort(5000), { nodes, defer: "irq-work" });
  },
);

const BUILDS = ["stats", "debug", "model"] as const;

test.each(rows(BUILDS, (build) => build === "debug"))(
  "eight Workers in the build %s leave a sound, empty heap",
  async (build) => mix(8, effort(2000), { build, defer: "irq-work" }),
);

const DEBUGGED = [MERGED_ARM, VERSION_1_ARM, "direct", "percpu-switch"] as const;

test.each(rows(DEBUGGED, (arm) => arm === MERGED_ARM))(
  "four Workers on debug caches leave a sound, empty heap and no report, in the arm %s",
  async (defer) => {
    await mix(4, effort(1500), { slabDebug: "FZPU", defer });
    await mix(4, effort(1500), { slabDebug: "FZ,kmalloc-*;P", defer, hardened: true, nodes: 2 });
  },
);

const IMPATIENT = [MERGED_ARM, VERSION_1_ARM, "direct"] as const;

test.each(rows(IMPATIENT, (arm) => arm === MERGED_ARM))(
  "a CPU that may not wait works among three that may, in the arm %s",
  async (defer) => {
    const seed = nextSeed();
    const { heap, pool, run, rest } = await makeArena(3, { maximumBytes, defer, cpus: 5 });
    const cpu = heap.cpu(undefined, { mayWait: false });
    const { args, caches } = makeMix(cpu, seed, Number.MAX_SAFE_INTEGER);
    const progress = new Int32Array(new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT));
    const shared = { ...args, progress: progress.buffer };
    const workers = run<MixedReport>(jobOf("mixed", "mixed"), seed, { args: shared });
    let hasFailed = false;
    workers.catch(() => {
      hasFailed = true;
    });
    const mixer = new Mixer(cpu, 200, args);
    const isEnough = () => progress.every((_, worker) => Atomics.load(progress, worker) > 1000);
    // Until everybody has done its work beside the others, however long the machine takes for it.
    for (let burst = 0; burst < effort(60) || !(isEnough() || hasFailed); burst++) {
      for (let turn = 0; turn < 100; turn++) mixer.turn();
      await new Promise((resolve) => setImmediate(resolve));
    }
    mixer.freeOwn();
    pool.stop();
    for (const { operations } of await workers) expect(operations).toBeGreaterThan(1000);
    for (const cache of caches) expect(cache.destroy()).toMatchObject({ released: true });
    cpu.exports.defer_free_barrier();
    cpu.offline();
    await rest();
  },
);

describe("the referee", () => {
  test("sees a word that somebody else wrote into a live object", async () => {
    const seed = nextSeed();
    const { cpu, run } = await makeArena(2, { maximumBytes });
    const { args } = makeMix(cpu, seed, 3000);
    const sabotaged = run(jobOf("sabotage", "scribble"), seed, { args });
    await expect(sabotaged).rejects.toThrow(/stamp of 0x.*SLABLAB_SEED/s);
  });

  test("sees one object that is never freed", async () => {
    const seed = nextSeed();
    const { cpu, run, rest } = await makeArena(2, { maximumBytes });
    const { args, caches } = makeMix(cpu, seed, 100);
    await run(jobOf("sabotage", "forget"), seed, { args });
    for (const cache of caches) cache.destroy();
    await expect(rest()).rejects.toThrow(/kmalloc-96/);
  });
});

describe("a load that breaks off", () => {
  const endless = Number.MAX_SAFE_INTEGER;

  test.each([
    ["exit", "its Worker ended with exit code 3"],
    ["throw", "Error: enough of this traffic"],
  ])("because one CPU fails (%s) ends for all", async (how, reason) => {
    const seed = nextSeed();
    const { cpu, run } = await makeArena(4, { maximumBytes });
    const { args } = makeMix(cpu, seed, endless);
    const failed = run(jobOf("sabotage", "failInTraffic"), seed, { args: { ...args, how } });
    await expect(failed).rejects.toThrow(`CPU 1, job failInTraffic: ${reason}`);
    // The heap goes on without it.
    cpu.kfree(cpu.kmalloc(100));
  });

  test("because the pool is closed ends its Workers wherever they are", async () => {
    const { cpu, pool } = await makeArena(3, { maximumBytes });
    const { args } = makeMix(cpu, 1, endless);
    const run = pool.run(jobOf("sabotage", "mixForever"), { args });
    const end = expect(run).rejects.toThrow(/because the pool was closed/);
    await new Promise((resolve) => setTimeout(resolve, 100));
    // They would go on for ever: that both come back is what is claimed.
    await pool.close();
    await end;
  });
});
