/**
 * slab_test on each CPU by itself: many allocations and then as many frees, and pairs. Parameters
 * p0 objects and p1 their size. See harness/workload/loads/slab-test.ts.
 */
import { LoadHeap } from "../load/heap";
import { Load, element } from "../load/load";

// state0: the next slot. state1: nonzero while slots are being freed. Live are the slots below
// state0 while they fill, and those from it on while they empty.

export function slab_test_bytes(block: usize): u32 {
  return changetype<Load>(block).p0 << 2;
}

export function slab_test_prepare(_block: usize): void {}

/** @returns slots filled; fewer than asked when memory is out. */
function fill(l: Load, first: u32, count: u32): u32 {
  const size = <usize>l.p1;
  const arrays = <usize>l.arrays;
  for (let i: u32 = 0; i < count; i++) {
    const p = LoadHeap.malloc(size);
    if (p === 0) {
      l.failed = 1;
      return i;
    }
    store<u32>(element(arrays, first + i), <u32>p);
  }
  return count;
}

function empty(l: Load, first: u32, count: u32): void {
  const arrays = <usize>l.arrays;
  for (let i: u32 = 0; i < count; i++) {
    LoadHeap.free(<usize>load<u32>(element(arrays, first + i)));
  }
}

/** A step is an allocation and a free, or two of either: a pair in the long run. */
export function slab_test_phase(block: usize, steps: u32): u32 {
  const l = changetype<Load>(block);
  const slots = l.p0;
  let left = steps << 1;
  while (left > 0) {
    const count = min(left, slots - l.state0);
    const done = l.state1 !== 0 ? count : fill(l, l.state0, count);
    if (l.state1 !== 0) empty(l, l.state0, count);
    left -= done;
    l.state0 += done;
    if (done < count) break;
    if (l.state0 === slots) {
      l.state0 = 0;
      l.state1 ^= 1;
    }
  }
  return steps - ((left + 1) >> 1);
}

export function slab_test_release(block: usize): void {
  const l = changetype<Load>(block);
  if (l.state1 !== 0) empty(l, l.state0, l.p0 - l.state0);
  else empty(l, 0, l.state0);
  l.state0 = 0;
  l.state1 = 0;
}

export function slab_pairs_bytes(_block: usize): u32 {
  return 0;
}

export function slab_pairs_prepare(_block: usize): void {}

export function slab_pairs_phase(block: usize, steps: u32): u32 {
  const l = changetype<Load>(block);
  const size = <usize>l.p1;
  for (let i: u32 = 0; i < steps; i++) {
    const p = LoadHeap.malloc(size);
    if (p === 0) {
      l.failed = 1;
      return i;
    }
    LoadHeap.free(p);
  }
  return steps;
}

export function slab_pairs_release(_block: usize): void {}
