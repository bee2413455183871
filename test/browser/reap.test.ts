/**
 * Goal: in a browser a CPU may be reaped as soon as its Worker was terminated. Method: Workers that
 * never come back to their event loops, which Chromium lets run on for seconds; what they count
 * stands still by the time the call returns.
 */
import { type Heap, attachHeap, createHeap } from "slablab";
import { type Pool, createPool } from "slablab/internal/cpu/pool.js";
import { afterEach, expect, test } from "vitest";
import { isWhole } from "../support/tier.js";
import { jobOf } from "./support/jobs.js";

const pools: Pool[] = [];

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

/** Workers that became CPUs of the heap and never yield; and what each counts. */
async function startBusy(heap: Heap, cpus: number) {
  const pool = await createPool([], { cpus });
  pools.push(pool);
  const turns = Array.from({ length: cpus }, () => new SharedArrayBuffer(4));
  const argsOf = (index: number) => ({ handle: heap.handle, turns: turns[index] });
  const ended = pool.run(jobOf("reap", "joinForEver"), { argsOf, heap: null }).catch(() => null);
  const count = (index: number) => Atomics.load(new Int32Array(turns[index] as never), 0);
  while (turns.some((_, index) => count(index) < 3)) await sleep(1);
  return { pool, count, ended };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

test("again and again a Worker that never yields is terminated and reaped at once", async () => {
  const heap = await createHeap({ cpus: 2, maximumBytes: 32 * 2 ** 20 });
  const cpu = heap.cpu(1);
  for (let round = 0; round < (isWhole ? 3 : 1); round++) {
    const { pool, count, ended } = await startBusy(heap, 1);
    void pool.terminate(0);
    await heap.reap(0);
    const turns = count(0);
    cpu.kfree(cpu.kmalloc(1000));
    await sleep(100);
    expect(count(0)).toBe(turns);
    expect(heap.isTaken(0)).toBe(false);
    expect(heap.validate()).toEqual([]);
    await ended;
  }
});

test("all CPUs are terminated at once, and reaped by the page, which is none", async () => {
  const heap = await createHeap({ cpus: 2, maximumBytes: 32 * 2 ** 20 });
  const { pool, count } = await startBusy(heap, 2);
  for (const worker of [0, 1]) void pool.terminate(worker);
  await heap.reap(0, 1);
  const turns = [count(0), count(1)];
  await sleep(100);
  expect([count(0), count(1)]).toEqual(turns);
  expect(heap.validate()).toEqual([]);
  const cpu = heap.cpu();
  cpu.kfree(cpu.kmalloc(1000));
  cpu.offline();
});

test("a CPU of this very thread is refused, whoever made it", async () => {
  const heap = await createHeap({ cpus: 2 });
  (await attachHeap(heap.handle)).cpu(0);
  await expect(heap.reap(0)).rejects.toThrow(/got 0, which is of this thread/);
});

/** Ten seconds, which is how long a page waits for a lock that a live Worker holds. */
test.runIf(isWhole)("a CPU whose Worker lives is refused, and goes on", async () => {
  const heap = await createHeap({ cpus: 1 });
  const { count } = await startBusy(heap, 1);
  await expect(heap.reap(0)).rejects.toThrow(/got 0, whose thread has held its Web Lock for 10 s/);
  const turns = count(0);
  while (count(0) === turns) await sleep(1);
  expect(heap.isTaken(0)).toBe(true);
});
