/**
 * mleak: CPUs that come, exchange an object for another's, and go. Parameters p0 slots of the
 * transfer array, p1 words of an object. See harness/workload/loads/mleak.ts.
 *
 * ```
 * shared     the transfer array
 * object     its owner's number, then zeros
 * ```
 */
import { xchg } from "../../sync/atomic";
import { write_content } from "../load/content";
import { LoadHeap } from "../load/heap";
import { Load, element, load_below } from "../load/load";

export function mleak_bytes(_block: usize): u32 {
  return 0;
}

export function mleak_shared_bytes(block: usize): u32 {
  return changetype<Load>(block).p0 << 2;
}

export function mleak_prepare(_block: usize): void {}

/** Free what came out of the transfer array, which may be nothing. */
function give_back(l: Load, p: usize): void {
  if (p === 0) return;
  if (load<u32>(p) !== l.cpu) l.remote++;
  LoadHeap.free(p);
}

/** The exchange publishes the object; a pointer has one holder before and after it. */
export function mleak_phase(block: usize, steps: u32): u32 {
  const l = changetype<Load>(block);
  const bytes = l.p1 << 2;
  for (let i: u32 = 0; i < steps; i++) {
    const p = LoadHeap.malloc(<usize>bytes);
    if (p === 0) {
      l.failed = 1;
      return i;
    }
    write_content(p, bytes, 0);
    store<u32>(p, l.cpu);
    give_back(l, <usize>xchg(element(<usize>l.shared, load_below(l, l.p0)), <u32>p));
  }
  return steps;
}

export function mleak_release(block: usize): void {
  const l = changetype<Load>(block);
  if (l.cpu !== 0) return;
  for (let i: u32 = 0; i < l.p0; i++) give_back(l, <usize>xchg(element(<usize>l.shared, i), 0));
}
