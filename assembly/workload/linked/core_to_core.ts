/**
 * What a line between CPUs costs: handed to and fro, or read by all and written now and then.
 * See harness/workload/loads/core-to-core.ts.
 *
 * Shared: lines of 128 bytes, which is what neighbouring lines are fetched in.
 */
import { cmpxchg, fetch_add, read_once } from "../../sync/atomic";
import { Load } from "../load/load";

const LINE_SHIFT: u32 = 7;

export function ping_pong_bytes(_block: usize): u32 {
  return 0;
}

/** A line for each two CPUs. */
export function ping_pong_shared_bytes(block: usize): u32 {
  return ((changetype<Load>(block).cpus + 1) >> 1) << LINE_SHIFT;
}

export function ping_pong_prepare(_block: usize): void {}

/**
 * CPUs 2n and 2n + 1 share a word that says whose turn it is, 0 or 1, and whoever has it gives it
 * to the other. Only the CPU whose turn it is changes the word, so the exchange that succeeds is
 * the one that followed the other's. Parameter p0: tries before a CPU gives up; then the other is
 * not running.
 *
 * @returns ways the line went: two for each turn of this CPU, there and back.
 */
export function ping_pong_phase(block: usize, steps: u32): u32 {
  const l = changetype<Load>(block);
  if ((l.cpu ^ 1) >= l.cpus) return 0;
  const word = <usize>l.shared + ((<usize>(l.cpu >> 1)) << LINE_SHIFT);
  const mine = l.cpu & 1;
  const other = mine ^ 1;
  const tries = l.p0;
  let done: u32 = 0;
  while (done < steps) {
    let left = tries;
    while (cmpxchg(word, mine, other) !== mine) {
      if (--left === 0) return done;
    }
    done += 2;
  }
  return done;
}

export function ping_pong_release(_block: usize): void {}

export function read_mostly_bytes(_block: usize): u32 {
  return 0;
}

/** The line that is read, and one that only CPU 0 reads. */
export function read_mostly_shared_bytes(_block: usize): u32 {
  return 2 << LINE_SHIFT;
}

export function read_mostly_prepare(_block: usize): void {}

/**
 * All CPUs but 0 read a word. One in p0 operations of CPU 0 adds to it, the others read a word of
 * its own; 0: it never writes.
 *
 * @returns reads, and for CPU 0 writes too.
 */
export function read_mostly_phase(block: usize, steps: u32): u32 {
  const l = changetype<Load>(block);
  const gap = l.cpu === 0 ? l.p0 : 0;
  const word = <usize>l.shared + (l.cpu === 0 ? (<usize>1) << LINE_SHIFT : 0);
  let sum: u32 = 0;
  let before = gap;
  for (let i: u32 = 0; i < steps; i++) {
    if (gap !== 0 && --before === 0) {
      fetch_add(<usize>l.shared, 1);
      before = gap;
    } else {
      sum += read_once(word);
    }
  }
  l.state0 += sum;
  return steps;
}

export function read_mostly_release(_block: usize): void {}
