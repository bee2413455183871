/**
 * The ladder of false sharing: every CPU counts on a word of its own, so many bytes from the next.
 * Parameter p0: these bytes. See harness/workload/loads/false-sharing.ts.
 *
 * Shared: the words. state0 is what this CPU's must be; the others are nobody else's.
 */
import { fetch_add, read_once } from "../../sync/atomic";
import { Load } from "../load/load";

export function false_sharing_bytes(_block: usize): u32 {
  return 0;
}

export function false_sharing_shared_bytes(block: usize): u32 {
  const l = changetype<Load>(block);
  return l.cpus * l.p0;
}

export function false_sharing_prepare(_block: usize): void {}

/** @returns where this CPU counts. */
function counter(l: Load): usize {
  return <usize>l.shared + <usize>(l.cpu * l.p0);
}

export function false_sharing_phase(block: usize, steps: u32): u32 {
  const l = changetype<Load>(block);
  const word = counter(l);
  for (let i: u32 = 0; i < steps; i++) fetch_add(word, 1);
  l.state0 += steps;
  return steps;
}

/** Nothing was allocated; but every addition must be there. */
export function false_sharing_release(block: usize): void {
  const l = changetype<Load>(block);
  if (l.shared !== 0 && read_once(counter(l)) !== l.state0) l.damaged += 1;
}
