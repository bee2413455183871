/**
 * The page's main thread as a CPU: it may not wait for anybody, and need not.
 *
 * Goal: all calls work there while Workers hammer the same heap: allocation, growth, large
 * allocations, frees of both kinds. Method: the main thread takes part in the mixed load in bursts,
 * makes the memory grow, and leaves; afterwards the heap must be sound and empty.
 */
import { KIND_ARMS, MERGED_ARM } from "slablab/internal/heap/arms.js";
import { createHeap } from "slablab";
import { expect, test } from "vitest";
import { Mixer, type MixedReport } from "../threads/jobs/mixed.js";
import { makeArena } from "../threads/support/arena.js";
import { nextSeed, rows } from "../support/tier.js";
import { makeMix } from "../threads/support/mix.js";
import { jobOf } from "./support/jobs.js";

const MIB = 2 ** 20;
const BURSTS = 40;

test("a CPU here is made with mayWait: false, and asking for true is refused", async () => {
  const heap = await createHeap({ cpus: 2 });
  expect(heap.cpu().mayWait).toBe(false);
  expect(() => heap.cpu(1, { mayWait: true })).toThrow(RangeError);
});

test.each(rows(KIND_ARMS, (arm) => arm === MERGED_ARM))(
  "the main thread allocates, grows and frees among Workers in the arm %s",
  async (defer) => {
    const seed = nextSeed();
    const options = { maximumBytes: 128 * MIB, initialBytes: MIB, defer };
    const { heap, cpu, pool, run, rest } = await makeArena(3, options);
    expect(cpu.mayWait).toBe(false);
    const { args, caches } = makeMix(cpu, seed, Number.MAX_SAFE_INTEGER);
    const workers = run<MixedReport>(jobOf("mixed", "mixed"), seed, { args });

    const mixer = new Mixer(cpu, 200, args);
    const large: number[] = [];
    const before = heap.handle.memory.buffer.byteLength;
    for (let burst = 0; burst < BURSTS; burst++) {
      for (let turn = 0; turn < 50; turn++) mixer.turn();
      // Half a MiB in a burst: sooner or later it is this thread that has to grow the memory.
      const object = cpu.kmalloc(512 * 1024);
      expect(object).not.toBe(0);
      cpu.bytes(object, 512 * 1024).fill(burst);
      large.push(object);
      await new Promise((resolve) => setTimeout(resolve));
    }
    expect(heap.handle.memory.buffer.byteLength).toBeGreaterThan(before);
    for (const [burst, object] of large.entries()) {
      expect(cpu.bytes(object, 512 * 1024).every((byte) => byte === burst)).toBe(true);
      cpu.kfree(object);
    }
    mixer.freeOwn();
    pool.stop();
    for (const { operations } of await workers) expect(operations).toBeGreaterThan(1000);
    expect(mixer.operations).toBeGreaterThan(BURSTS * 50);
    for (const cache of caches) expect(cache.destroy()).toMatchObject({ released: true });
    cpu.exports.defer_free_barrier();
    await rest();
  },
);
