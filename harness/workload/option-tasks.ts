/**
 * What an option of the heap costs: the same two loads on heaps that differ in one option each.
 *
 * - `pair`: kmalloc + kfree of one CPU through the raw exports: the fast path, where the option
 *   leaves it.
 * - `remote`: one CPU allocates a batch and another frees it, both in this thread: each free is one
 *   change of a slab's word, each batch one refill. Nothing is contended: it is the price of the
 *   instructions that is compared, locks against cmpxchg.
 */
import type { Cpu } from "../heap/cpu.js";
import { createHeap } from "../heap/heap.js";
import type { HeapOptions } from "../heap/options.js";

/** A heap for each option, under the name of its rows. */
export const OPTION_HEAPS = {
  plain: {},
  "no-cmpxchg": { noCmpxchg: true },
  rt: { rt: true },
  hardened: { hardened: true },
  randomize: { randomize: true },
  failslab: { failslab: { probability: 0 } },
} as const satisfies Record<string, HeapOptions>;
type OptionName = keyof typeof OPTION_HEAPS;

export const OPTION_LOADS = ["pair", "remote"] as const;
export type OptionLoad = (typeof OPTION_LOADS)[number];

export interface OptionTask {
  readonly name: `${OptionName} ${OptionLoad}`;
  readonly load: OptionLoad;
  run(operations: number): void;
}

/** Objects that go from one CPU to the other at a time: about half a slab of 64-byte objects. */
const BATCH = 32;

/** The tasks of all options; each has a heap of its own, of two CPUs in this thread. */
export async function createOptionTasks(sizeBytes: number): Promise<OptionTask[]> {
  const tasks: OptionTask[] = [];
  for (const option of Object.keys(OPTION_HEAPS) as OptionName[]) {
    const options: HeapOptions = OPTION_HEAPS[option];
    const heap = await createHeap({
      percpu: "slab",
      cpus: 2,
      maximumBytes: 2 ** 24,
      seed: 1,
      ...options,
    });
    const [here, there] = [heap.cpu(), heap.cpu()];
    tasks.push(
      { name: `${option} pair`, load: "pair", run: pairs(here, sizeBytes) },
      { name: `${option} remote`, load: "remote", run: remote(here, there, sizeBytes) },
    );
  }
  return tasks;
}

function pairs({ exports }: Cpu, sizeBytes: number): (operations: number) => void {
  const { kmalloc, kfree } = exports;
  return (operations) => {
    for (let i = 0; i < operations; i++) kfree(kmalloc(sizeBytes, 0));
  };
}

function remote(here: Cpu, there: Cpu, sizeBytes: number): (operations: number) => void {
  const { kmalloc } = here.exports;
  const { kfree } = there.exports;
  const batch = new Uint32Array(BATCH);
  return (operations) => {
    for (let done = 0; done < operations; done += BATCH) {
      for (let i = 0; i < BATCH; i++) batch[i] = kmalloc(sizeBytes, 0);
      for (let i = 0; i < BATCH; i++) kfree(batch[i] as number);
    }
  };
}
