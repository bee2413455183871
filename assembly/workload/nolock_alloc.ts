/**
 * What kmalloc_nolock() costs: allocations in simulated NMIs from slabs that are half full.
 *
 * Every other object of the CPU's slabs stays allocated, so an allocation pops the cpu slab's list
 * half a slab long and then takes the next partial slab, with trylocks only. The frees in between
 * are ordinary and not timed; they make the slabs half full again. Nothing here is deferred, so
 * the arms should not differ: where they seem to, the run shows its own error.
 *
 * ```
 * block + 128    slots   u32 each: what the phase allocated, 0 where it got none
 *                kept    u32 each: the objects that stay
 * ```
 */
import { NUMA_NO_NODE } from "../base/config";
import { nmi_enter, nmi_exit } from "../kmalloc/contexts";
import { kfree, kmalloc } from "../kmalloc/kmalloc";
import { kmalloc_nolock } from "../kmalloc/nolock";
import { Work, work_arrays } from "./work";

/** @returns bytes of a block for phases of `count` allocations. */
export function nolock_alloc_bytes(count: u32): usize {
  return work_arrays(0) + ((<usize>count) << 3);
}

function kept_at(work: usize, index: u32): usize {
  const w = changetype<Work>(work);
  return work_arrays(work) + ((<usize>(w.count + index)) << 2);
}

function slot_at(work: usize, index: u32): usize {
  return work_arrays(work) + ((<usize>index) << 2);
}

/** Make this CPU's slabs half full. @returns 0 when memory is out. Context: task. */
export function nolock_alloc_prepare(work: usize, count: u32): u32 {
  const w = changetype<Work>(work);
  w.count = count;
  let got: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const stays = kmalloc(w.size, 0);
    const goes = kmalloc(w.size, 0);
    store<u32>(kept_at(work, i), <u32>stays);
    store<u32>(slot_at(work, i), <u32>goes);
    if (stays !== 0 && goes !== 0) got++;
  }
  nolock_alloc_reset(work);
  return got === count ? count : 0;
}

/**
 * The timed call: `count` allocations, rounded down to whole bursts.
 *
 * @returns how many were refused. Context: task.
 */
export function nolock_alloc_phase(work: usize): u32 {
  const w = changetype<Work>(work);
  const end = slot_at(work, w.count - (w.count % w.burst));
  let refused: u32 = 0;
  let slot = slot_at(work, 0);
  while (slot < end) {
    const stop = slot + ((<usize>w.burst) << 2);
    nmi_enter();
    for (; slot < stop; slot += 4) {
      const object = kmalloc_nolock(w.size, 0, NUMA_NO_NODE);
      store<u32>(slot, <u32>object);
      if (object === 0) refused++;
    }
    nmi_exit();
  }
  return refused;
}

/** Free what the phase allocated. Context: task. */
export function nolock_alloc_reset(work: usize): void {
  const w = changetype<Work>(work);
  for (let i: u32 = 0; i < w.count; i++) {
    const slot = slot_at(work, i);
    kfree(<usize>load<u32>(slot));
    store<u32>(slot, 0);
  }
}

/** Free what stayed. Context: task, after a reset. */
export function nolock_alloc_release(work: usize): void {
  const w = changetype<Work>(work);
  for (let i: u32 = 0; i < w.count; i++) kfree(<usize>load<u32>(kept_at(work, i)));
}
