/**
 * Goal: a CPU whose Worker was terminated in the middle of its work is taken over, and nothing of
 * anybody else suffers. Method: Workers that never stop are terminated, which lands at a loop's end
 * or a call; their CPUs are reaped here, by another thread or by the Worker in their place.
 * `slablab stress --kill` does the same to many, the machine at every access.
 */
import { createHeap, type Heap } from "slablab";
import { createPool, type Pool } from "slablab/internal/cpu/pool.js";
import { runDeaths } from "slablab/internal/workload/deaths/deaths-run.js";
import { setupsOf } from "slablab/internal/workload/stress/stress-setup.js";
import { afterEach, describe, expect, test } from "vitest";
import { SOME_ARMS } from "../support/arms.js";
import { jobOf } from "./support/jobs.js";

const pools: Pool[] = [];

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

/** A pool whose Worker 0 works for ever, and the words it keeps objects in. */
async function startVictim(heap: Heap, cpus: number, name = "busyForEver") {
  const pool = await createPool(heap, { cpus });
  pools.push(pool);
  const kept = new SharedArrayBuffer(8 * Int32Array.BYTES_PER_ELEMENT);
  const running = pool.run(jobOf("reap", name), { args: { kept }, on: [0] });
  const ended = expect(running).rejects.toThrow(/its Worker ended because it was terminated/);
  const words = new Int32Array(kept);
  while (Atomics.load(words, name === "busyForEver" ? 7 : 0) === 0) await sleep(1);
  return { pool, words, ended };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

describe("a terminated Worker", () => {
  test("is reaped here: its number is free, its objects and those of others stay", async () => {
    const heap = await createHeap({ cpus: 2, maximumBytes: 32 * 2 ** 20 });
    const cpu = heap.cpu(1);
    const mine = cpu.kmalloc(64);
    cpu.view(mine, Uint32Array, 16).fill(mine);
    const { pool, words, ended } = await startVictim(heap, 1);
    await sleep(5);
    await pool.terminate(0);
    await ended;
    expect(heap.isTaken(0)).toBe(true);
    expect(() => heap.cpu(0)).toThrow(/which is taken/);

    const report = await heap.reap(0);
    expect(report).toMatchObject({ cpu: 0 });
    expect(report.slabs).toBeGreaterThan(0);
    expect(heap.isTaken(0)).toBe(false);
    expect(heap.validate()).toEqual([]);
    for (const object of [mine, ...words]) {
      const address = object >>> 0;
      expect([...new Set(cpu.view(address, Uint32Array, 16))]).toEqual([address]);
      cpu.kfree(address);
    }
    await pool.revive();
    expect(await pool.run(jobOf("reap", "useAgain"))).toEqual([500]);
    expect(heap.validate()).toEqual([]);
  });

  test("is reaped by the Worker that takes its place, as a CPU of a free number", async () => {
    const heap = await createHeap({ cpus: 3, maximumBytes: 32 * 2 ** 20 });
    const { pool, ended } = await startVictim(heap, 2);
    await pool.terminate(0);
    await ended;
    await expect(pool.run(jobOf("reap", "useAgain"))).rejects.toThrow(/revive\(\) it/);
    const reports = await pool.revive();
    expect(reports).toMatchObject([{ cpu: 0 }]);
    expect(await pool.run(jobOf("reap", "useAgain"))).toEqual([500, 500]);
    expect(heap.validate()).toEqual([]);
  });

  test("in a read-side section keeps nobody waiting once it was reaped", async () => {
    const heap = await createHeap({ cpus: 2 });
    const cpu = heap.cpu(1);
    const { pool, ended } = await startVictim(heap, 1, "readForEver");
    await pool.terminate(0);
    await ended;
    cpu.kfreeRcu(cpu.kmalloc(100));
    await heap.reap(0);
    cpu.rcuBarrier();
    expect(heap.validate()).toEqual([]);
  });

  test("without a free number is reaped by whoever has the handle", async () => {
    const heap = await createHeap({ cpus: 2 });
    const { pool, ended } = await startVictim(heap, 2);
    await pool.terminate(0);
    await ended;
    expect(await heap.reap(0)).toMatchObject({ cpu: 0 });
    expect([0, 1].map((cpu) => heap.isTaken(cpu))).toEqual([false, true]);
    expect(await pool.revive()).toEqual([]);
    expect(await pool.run(jobOf("reap", "useAgain"))).toEqual([500, 500]);
    expect(heap.validate()).toEqual([]);
  });

  test("and all others are reaped by a thread that is no CPU", async () => {
    const heap = await createHeap({ cpus: 3, maximumBytes: 32 * 2 ** 20 });
    const { pool, words, ended } = await startVictim(heap, 3);
    for (const worker of [0, 1, 2]) await pool.terminate(worker);
    await ended;
    const reports = await Promise.all([heap.reap(0, 1), heap.reap(2)]);
    expect(reports.map(({ cpu }) => cpu)).toEqual([0, 2]);
    expect([0, 1, 2].map((cpu) => heap.isTaken(cpu))).toEqual([false, false, false]);
    expect(heap.validate()).toEqual([]);
    const cpu = heap.cpu();
    for (const object of words) cpu.kfree(object >>> 0);
    cpu.offline();
    expect(heap.validate()).toEqual([]);
  });

  test("and all others are reaped by the Workers that take their places", async () => {
    const heap = await createHeap({ cpus: 2, maximumBytes: 32 * 2 ** 20 });
    const { pool, ended } = await startVictim(heap, 2);
    for (const worker of [0, 1]) await pool.terminate(worker);
    await ended;
    expect(await pool.revive()).toMatchObject([{ cpu: 0 }]);
    expect(await pool.run(jobOf("reap", "useAgain"))).toEqual([500, 500]);
    expect(heap.validate()).toEqual([]);
  });
});

describe("a stress of deaths", () => {
  test.each(SOME_ARMS)("%s: every death is survived", async (arm) => {
    const setups = setupsOf(arm, { build: "release", percpu: "slab", cpus: 2 });
    const { rows } = await runDeaths({ setups, seed: 0x51ab1ab, durationMs: 900 });
    expect(rows.map(({ finding }) => finding)).toEqual([null]);
    const { deaths, reaps, validations, lost, inHand } = rows[0]?.counts ?? {};
    expect(deaths).toBeGreaterThan(0);
    expect(reaps).toBe(deaths);
    // Two may die at once.
    expect(validations).toBeGreaterThan((deaths ?? 0) / 2);
    expect(lost).toBeLessThanOrEqual(inHand ?? 0);
  });

  test("debug builds have nothing to say either", async () => {
    const setups = setupsOf("irq-work", { build: "debug", percpu: "slab", cpus: 2 });
    const { rows } = await runDeaths({ setups, seed: 0x51ab1ab, durationMs: 1500 });
    expect(rows.map(({ finding }) => finding)).toEqual([null]);
  });
});
