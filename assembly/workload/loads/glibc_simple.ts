/**
 * glibc-simple: some objects of one size, written, and freed half first in first out and half last
 * in first out. Parameters p0 objects and p1 their size, a multiple of 8. See
 * harness/workload/loads/glibc-simple.ts.
 */
import { LoadHeap } from "../load/heap";
import { Load, element } from "../load/load";

export function glibc_simple_bytes(block: usize): u32 {
  return changetype<Load>(block).p0 << 2;
}

export function glibc_simple_prepare(_block: usize): void {}

/** @returns objects allocated and written. */
function fill(l: Load, count: u32, size: usize): u32 {
  for (let i: u32 = 0; i < count; i++) {
    const p = LoadHeap.malloc(size);
    if (p === 0) {
      l.failed = 1;
      return i;
    }
    for (let at: usize = 0; at < size; at += 8) store<u64>(p + at, <u64>i);
    store<u32>(element(<usize>l.arrays, i), <u32>p);
  }
  return count;
}

export function glibc_simple_phase(block: usize, steps: u32): u32 {
  const l = changetype<Load>(block);
  const count = l.p0;
  const arrays = <usize>l.arrays;
  const turns = max(steps / count, 1);
  for (let turn: u32 = 0; turn < turns; turn++) {
    const got = fill(l, count, <usize>l.p1);
    const half = got >> 1;
    for (let i: u32 = 0; i < half; i++) LoadHeap.free(<usize>load<u32>(element(arrays, i)));
    for (let i = got; i > half; i--) LoadHeap.free(<usize>load<u32>(element(arrays, i - 1)));
    if (got < count) return turn * count;
  }
  return turns * count;
}

export function glibc_simple_release(_block: usize): void {}
