/** Workers that are ended in the middle of their work. */
import { type HeapHandle, attachHeap } from "slablab";
import type { JobContext } from "slablab/internal/cpu/job.js";

export interface BusyArgs {
  /** Words for addresses that other threads look at: objects this CPU owns. */
  readonly kept: SharedArrayBuffer;
}

/** Allocate and free as fast as possible, for ever; a few objects are kept, and said. */
export function busyForEver({ cpu }: JobContext, { kept }: BusyArgs): void {
  const words = new Int32Array(kept);
  const objects: number[] = [];
  for (let turn = 0; ; turn++) {
    const index = turn % words.length;
    if (words[index] === 0) {
      const object = cpu.kmalloc(64);
      cpu.view(object, Uint32Array, 16).fill(object);
      Atomics.store(words, index, object);
    }
    for (let count = 0; count < 200; count++) objects.push(cpu.kmalloc(1 + ((turn * count) % 900)));
    for (const object of objects.splice(0)) {
      if (object % 3 === 0) cpu.kfreeNolock(object);
      else if (object % 3 === 1) cpu.kfreeRcu(object);
      else cpu.kfree(object);
    }
  }
}

export interface JoinArgs {
  readonly handle: HeapHandle;
  /** A word that counts turns. */
  readonly turns: SharedArrayBuffer;
}

/** Join a heap, be a CPU of it, and from then on never come back to the event loop. */
export async function joinForEver(_: JobContext, { handle, turns }: JoinArgs): Promise<void> {
  const words = new Int32Array(turns);
  const cpu = (await attachHeap(handle)).cpu();
  const objects: number[] = [];
  for (;;) {
    Atomics.add(words, 0, 1);
    for (let count = 0; count < 50; count++) objects.push(cpu.kmalloc(1 + count * 90));
    for (const object of objects.splice(0)) cpu.kfree(object);
  }
}

/** Enter a read-side section and stay in it. */
export function readForEver({ cpu }: JobContext, { kept }: BusyArgs): void {
  cpu.rcuReadLock();
  Atomics.store(new Int32Array(kept), 0, 1);
  for (;;) cpu.poll();
}

/** What a revived CPU does first. */
export function useAgain({ cpu }: JobContext): number {
  const objects = Array.from({ length: 500 }, (_, index) => cpu.kmalloc(1 + index * 3));
  for (const object of objects) cpu.kfree(object);
  return objects.filter((object) => object !== 0).length;
}
