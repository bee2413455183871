/**
 * Three loads in which objects are allocated and freed as programs do it: the second table.
 *
 * - permuted: a batch is allocated and then freed in a permuted order, again and again;
 * - fifo: a ring of some depth, each step frees the oldest and allocates anew. Depths resonate
 *   with the objects of a slab, so the harness changes the depth from phase to phase;
 * - random: each step replaces a random one of the live objects.
 *
 * Allocations are ordinary. A share of the frees comes in simulated NMIs, evenly spaced
 * (workload/pace.ts). A phase stops at the first allocation that fails: an arm whose lists grow
 * without bound ends there, and must not look fast for it.
 *
 * ```
 * block + 128    slots   u32 each: live objects, 0 where there is none
 *                order   u32 each: permuted only, the slot that each allocation goes to
 * ```
 */
import { kfree, kmalloc } from "../kmalloc/kmalloc";
import { next_gap, nolock_burst, pace_start } from "./pace";
import { Work, random_below, shuffle, work_arrays } from "./work";

/** @returns bytes of a block with at most `count` live objects. */
export function lifetime_bytes(count: u32): usize {
  return work_arrays(0) + ((<usize>count) << 3);
}

function slot_at(work: usize, index: u32): usize {
  return work_arrays(work) + ((<usize>index) << 2);
}

function order_at(work: usize, index: u32): usize {
  return slot_at(work, changetype<Work>(work).count + index);
}

/** Allocate into `count` slots from `first`; 0 where there is none. @returns false then. */
function fill(w: Work, first: usize, count: u32): bool {
  const end = first + ((<usize>count) << 2);
  for (let slot = first; slot < end; slot += 4) {
    const object = kmalloc(w.size, 0);
    store<u32>(slot, <u32>object);
    if (object === 0) w.failed = 1;
  }
  return w.failed === 0;
}

/** Free what the slots hold. Context: task. */
export function lifetime_release(work: usize): void {
  const count = changetype<Work>(work).count;
  for (let i: u32 = 0; i < count; i++) {
    kfree(<usize>load<u32>(slot_at(work, i)));
    store<u32>(slot_at(work, i), 0);
  }
}

/**
 * Hold `count` objects from now on, after letting go of what was held before.
 *
 * @returns 0 when memory is out. Context: task.
 */
export function lifetime_hold(work: usize, count: u32): u32 {
  const w = changetype<Work>(work);
  lifetime_release(work);
  w.failed = 0;
  w.count = count;
  w.cursor = 0;
  memory.fill(slot_at(work, 0), 0, (<usize>count) << 2);
  return fill(w, slot_at(work, 0), count) ? 1 : 0;
}

/** Begin the permuted load: batches of `count`. Nothing is held between phases. */
export function permuted_prepare(work: usize, count: u32): void {
  const w = changetype<Work>(work);
  lifetime_release(work);
  w.failed = 0;
  w.count = count;
  memory.fill(slot_at(work, 0), 0, (<usize>count) << 2);
  for (let i: u32 = 0; i < count; i++) store<u32>(order_at(work, i), i << 2);
  permuted_shuffle(work);
}

/** Another permutation for the next batch. */
export function permuted_shuffle(work: usize): void {
  const w = changetype<Work>(work);
  shuffle(w, order_at(work, 0), w.count);
}

/** Allocate a whole batch, each object into the next slot of the permutation. */
function fill_permuted(w: Work, first: usize, order: usize): bool {
  const end = order + ((<usize>w.count) << 2);
  for (; order < end; order += 4) {
    const object = kmalloc(w.size, 0);
    store<u32>(first + <usize>load<u32>(order), <u32>object);
    if (object === 0) {
      w.failed = 1;
      return false;
    }
  }
  return true;
}

/**
 * One batch: allocate all, free all in the permuted order, that is slot by slot.
 *
 * @returns pairs done: 0 when memory is out. Context: task.
 */
export function permuted_phase(work: usize, bursts: u32): u32 {
  const w = changetype<Work>(work);
  const first = slot_at(work, 0);
  const end = order_at(work, 0);
  if (!fill_permuted(w, first, end)) return 0;
  pace_start(w, w.count, bursts);
  let slot = first;
  while (slot < end) {
    const stop = slot + ((<usize>next_gap(w, <u32>((end - slot) >> 2))) << 2);
    for (; slot < stop; slot += 4) kfree(<usize>load<u32>(slot));
    if (slot < end) slot = nolock_burst(w, slot);
  }
  memory.fill(first, 0, end - first);
  return w.count;
}

/** Replace one object. @returns false when memory is out. */
function replace(w: Work, slot: usize): bool {
  kfree(<usize>load<u32>(slot));
  return fill(w, slot, 1);
}

/** Free `burst` neighbours in one NMI and allocate as many. @returns false when memory is out. */
function replace_burst(w: Work, slot: usize): bool {
  nolock_burst(w, slot);
  return fill(w, slot, w.burst);
}

/**
 * `steps` steps of the ring. @returns steps done. Context: task, after lifetime_hold() of at
 * least `burst` objects.
 */
export function fifo_phase(work: usize, steps: u32, bursts: u32): u32 {
  const w = changetype<Work>(work);
  let done: u32 = 0;
  pace_start(w, steps, bursts);
  while (done < steps) {
    const gap = next_gap(w, steps - done);
    for (let i: u32 = 0; i < gap; i++) {
      if (!replace(w, slot_at(work, w.cursor))) return done;
      w.cursor = w.cursor + 1 === w.count ? 0 : w.cursor + 1;
      done++;
    }
    if (done === steps) break;
    // A burst does not wrap around: the few objects at the end of the ring grow a little older.
    if (w.cursor + w.burst > w.count) w.cursor = 0;
    if (!replace_burst(w, slot_at(work, w.cursor))) return done;
    w.cursor = w.cursor + w.burst === w.count ? 0 : w.cursor + w.burst;
    done += w.burst;
  }
  return done;
}

/**
 * Begin the random load: hold `count` objects in slabs of which a third is free.
 *
 * In slabs without a free object the load would stand on an edge: whether the next free comes
 * before or after the next allocation would decide how every slab is used from then on.
 * @returns 0 when memory is out. Context: task.
 */
export function random_prepare(work: usize, count: u32): u32 {
  const w = changetype<Work>(work);
  lifetime_release(work);
  w.failed = 0;
  w.count = count;
  for (let i: u32 = 0; i < count; i++) {
    fill(w, slot_at(work, i), 1);
    if ((i & 1) !== 0) fill(w, order_at(work, i >> 1), 1);
  }
  const spare = count >> 1;
  shuffle(w, order_at(work, 0), spare);
  for (let i: u32 = 0; i < spare; i++) kfree(<usize>load<u32>(order_at(work, i)));
  return w.failed === 0 ? 1 : 0;
}

/** `steps` replacements of random objects. As fifo_phase(). */
export function random_phase(work: usize, steps: u32, bursts: u32): u32 {
  const w = changetype<Work>(work);
  let done: u32 = 0;
  pace_start(w, steps, bursts);
  while (done < steps) {
    const gap = next_gap(w, steps - done);
    for (let i: u32 = 0; i < gap; i++) {
      if (!replace(w, slot_at(work, random_below(w, w.count)))) return done;
      done++;
    }
    if (done === steps) break;
    // Neighbours in the array are no neighbours in age: a random stretch is as good as a set.
    if (!replace_burst(w, slot_at(work, random_below(w, w.count - w.burst + 1)))) return done;
    done += w.burst;
  }
  return done;
}
