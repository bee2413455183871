/**
 * Goal: the loops over sheaves and their yardsticks do the same work, and leave nothing behind.
 * Method: every loop on one heap, counting. What they are compiled to: test/tidy/wasm.test.ts.
 */
import { createHeap } from "slablab/internal/heap/heap.js";
import { compileBuild } from "slablab/internal/heap/load.js";
import { inspect } from "slablab/internal/measure/bench/load-run.js";
import { createSheafTasks, SHEAF_TASKS } from "slablab/internal/workload/sheaf-loops.js";
import { expect, test } from "vitest";

const MIB = 2 ** 20;

async function makeHeap(maximumBytes: number) {
  const module = await compileBuild("bench-sheaf");
  return createHeap({ module, cpus: 1, maximumBytes, percpu: "sheaf" });
}

test.each([1, 64, 1030, 8192])(
  "every loop does what it is told to, with pairs of %d bytes",
  async (size) => {
    const heap = await makeHeap(64 * MIB);
    const cpu = heap.cpu();
    const { tasks, release } = createSheafTasks(cpu, size, 0xffff_ffff);
    expect(tasks.map(({ name }) => name)).toEqual(SHEAF_TASKS);
    // Each throws unless it has done them all; a batch is of sixteen.
    for (const count of [0, 1, 17, 30_000]) for (const task of tasks) task.run(count);
    release();
    cpu.offline();
    expect(inspect(heap)).toEqual([]);
  },
);

test("without room for the stacks it is said", async () => {
  const heap = await makeHeap(8 * MIB);
  expect(() => createSheafTasks(heap.cpu(), 64, 1)).toThrow(
    /expected room for the stacks by hand, \d+ (are|is) missing/,
  );
});
