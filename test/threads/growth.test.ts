/**
 * Memory that grows under many CPUs, and memory that ends.
 *
 * Goal: an object in memory that another CPU has just grown is usable at once, by the wasm and
 * through views; and when nothing is left everybody is told so, loses nothing, and finds all of it
 * again once it is free.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { createHeap } from "slablab";
import { PG_SLAB, PG_TABLE } from "slablab/internal/heap/constants.js";
import { readFieldTable } from "slablab/internal/heap/fields.js";
import { findHeap } from "slablab/internal/heap/find.js";
import type { HeapView } from "slablab/internal/heap/view.js";
import { createRandom } from "slablab/internal/workload/random.js";
import { describe, expect, test } from "vitest";
import type { ChurnArgs, ExhaustArgs, GrowthArgs, GrowthReport } from "./jobs/growth.js";
import { makeArena } from "./support/arena.js";
import { effort, nextSeed } from "../support/tier.js";
import { jobOf } from "./support/jobs.js";

const MIB = 2 ** 20;

test("objects in memory that another CPU has just grown can be used at once", async () => {
  let growths = 0;
  for (let round = 0; round < effort(2); round++) {
    const seed = nextSeed();
    const arena = await makeArena(3, { maximumBytes: 96 * MIB, initialBytes: 2 * MIB });
    const slots = new SharedArrayBuffer(4 * Int32Array.BYTES_PER_ELEMENT);
    const args: GrowthArgs = { seed, slots };
    const reports = await arena.run<GrowthReport>(jobOf("growth", "growTogether"), seed, { args });
    growths += Math.max(...reports.map((report) => report.growths));
    expect(arena.heap.handle.memory.buffer.byteLength).toBe(96 * MIB);
    await arena.rest();
  }
  expect(growths).toBeGreaterThan(effort(2) * 3);
});

/** Holds the word at `address` like a lock, for as long as a slow memory.grow may take. */
const HOLD_LOCK = `
  const { parentPort, workerData: { buffer, address } } = require("node:worker_threads");
  const words = new Int32Array(buffer);
  Atomics.store(words, address / 4, 255);
  parentPort.postMessage("held");
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
  Atomics.store(words, address / 4, 0);
`;

test.each([
  { bytes: 400_000, count: 16 },
  { bytes: 5 * MIB, count: 2 },
])(
  "a CPU that may not sleep outlasts another's slow memory.grow, for $bytes bytes",
  async ({ bytes, count }) => {
    const heap = await createHeap({ cpus: 1, maximumBytes: 32 * MIB, initialBytes: MIB });
    const cpu = heap.cpu(0, { mayWait: false });
    const { memory, module } = heap.handle;
    const table = readFieldTable(module);
    const found = findHeap(memory.buffer, table);
    if (found.state !== "ready") throw new Error(`expected a heap, got ${found.state}`);
    const held: number[] = [];
    // What comes next needs the memory to grow, sooner or later.
    for (let size = MIB; size >= 8192; size /= 2) {
      const before = memory.buffer.byteLength;
      while (memory.buffer.byteLength === before) held.push(cpu.kmalloc(size));
      cpu.kfree(held.pop() as number);
    }
    const address = found.base + table.offsets.heap_header.grow_lock;
    const workerData = { buffer: memory.buffer, address };
    const worker = new Worker(HOLD_LOCK, { eval: true, workerData });
    await once(worker, "message");
    const before = memory.buffer.byteLength;
    const objects = Array.from({ length: count }, () => cpu.kmalloc(bytes));
    expect(objects).not.toContain(0);
    expect(memory.buffer.byteLength).toBeGreaterThan(before);
    await once(worker, "exit");
    expect(heap.validate()).toEqual([]);
  },
);

describe("beside a busy Worker with constant live data", () => {
  const LIVE = 200;

  /** More than CPUs keep pages for: taken from the zone, and given back to it. */
  const BLOCK_BYTES = 100_000;

  /** The memory that `operations` of a CPU here take, and how often it got nothing. */
  async function churnHere(mayWait: boolean, size: number, operations: number) {
    const seed = nextSeed();
    const arena = await makeArena(1, { maximumBytes: 512 * MIB, cpus: 3 });
    const { heap, pool, run, rest } = arena;
    const cpu = heap.cpu(undefined, { mayWait });
    const args: ChurnArgs = { seed, size, live: LIVE };
    const worker = run<number>(jobOf("growth", "churn"), seed, { args });
    const random = createRandom(seed, 1);
    const live: number[] = [];
    let nulls = 0;
    for (let done = 0; done < operations; done++) {
      const object = cpu.kmalloc(size);
      if (object === 0) nulls++;
      else live.push(object);
      const at = random.uniformInt(0, live.length - 1);
      if (live.length > LIVE) cpu.kfree(live.splice(at, 1)[0] as number);
      // What the pool hears of its Workers, it hears between tasks.
      if (done % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    for (const object of live) cpu.kfree(object);
    pool.stop();
    await worker;
    cpu.offline();
    const bytes = heap.handle.memory.buffer.byteLength;
    // A free that missed the zone's lock left its pages for the next that has it: this one.
    arena.cpu.kfree(arena.cpu.kmalloc(BLOCK_BYTES));
    await rest();
    return { bytes, nulls };
  }

  test.each([
    { what: "blocks", size: 40_000 },
    { what: "pages of CPUs' lists", size: 16_000 },
    { what: "slabs", size: 4_000 },
  ])("a CPU that may not wait takes as little memory as one that may: $what", async ({ size }) => {
    const operations = effort(20_000);
    const waiting = await churnHere(true, size, operations);
    const spinning = await churnHere(false, size, operations);
    expect({ waiting: waiting.nulls, spinning: spinning.nulls }).toEqual({
      waiting: 0,
      spinning: 0,
    });
    expect(spinning.bytes).toBeLessThanOrEqual(3 * waiting.bytes);
  });
});

describe("out of memory", () => {
  test.each([
    { what: "small objects", largest: 8 },
    { what: "every bucket", largest: 8192 },
    { what: "large allocations, then what fits between them", largest: 3 * MIB },
  ])("is met by all CPUs at once with $what, again and again", async ({ largest }) => {
    const seed = nextSeed();
    const arena = await makeArena(3, { maximumBytes: 12 * MIB });
    const args: ExhaustArgs = { seed, rounds: effort(2), largest };
    const counts = await arena.run<number[]>(jobOf("growth", "exhaust"), seed, { args });
    // Nothing leaks: every round finds as much as the first, give or take what CPUs hold.
    const totals = Array.from({ length: args.rounds }, (_, round) => sumOf(counts, round));
    for (const total of totals) expect(total).toBeGreaterThan((totals[0] as number) * 0.8);
    const view = arena.view();
    await arena.rest();
    expectPagesBack(view);
  });
});

function sumOf(counts: readonly number[][], round: number): number {
  return counts.reduce((sum, each) => sum + (each[round] as number), 0);
}

/** Every page is free again, but for the few empty slabs that nodes keep and the counters. */
function expectPagesBack(view: HeapView): void {
  view.refresh();
  for (const cache of view.caches()) {
    const { nr_slabs } = view.node(cache.index, 0);
    expect(nr_slabs, cache.name).toBeLessThanOrEqual(cache.min_partial);
  }
  const zone = view.zone(0);
  let used = 0;
  for (let { first_pfn: pfn } = view.header(); pfn < view.endPfn; pfn++) {
    const kind = view.kind(pfn);
    if (kind === PG_SLAB || kind === PG_TABLE) used += 2 ** view.page(pfn).order;
  }
  expect(zone.nr_free + used).toBe(zone.nr_managed);
}
