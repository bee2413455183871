/**
 * Concurrent boot: whoever comes first makes the heap, and all others find it.
 *
 * Goal: any number of threads may call heap_init() on one bare memory at once. Method: Workers
 * leave a start line into heap_init(), on many memories; all must get the same heap and CPU
 * numbers of their own, and the heap must be sound.
 */
import { attachHeap, createHeap } from "slablab";
import { createPool, type Pool } from "slablab/internal/cpu/pool.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { BootArgs, BootReport } from "./jobs/boot.js";
import { effort } from "../support/tier.js";
import { jobOf } from "./support/jobs.js";

const CPUS = 6;
const MAXIMUM_WASM_PAGES = 64;
let pool: Pool;

beforeAll(async () => {
  pool = await createPool([], { cpus: CPUS });
});

afterAll(() => pool.close());

test.each([
  { what: "a memory that is long enough", initial: 32, reserveBytes: 0, heaps: 30 },
  { what: "a memory that must grow first", initial: 1, reserveBytes: 300_000, heaps: 30 },
])("six threads boot $what at once and share one sound heap", async (shape) => {
  const { initial, reserveBytes } = shape;
  const { handle } = await createHeap({ cpus: 1, percpu: "slab" });
  const { module } = handle;
  const memories = Array.from(
    { length: effort(shape.heaps) },
    () => new WebAssembly.Memory({ initial, maximum: MAXIMUM_WASM_PAGES, shared: true }),
  );
  const maximumPages = MAXIMUM_WASM_PAGES * 16;
  const args: BootArgs = { module, memories, maximumPages, reserveBytes, cpus: CPUS };
  const reports = await pool.run<BootReport[]>(jobOf("boot", "bootTogether"), { args });

  const expectedBase = Math.ceil(reserveBytes / 4096) * 4096 + 4096;
  for (const [index, memory] of memories.entries()) {
    const seen = reports.map((each) => each[index] as BootReport);
    expect(seen.map(({ base }) => base)).toEqual(Array(CPUS).fill(expectedBase));
    expect(seen.map(({ cpu }) => cpu).sort()).toEqual([0, 1, 2, 3, 4, 5]);
    const heap = await attachHeap({ memory, module });
    expect(heap.validate()).toEqual([]);
    expect(heap.slabinfo().filter(({ active_objs }) => active_objs > 0)).toEqual([]);
  }
});
