/**
 * larson: a server whose threads die and leave their objects to others. Parameters p0 slots of a
 * CPU, p1 smallest and p2 first too large size. See harness/workload/loads/larson.ts.
 */
import { LoadHeap } from "../load/heap";
import { Load, element, load_below } from "../load/load";

function allocate(l: Load): usize {
  const p = LoadHeap.malloc(<usize>(l.p1 + load_below(l, l.p2 - l.p1)));
  if (p === 0) l.failed = 1;
  else store<u16>(p, 0x5aa5);
  return p;
}

export function larson_bytes(block: usize): u32 {
  return changetype<Load>(block).p0 << 2;
}

export function larson_prepare(block: usize): void {
  const l = changetype<Load>(block);
  for (let i: u32 = 0; i < l.p0 && l.failed === 0; i++) {
    store<u32>(element(l.arrays, i), <u32>allocate(l));
  }
}

export function larson_phase(block: usize, steps: u32): u32 {
  const l = changetype<Load>(block);
  const slots = l.p0;
  const arrays = <usize>l.arrays;
  for (let i: u32 = 0; i < steps; i++) {
    const slot = element(arrays, load_below(l, slots));
    LoadHeap.free(<usize>load<u32>(slot));
    const p = allocate(l);
    store<u32>(slot, <u32>p);
    if (p === 0) return i;
  }
  return steps;
}

export function larson_release(block: usize): void {
  const l = changetype<Load>(block);
  for (let i: u32 = 0; i < l.p0; i++) {
    const slot = element(l.arrays, i);
    LoadHeap.free(<usize>load<u32>(slot));
    store<u32>(slot, 0);
  }
}
