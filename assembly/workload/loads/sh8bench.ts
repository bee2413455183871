/**
 * sh8bench: sh6bench, with the newest quarter of each round freed by the next CPU. Parameters as
 * there. See harness/workload/loads/sh8bench.ts.
 *
 * ```
 * shared     a ring of CAPACITY addresses for each CPU, which the CPU before it writes
 * state0..4  as in sh6bench.ts, state1 also RECEIVE
 * state5     addresses of the batch in hand that are freed     state6   and all of them
 * ```
 */
import { LoadHeap } from "../load/heap";
import { Load, element } from "../load/load";
import { ring_bytes, ring_publish, ring_read_at, ring_ready } from "../load/ring";
import { ring_room, ring_take, ring_write_at } from "../load/ring";
import { FILL, sh_drop, sh_fill, sh_turn } from "../load/sh";
import { sh6bench_bytes, sh6bench_release } from "./sh6bench";

const RECEIVE: u32 = 3;
/** Addresses on their way to a CPU: a power of two. */
const CAPACITY: u32 = 512;

function inbox(l: Load, cpu: u32): usize {
  return <usize>(l.shared + cpu * ring_bytes(CAPACITY));
}

export function sh8bench_bytes(block: usize): u32 {
  return sh6bench_bytes(block);
}

export function sh8bench_shared_bytes(block: usize): u32 {
  return changetype<Load>(block).cpus * ring_bytes(CAPACITY);
}

export function sh8bench_prepare(_block: usize): void {}

/** Send the newest quarter on, or what there is room for. */
function send(l: Load): void {
  const ring = inbox(l, l.cpu + 1 < l.cpus ? l.cpu + 1 : 0);
  const count = min(l.p0 >> 2, ring_room(ring, CAPACITY));
  for (let i: u32 = 0; i < count; i++) {
    const slot = element(<usize>l.arrays, --l.state0);
    store<u32>(ring_write_at(ring, CAPACITY, i), load<u32>(slot));
    store<u32>(slot, 0);
  }
  ring_publish(ring, count);
}

/** Free one object that came from the CPU before. @returns false: there is none. */
function receive(l: Load): bool {
  const ring = inbox(l, l.cpu);
  if (l.state5 === l.state6) {
    // The room of a whole batch is given back at once: a line changes hands once for many.
    ring_take(ring, l.state6);
    l.state5 = 0;
    l.state6 = ring_ready(ring);
    if (l.state6 === 0) return false;
  }
  LoadHeap.free(<usize>load<u32>(ring_read_at(ring, CAPACITY, l.state5++)));
  if (l.cpus > 1) l.remote++;
  return true;
}

function drop(l: Load): void {
  sh_drop(l);
  if (l.state1 === FILL) l.state1 = RECEIVE;
}

export function sh8bench_phase(block: usize, steps: u32): u32 {
  const l = changetype<Load>(block);
  for (let i: u32 = 0; i < steps; i++) {
    if (l.state1 === RECEIVE) {
      if (receive(l)) continue;
      l.state1 = FILL;
    }
    if (l.state1 !== FILL) {
      drop(l);
    } else {
      if (!sh_fill(l)) return i;
      if (l.state0 === l.p0) {
        send(l);
        sh_turn(l);
      }
    }
  }
  return steps;
}

export function sh8bench_release(block: usize): void {
  sh6bench_release(block);
  const l = changetype<Load>(block);
  while (receive(l)) {}
}
