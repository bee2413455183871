/**
 * An arena: a heap, a pool of Workers that are its CPUs, and one more CPU here, on the main thread.
 *
 * `rest()` is the referee at the end: every CPU goes offline, and then the heap must be sound,
 * nothing may wait on any deferred list, no object may be alive and every page must be back.
 */
import { type Cpu, createHeap, type Heap, type HeapOptions } from "slablab";
import { createPool, type Pool, type RunOptions } from "slablab/internal/cpu/pool.js";
import type { JobRef } from "slablab/internal/cpu/protocol.js";
import { readFieldTable } from "slablab/internal/heap/fields.js";
import { findHeap } from "slablab/internal/heap/find.js";
import { HeapView } from "slablab/internal/heap/view.js";
import { giveBack } from "slablab/internal/workload/verify/give-back.js";
import { afterEach, expect } from "vitest";
import { runTimeoutMs } from "../../support/tier.js";

export interface Arena {
  readonly heap: Heap;
  readonly pool: Pool;
  /** The CPU of the main thread: number `cpus` of the heap. */
  readonly cpu: Cpu;
  /** Run a job on the Workers; names `seed` when it fails. */
  run<Result>(job: JobRef, seed: number, options?: RunOptions<unknown>): Promise<Result[]>;
  /** Take every CPU offline and demand that the heap is sound and empty. */
  rest(): Promise<void>;
  /** Everything in the heap, to read. */
  view(): HeapView;
}

const arenas: Pool[] = [];

afterEach(async () => {
  await Promise.all(arenas.splice(0).map((pool) => pool.close()));
});

/** @param cpus Workers; the heap has one CPU more */
export async function makeArena(cpus: number, options: HeapOptions = {}): Promise<Arena> {
  const heap = await createHeap({ cpus: cpus + 1, ...options });
  const pool = await createPool(heap, { cpus });
  arenas.push(pool);
  const cpu = heap.cpu(cpus);
  const view = () => viewOf(heap);
  return {
    heap,
    pool,
    cpu,
    view,
    run: (job, seed, more = {}) =>
      nameSeed(seed, pool.run(job, { timeoutMs: runTimeoutMs, ...more })),
    rest: async () => {
      const eyes = view();
      // The memory of sheaves, which the barns keep, lies in other caches' slabs.
      if (heap.options.percpu === "sheaf") {
        await pool.close();
        giveBack(cpu.exports, eyes);
      }
      cpu.offline();
      await pool.close();
      expect(heap.validate()).toEqual([]);
      expectEmpty(heap, eyes);
    },
  };
}

function viewOf({ handle }: Heap): HeapView {
  const table = readFieldTable(handle.module);
  const found = findHeap(handle.memory.buffer, table);
  if (found.state !== "ready") throw new Error(`expected a heap, got ${found.state}`);
  return new HeapView(handle.memory, table, found.base);
}

/** A failure that cannot be run again is worth half. */
async function nameSeed<T>(seed: number, run: Promise<T>): Promise<T> {
  try {
    return await run;
  } catch (error) {
    if (error instanceof Error) {
      error.message += `\nRun it again with SLABLAB_SEED=${seed}; races may need a few tries.`;
    }
    throw error;
  }
}

/** No live object, no slab beyond the empty ones that nodes keep, nothing deferred. */
function expectEmpty(heap: Heap, view: HeapView): void {
  const busy = heap.slabinfo().filter(({ active_objs }) => active_objs !== 0);
  expect(busy).toEqual([]);
  view.refresh();
  expect(deferredLists(view)).toEqual([]);
}

/** Names of the deferred lists that are not empty. */
export function deferredLists(view: HeapView): string[] {
  const found: string[] = [];
  const look = (head: number, name: string) => head !== 0 && found.push(name);
  for (const cache of view.caches()) {
    look(cache.defer_free_objects, `${cache.name}, hot line`);
    look(cache.defer_own_line, `${cache.name}, own line`);
    for (let node = 0; node < view.nodeCount; node++) {
      look(view.node(cache.index, node).defer_free_objects, `${cache.name}, node ${node}`);
    }
    for (let cpu = 0; cpu < view.cpuCount; cpu++) {
      look(view.cpuCache(cpu, cache.index).defer_free_objects, `${cache.name}, CPU ${cpu}`);
    }
  }
  for (let cpu = 0; cpu < view.cpuCount; cpu++) {
    look(view.cpu(cpu).defer_objects, `objects, CPU ${cpu}`);
    look(view.cpu(cpu).defer_slabs, `slabs, CPU ${cpu}`);
  }
  for (let node = 0; node < view.nodeCount; node++) {
    look(view.zone(node).deferred, `pages, zone ${node}`);
  }
  return found;
}
