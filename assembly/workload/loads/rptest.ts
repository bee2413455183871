/**
 * rptest: mixed sizes in slots that are visited at strides, with batches freed by another CPU.
 * Parameters p0 slots, p1 smallest and p2 largest size, p3 rounds from one hand-over to the next,
 * p4 batches that may wait for a CPU. See harness/workload/loads/rptest.ts.
 *
 * ```
 * shared     a line for each CPU: list of batches for it (llist), how many they are
 * batch      next, pointers in it, u32[99]
 * arrays     the slots
 * state0     slots to free still in this round     state1   slots to fill still
 * state2     the slot to visit next                state3   from one slot to the next
 * state4     the batch this round collects, or 0   state5   rounds so far
 * ```
 */
import { fetch_add, fetch_sub, read_once } from "../../sync/atomic";
import { llist_add, llist_del_all, llist_next } from "../../sync/llist";
import { LoadHeap } from "../load/heap";
import { Load, element, load_below, load_random } from "../load/load";

/** Slots visited in half a round: COUNT_MIN .. COUNT_MIN + COUNT_SPAN - 1. */
const COUNT_MIN: u32 = 30;
const COUNT_SPAN: u32 = 70;
const POINTERS: usize = 8;
const BATCH_BYTES: usize = 8 + 99 * 4;
/** Number of waiting batches in a CPU's line. */
const WAITING: usize = 4;

/** @returns the list of batches for a CPU. */
function inbox(l: Load, cpu: u32): usize {
  return <usize>l.shared + ((<usize>cpu) << 6);
}

export function rptest_bytes(block: usize): u32 {
  return changetype<Load>(block).p0 << 2;
}

export function rptest_shared_bytes(block: usize): u32 {
  return changetype<Load>(block).cpus << 6;
}

export function rptest_prepare(_block: usize): void {}

/** @returns a size whose probability falls evenly, to 0 at the largest: the less of two draws. */
function falling_size(l: Load): u32 {
  const span = l.p2 - l.p1 + 1;
  return l.p1 + min(load_below(l, span), load_below(l, span));
}

/** @returns the next slot of this round; the stride is less than the number of slots. */
function next_slot(l: Load): usize {
  const index = l.state2;
  const next = index + l.state3;
  l.state2 = next < l.p0 ? next : next - l.p0;
  return element(<usize>l.arrays, index);
}

/** @returns a prime, less than the fewest slots there are. */
function stride(l: Load): u32 {
  const draw = load_random(l) >> 30;
  if (draw === 0) return 7;
  if (draw === 1) return 13;
  return draw === 2 ? 19 : 31;
}

/** Free all batches that others left for this CPU. @returns frees. */
function empty_inbox(l: Load): u32 {
  const list = inbox(l, l.cpu);
  let calls: u32 = 0;
  let taken: u32 = 0;
  let batch = llist_del_all(list);
  while (batch !== 0) {
    // Read before the batch is freed, which may overwrite it.
    const next = llist_next(batch);
    const count = load<u32>(batch, 4);
    for (let i: u32 = 0; i < count; i++)
      LoadHeap.free(<usize>load<u32>(element(batch + POINTERS, i)));
    LoadHeap.free(batch);
    l.remote += count;
    calls += count;
    taken++;
    batch = next;
  }
  if (taken !== 0) fetch_sub(list + WAITING, taken);
  return calls;
}

/** Begin a round. @returns frees of what others handed over. */
function next_round(l: Load): u32 {
  const calls = empty_inbox(l);
  l.state0 = COUNT_MIN + load_below(l, COUNT_SPAN);
  l.state1 = COUNT_MIN + load_below(l, COUNT_SPAN);
  l.state2 = load_below(l, l.p0);
  l.state3 = stride(l);
  if (++l.state5 >= l.p3 && l.cpus > 1) {
    l.state5 = 0;
    const batch = LoadHeap.malloc(BATCH_BYTES);
    if (batch === 0) l.failed = 1;
    else store<u32>(batch, 0, 4);
    l.state4 = <u32>batch;
  }
  return calls;
}

/** Free the pointers of a batch that stayed here, and the batch. @returns frees. */
function drop_batch(batch: usize): u32 {
  const count = load<u32>(batch, 4);
  for (let i: u32 = 0; i < count; i++)
    LoadHeap.free(<usize>load<u32>(element(batch + POINTERS, i)));
  LoadHeap.free(batch);
  return count;
}

/**
 * Give this round's batch to another CPU, unless too many wait there: it may be off the machine
 * for long, and what waits must stay bounded. Two CPUs may find the last place at once; then one
 * more waits for each of them.
 *
 * @returns frees done here instead.
 */
function hand_over(l: Load): u32 {
  const batch = <usize>l.state4;
  if (batch === 0) return 0;
  l.state4 = 0;
  let cpu = l.cpu + 1 + load_below(l, l.cpus - 1);
  if (cpu >= l.cpus) cpu -= l.cpus;
  const list = inbox(l, cpu);
  if (read_once(list + WAITING) >= l.p4) return drop_batch(batch);
  // Counted first: the receiver takes off what it finds, and must not go below 0.
  fetch_add(list + WAITING, 1);
  llist_add(batch, list);
  return 0;
}

/** Free a slot's object, here or by way of the batch. @returns frees. */
function free_slot(l: Load, slot: usize): u32 {
  const p = load<u32>(slot);
  if (p === 0) return 0;
  store<u32>(slot, 0);
  const batch = <usize>l.state4;
  if (batch === 0) {
    LoadHeap.free(<usize>p);
    return 1;
  }
  const count = load<u32>(batch, 4);
  store<u32>(element(batch + POINTERS, count), p);
  store<u32>(batch, count + 1, 4);
  return 0;
}

/** Fill a slot that is empty. @returns allocations. */
function fill_slot(l: Load, slot: usize): u32 {
  if (load<u32>(slot) !== 0) return 0;
  const size = <usize>falling_size(l);
  const p = LoadHeap.malloc(size);
  if (p === 0) {
    l.failed = 1;
    return 0;
  }
  store<u32>(slot, <u32>p);
  store<u32>(p, <u32>size);
  store<u8>(p + size - 1, 0x5a);
  return 1;
}

export function rptest_phase(block: usize, steps: u32): u32 {
  const l = changetype<Load>(block);
  let calls: u32 = 0;
  for (let i: u32 = 0; i < steps && l.failed === 0; i++) {
    if (l.state0 !== 0) {
      calls += free_slot(l, next_slot(l));
      if (--l.state0 === 0) calls += hand_over(l);
    } else if (l.state1 !== 0) {
      calls += fill_slot(l, next_slot(l));
      l.state1--;
    } else {
      calls += next_round(l);
    }
  }
  return calls;
}

export function rptest_release(block: usize): void {
  const l = changetype<Load>(block);
  for (let i: u32 = 0; i < l.p0; i++) {
    const slot = element(<usize>l.arrays, i);
    LoadHeap.free(<usize>load<u32>(slot));
    store<u32>(slot, 0);
  }
  if (l.state4 !== 0) drop_batch(<usize>l.state4);
  l.state4 = 0;
  empty_inbox(l);
}
