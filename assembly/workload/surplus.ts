/**
 * The main load of heaps with sheaves: more is freed than a CPU's sheaves and its node's barn keep.
 *
 * While they have room a free is a push, whoever frees, and nothing is deferred that could be
 * compared. What is freed beyond is flushed to slabs by ordinary frees; a nolock free may not
 * flush, so it is deferred until an ordinary one has made room. A phase frees all of a batch, in a
 * permuted order; it is allocated anew before the next, which is not timed and empties the barn.
 *
 * ```
 * block + 128    slots   u32 each: the batch, 0 where memory was out
 * ```
 */
import { kfree, kmalloc } from "../kmalloc/kmalloc";
import { next_gap, nolock_burst, pace_start } from "./pace";
import { Work, shuffle, work_arrays } from "./work";

/** @returns bytes of a block for batches of `count`. */
export function surplus_bytes(count: u32): usize {
  return work_arrays(0) + ((<usize>count) << 2);
}

/** Free what the slots hold. Context: task. */
export function surplus_release(work: usize): void {
  surplus_phase(work, 0);
}

/**
 * Allocate a batch of `count` and put it into a permuted order; nothing is held before.
 *
 * @returns 0 when memory is out: what there is is held. Context: task.
 */
export function surplus_fill(work: usize, count: u32): u32 {
  const w = changetype<Work>(work);
  w.failed = 0;
  w.count = count;
  const first = work_arrays(work);
  const end = first + ((<usize>count) << 2);
  for (let slot = first; slot < end; slot += 4) {
    const object = kmalloc(w.size, 0);
    store<u32>(slot, <u32>object);
    if (object === 0) w.failed = 1;
  }
  shuffle(w, first, count);
  return w.failed ^ 1;
}

/** The timed call: free the batch, `bursts` NMIs of nolock frees among it. Context: task. */
export function surplus_phase(work: usize, bursts: u32): void {
  const w = changetype<Work>(work);
  let slot = work_arrays(work);
  const end = slot + ((<usize>w.count) << 2);
  pace_start(w, w.count, bursts);
  while (slot < end) {
    const stop = slot + ((<usize>next_gap(w, <u32>((end - slot) >> 2))) << 2);
    for (; slot < stop; slot += 4) kfree(<usize>load<u32>(slot));
    if (slot < end) slot = nolock_burst(w, slot);
  }
  w.count = 0;
}
