/**
 * Caches that are destroyed while other CPUs idle or work, and CPUs that leave and come back.
 *
 * Goal: nobody has to be awake for a cache to be destroyed, and nothing of what a CPU held is lost
 * when it goes. Method: Workers are left holding everything a CPU can hold; then, under load,
 * caches and CPUs come and go at random moments.
 */
import { describe, expect, test } from "vitest";
import { SOME_HEAPS } from "../support/arms.js";
import type { ChurnArgs } from "./jobs/lifecycle.js";
import { deferredLists, makeArena } from "./support/arena.js";
import { effort, nextSeed } from "../support/tier.js";
import { jobOf } from "./support/jobs.js";

const makeSlots = (count: number) => new SharedArrayBuffer(count * Int32Array.BYTES_PER_ELEMENT);

describe.each(SOME_HEAPS)("on a heap of $percpu, arm $defer", ({ defer, percpu }) => {
  test("a cache is destroyed although an idle CPU holds slabs and objects of it", async () => {
    const { cpu, pool, rest, view } = await makeArena(2, { defer, percpu });
    const cache = cpu.kmemCacheCreate({ name: "victim", size: 300 });
    const args = { cache: "victim", kept: 3 };
    const live = (await pool.run<number[]>(jobOf("lifecycle", "holdAndIdle"), { args })).flat();

    const eyes = view();
    const index = [...eyes.caches()].findIndex(({ name }) => name === "victim");
    const held = [0, 1].map((id) => eyes.cpuCache(id, [...eyes.caches()][index]?.index ?? -1));
    for (const { slab, partial, main } of held) {
      expect(percpu === "sheaf" ? [main] : [slab, partial]).not.toContain(0);
    }
    // With sheaves a nolock free hardly ever waits.
    if (defer === "none") expect(deferredLists(eyes)).toEqual([]);
    else if (percpu === "slab") expect(deferredLists(eyes)).not.toEqual([]);

    const refused = cache.destroy();
    expect(refused).toMatchObject({ released: false, remaining: 6 });
    expect([...refused.objects].sort()).toEqual([...live].sort());
    for (const object of live) cpu.kfree(object);
    expect(cache.destroy()).toEqual({ released: true, remaining: 0, objects: [], sheaves: 0 });
    expect(deferredLists(view())).toEqual([]);
    // The idle CPUs wake up and find nothing of it.
    const again = cpu.kmemCacheCreate({ name: "victim", size: 52 });
    await pool.run(jobOf("lifecycle", "holdAndIdle"), { args: { cache: "victim", kept: 0 } });
    expect(again.destroy()).toMatchObject({ released: true });
    await rest();
  });

  test("caches are destroyed while other CPUs work, and while they go offline", async () => {
    const seed = nextSeed();
    const { run, rest, cpu } = await makeArena(3, { defer, percpu, maximumBytes: 64 * 2 ** 20 });
    const args: ChurnArgs = { seed, rounds: effort(100), slots: makeSlots(64) };
    const destroyed = await run<number>(jobOf("lifecycle", "makeAndDestroy"), seed, { args });
    expect(destroyed).toEqual([args.rounds, 0, 0]);
    cpu.rcuBarrier();
    await rest();
  });

  test("CPUs go offline and come back under load, and lose nothing", async () => {
    const seed = nextSeed();
    const { run, rest, cpu } = await makeArena(3, { defer, percpu, maximumBytes: 64 * 2 ** 20 });
    const args: ChurnArgs = { seed, rounds: effort(100), slots: makeSlots(128) };
    const operations = await run<number>(jobOf("lifecycle", "comeAndGo"), seed, { args });
    for (const count of operations) expect(count).toBeGreaterThan(args.rounds);
    cpu.rcuBarrier();
    await rest();
  });
});
