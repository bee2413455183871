/**
 * cache-scratch and cache-thrash: does the heap place objects of two CPUs on one line? Parameters
 * p0 writes to each object, p1 its size, p2 whether CPU 0 hands the first ones out. See
 * harness/workload/loads/scratch.ts.
 *
 * Shared: u32 for each CPU, the object that is handed to it.
 */
import { LoadHeap } from "../load/heap";
import { Load, element } from "../load/load";

// state0: this CPU's object, 0: none. state1: writes left to it.

export function scratch_bytes(_block: usize): u32 {
  return 0;
}

export function scratch_shared_bytes(block: usize): u32 {
  return changetype<Load>(block).cpus << 2;
}

export function scratch_share(block: usize): void {
  const l = changetype<Load>(block);
  if (l.p2 === 0) return;
  for (let cpu: u32 = 0; cpu < l.cpus; cpu++) {
    const p = LoadHeap.malloc(<usize>l.p1);
    if (p === 0) l.failed = 1;
    store<u32>(element(<usize>l.shared, cpu), <u32>p);
  }
}

/** Free what was handed out: a heap may now reuse it here, beside what others reuse. */
export function scratch_prepare(block: usize): void {
  const l = changetype<Load>(block);
  const handed = element(<usize>l.shared, l.cpu);
  const p = <usize>load<u32>(handed);
  if (p === 0) return;
  LoadHeap.free(p);
  store<u32>(handed, 0);
  if (l.cpu !== 0) l.remote += 1;
}

export function scratch_phase(block: usize, steps: u32): u32 {
  const l = changetype<Load>(block);
  let left = steps;
  while (left > 0) {
    if (l.state1 === 0) {
      LoadHeap.free(<usize>l.state0);
      l.state0 = <u32>LoadHeap.malloc(<usize>l.p1);
      l.state1 = l.p0;
      if (l.state0 === 0) {
        l.failed = 1;
        l.state1 = 0;
        break;
      }
    }
    const count = min(left, l.state1);
    const p = <usize>l.state0;
    for (let i: u32 = 0; i < count; i++) store<u8>(p, load<u8>(p) + 1);
    l.state1 -= count;
    left -= count;
  }
  return steps - left;
}

export function scratch_release(block: usize): void {
  const l = changetype<Load>(block);
  LoadHeap.free(<usize>l.state0);
  l.state0 = 0;
  l.state1 = 0;
}
