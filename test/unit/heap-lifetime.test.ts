/**
 * Goal: a heap, a CPU and an attachment that nobody refers to any more can be collected, however
 * many there were: no list, map or listener of the library keeps them. Method: each is registered
 * with a FinalizationRegistry; after collections, all but the last few, which the engine's own
 * stack may still hold, must be gone. Objects are counted, not bytes, and nothing is timed.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { attachHeap, type Cpu, createHeap, type Heap } from "slablab";
import { expect, test } from "vitest";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const CYCLES = 40;
/** What may outlive the last cycle: locals of it, and its CPU in `Heap`. */
const SPARE = 4;
/** Collections that are tried before an object counts as kept. */
const ROUNDS = 50;

/** How many of what `make` returns in CYCLES calls are collected afterwards. */
async function collected(make: (cycle: number) => Promise<object> | object): Promise<number> {
  let gone = 0;
  const registry = new FinalizationRegistry(() => gone++);
  for (let cycle = 0; cycle < CYCLES; cycle++) registry.register(await make(cycle), cycle);
  for (let round = 0; round < ROUNDS && gone < CYCLES - SPARE; round++) {
    collect();
    // Callbacks of a registry are tasks of their own.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return gone;
}

const small = () => createHeap({ cpus: 2, maximumBytes: 2 ** 22, maxCaches: 16 });

function use(heap: Heap): Cpu {
  const cpu = heap.cpu();
  cpu.kfree(cpu.kmalloc(100));
  cpu.kmemCacheOpen("kmalloc-64").shrink();
  cpu.offline();
  return cpu;
}

test("heaps are collected with their memories", async () => {
  const make = async () => {
    const heap = await small();
    use(heap);
    return heap.handle.memory;
  };
  expect(await collected(make)).toBeGreaterThanOrEqual(CYCLES - SPARE);
});

test("attachments to a heap that goes on are collected, and their CPUs", async () => {
  const { handle } = await small();
  const attach = async () => {
    const heap = await attachHeap(handle);
    use(heap);
    return heap;
  };
  expect(await collected(attach)).toBeGreaterThanOrEqual(CYCLES - SPARE);
  const become = async () => use(await attachHeap(handle));
  expect(await collected(become)).toBeGreaterThanOrEqual(CYCLES - SPARE);
});

test("CPUs that one heap becomes in turn are collected, those with handlers too", async () => {
  const heap = await createHeap({ cpus: 2, maximumBytes: 2 ** 22, build: "debug" });
  expect(await collected(() => use(heap))).toBeGreaterThanOrEqual(CYCLES - SPARE);
  const handled = () => {
    const cpu = heap.cpu(0, { onReport: () => {} });
    cpu.offline();
    return cpu;
  };
  expect(await collected(handled)).toBeGreaterThanOrEqual(CYCLES - SPARE);
});

test("what is kept is not taken for collected", async () => {
  const kept: object[] = [];
  const { handle } = await small();
  const keep = async () => {
    const heap = await attachHeap(handle);
    kept.push(heap);
    return heap;
  };
  expect(await collected(keep)).toBe(0);
  expect(kept.length).toBe(CYCLES);
});
