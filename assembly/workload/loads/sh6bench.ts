/**
 * sh6bench: runs of one small size, freed last in first out or in the order of allocation.
 * Parameters p0 slots, p1 largest size. See harness/workload/loads/sh6bench.ts.
 *
 * ```
 * arrays     objects, from slot 0 on
 * state0     objects held                   state1   FILL, LAST_FIRST or FIRST_FIRST
 * state2     where freeing ends, or is at   state3   rounds so far
 * state4     size of this run
 * ```
 */
import { LoadHeap } from "../load/heap";
import { Load, element } from "../load/load";
import { FILL, sh_drop, sh_fill, sh_turn } from "../load/sh";

export function sh6bench_bytes(block: usize): u32 {
  return changetype<Load>(block).p0 << 2;
}

export function sh6bench_prepare(_block: usize): void {}

export function sh6bench_phase(block: usize, steps: u32): u32 {
  const l = changetype<Load>(block);
  for (let i: u32 = 0; i < steps; i++) {
    if (l.state1 !== FILL) {
      sh_drop(l);
    } else {
      if (!sh_fill(l)) return i;
      if (l.state0 === l.p0) sh_turn(l);
    }
  }
  return steps;
}

export function sh6bench_release(block: usize): void {
  const l = changetype<Load>(block);
  for (let i: u32 = 0; i < l.p0; i++) {
    const slot = element(<usize>l.arrays, i);
    LoadHeap.free(<usize>load<u32>(slot));
    store<u32>(slot, 0);
  }
}
