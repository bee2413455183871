/**
 * malloc-large: buffers of many MiB that are replaced at random. Parameters p0 buffers, p1 smallest
 * and p2 first too large size. Only CPU 0 does anything: more would not fit. See
 * harness/workload/loads/malloc-large.ts.
 */
import { LoadHeap } from "../load/heap";
import { Load, element, load_below } from "../load/load";

export function malloc_large_bytes(block: usize): u32 {
  return changetype<Load>(block).p0 << 2;
}

export function malloc_large_prepare(_block: usize): void {}

export function malloc_large_phase(block: usize, steps: u32): u32 {
  const l = changetype<Load>(block);
  if (l.cpu !== 0) return 0;
  for (let i: u32 = 0; i < steps; i++) {
    const slot = element(<usize>l.arrays, load_below(l, l.p0));
    LoadHeap.free(<usize>load<u32>(slot));
    const p = LoadHeap.malloc(<usize>(l.p1 + load_below(l, l.p2 - l.p1)));
    store<u32>(slot, <u32>p);
    if (p === 0) {
      l.failed = 1;
      return i;
    }
    store<u64>(p, <u64>i);
  }
  return steps;
}

export function malloc_large_release(block: usize): void {
  const l = changetype<Load>(block);
  for (let i: u32 = 0; i < l.p0; i++) {
    const slot = element(<usize>l.arrays, i);
    LoadHeap.free(<usize>load<u32>(slot));
    store<u32>(slot, 0);
  }
}
