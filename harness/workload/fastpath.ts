/**
 * The fast path as benchmark tasks: what each loop does, as data.
 *
 * `fused` loops run inside wasm, linked with the allocator, as a program compiled against it
 * would. `handwritten` is the yardstick in the same module: the same chain of dependent loads
 * and stores for one size, without any test a real allocator needs. The others call from
 * JavaScript: the checked API, the raw exports, and a function that does nothing; and bulk calls of
 * the checked API beside as many single ones, of kmalloc and of a cache. Those over sheaves have a
 * heap of their own (sheaf-loops.ts).
 */
import type { Cpu } from "../heap/cpu.js";
import { SHEAF_TASKS, type SheafTaskName } from "./sheaf-loops.js";

/** What the bench build exports beside the allocator (assembly/workload/fastpath.ts). */
interface FastpathExports {
  empty(): void;
  fastpath_pair(count: number, size: number): number;
  fastpath_batch(count: number, size: number, array: number): number;
  nolock_pair(count: number, size: number): number;
  handwritten_pair(count: number, size: number): number;
}

export interface FastpathTask {
  readonly name: FastpathTaskName;
  /** What one operation is. */
  readonly unit: string;
  /** Runs `operations` of them. @throws Error if the loop ended early */
  run(operations: number): void;
}

const SLAB_TASKS = [
  ...(["fused-pair", "fused-batch-16", "handwritten-pair", "nolock-pair"] as const),
  ...(["js-checked-pair", "js-raw-pair", "js-empty-two"] as const),
  ...(["js-singles-32", "js-bulk-32", "js-cache-singles-32", "js-cache-bulk-32"] as const),
] as const;
export type FastpathTaskName = (typeof SLAB_TASKS)[number] | SheafTaskName;
export const FASTPATH_TASKS: readonly FastpathTaskName[] = [...SLAB_TASKS, ...SHEAF_TASKS];

/** Objects in a batch. */
const BATCH = 16;
/** Objects in a bulk call, and as many single ones. */
const BULK = 32;

/** The tasks for one CPU of a heap made from the bench build, and objects of `sizeBytes`. */
export function createFastpathTasks(cpu: Cpu, sizeBytes: number): FastpathTask[] {
  const raw = cpu.exports;
  const bench = raw as unknown as FastpathExports;
  const array = cpu.kmalloc(BATCH * Uint32Array.BYTES_PER_ELEMENT);
  // The yardstick takes the cpu slab for granted: have one.
  cpu.kfree(cpu.kmalloc(sizeBytes));
  const checkDone = (name: string, done: number, wanted: number) => {
    if (done === wanted) return;
    throw new Error(`${name}: expected ${wanted} operations, got ${done}; is the heap full?`);
  };
  return [
    {
      name: "fused-pair",
      unit: "kmalloc + kfree in wasm",
      run: (count) => checkDone("fused-pair", bench.fastpath_pair(count, sizeBytes), count),
    },
    {
      name: "fused-batch-16",
      unit: "the same, 16 at a time",
      run: (count) => {
        bench.fastpath_batch(Math.ceil(count / BATCH), sizeBytes, array);
      },
    },
    {
      name: "handwritten-pair",
      unit: "the same loads and stores by hand",
      run: (count) =>
        checkDone("handwritten-pair", bench.handwritten_pair(count, sizeBytes), count),
    },
    {
      name: "nolock-pair",
      unit: "kmalloc_nolock + kfree_nolock in wasm",
      run: (count) => checkDone("nolock-pair", bench.nolock_pair(count, sizeBytes), count),
    },
    {
      name: "js-checked-pair",
      unit: "cpu.kmalloc + cpu.kfree",
      run: (count) => {
        for (let i = 0; i < count; i++) cpu.kfree(cpu.kmalloc(sizeBytes));
      },
    },
    {
      name: "js-raw-pair",
      unit: "exports.kmalloc + exports.kfree",
      run: (count) => {
        for (let i = 0; i < count; i++) raw.kfree(raw.kmalloc(sizeBytes, 0));
      },
    },
    {
      name: "js-empty-two",
      unit: "two calls that do nothing",
      run: (count) => {
        for (let i = 0; i < count; i++) {
          bench.empty();
          bench.empty();
        }
      },
    },
    ...createBulkTasks(cpu, sizeBytes),
  ];
}

/** Bulk calls, each after the single ones that are its yardstick. An operation is one object. */
function createBulkTasks(cpu: Cpu, sizeBytes: number): FastpathTask[] {
  const cache = cpu.kmemCacheCreate({ name: "bulk", size: sizeBytes });
  const objects = new Uint32Array(BULK);
  const inBulks = (turn: () => void) => (operations: number) => {
    for (let done = 0; done < operations; done += BULK) turn();
  };
  return [
    {
      name: "js-singles-32",
      unit: "32 times cpu.kmalloc, then cpu.kfree",
      run: inBulks(() => {
        for (let i = 0; i < BULK; i++) objects[i] = cpu.kmalloc(sizeBytes);
        for (let i = 0; i < BULK; i++) cpu.kfree(objects[i] as number);
      }),
    },
    {
      name: "js-bulk-32",
      unit: "cpu.kmallocBulk + cpu.kfreeBulk of 32",
      run: inBulks(() => cpu.kfreeBulk(cpu.kmallocBulk(sizeBytes, BULK))),
    },
    {
      name: "js-cache-singles-32",
      unit: "32 times cache.alloc, then cache.free",
      run: inBulks(() => {
        for (let i = 0; i < BULK; i++) objects[i] = cache.alloc();
        for (let i = 0; i < BULK; i++) cache.free(objects[i] as number);
      }),
    },
    {
      name: "js-cache-bulk-32",
      unit: "cache.allocBulk + cache.freeBulk of 32",
      run: inBulks(() => cache.freeBulk(cache.allocBulk(BULK))),
    },
  ];
}
