/**
 * malloc-multithreading: the load of emscripten's chart. Parameters p0 slots, p1 smallest size.
 * See harness/workload/loads/malloc-multithreading.ts. state0 counts steps, state1 is the slot.
 */
import { LoadHeap } from "../load/heap";
import { Load, element } from "../load/load";

export function malloc_multithreading_bytes(block: usize): u32 {
  return changetype<Load>(block).p0 << 2;
}

export function malloc_multithreading_prepare(_block: usize): void {}

export function malloc_multithreading_phase(block: usize, steps: u32): u32 {
  const l = changetype<Load>(block);
  for (let i: u32 = 0; i < steps; i++) {
    const slot = element(<usize>l.arrays, l.state1);
    l.state1 = l.state1 + 1 < l.p0 ? l.state1 + 1 : 0;
    LoadHeap.free(<usize>load<u32>(slot));
    const p = LoadHeap.malloc(<usize>(l.p1 + (l.state0++ & 1023)));
    store<u32>(slot, <u32>p);
    if (p === 0) {
      l.failed = 1;
      return i;
    }
    store<u8>(p, 42);
  }
  return steps;
}

export function malloc_multithreading_release(block: usize): void {
  const l = changetype<Load>(block);
  for (let i: u32 = 0; i < l.p0; i++) {
    const slot = element(<usize>l.arrays, i);
    LoadHeap.free(<usize>load<u32>(slot));
    store<u32>(slot, 0);
  }
}
