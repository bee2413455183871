/**
 * What sh6bench and sh8bench are made of: the arrays and states are those of loads/sh6bench.ts.
 */
import { LoadHeap } from "./heap";
import { Load, element, load_below, load_random } from "./load";

export const FILL: u32 = 0;
const LAST_FIRST: u32 = 1;
const FIRST_FIRST: u32 = 2;
/** Objects of one size in a row: a power of two. */
const RUN: u32 = 32;

/** @returns 1..p1: half of all up to a fourth of that, and far more tiny ones than large ones. */
function small_size(l: Load): u32 {
  const shift = load_random(l) >> 29;
  return 1 + (load_below(l, l.p1) >> shift);
}

/** Allocate one more. @returns false: memory is out. */
export function sh_fill(l: Load): bool {
  if ((l.state0 & (RUN - 1)) === 0 || l.state4 === 0) l.state4 = small_size(l);
  const p = LoadHeap.malloc(<usize>l.state4);
  if (p === 0) {
    l.failed = 1;
    return false;
  }
  store<u8>(p, <u8>l.state3);
  store<u32>(element(<usize>l.arrays, l.state0++), <u32>p);
  return true;
}

/** Decide how this round's objects go: all, or the newer half, and in which order. */
export function sh_turn(l: Load): void {
  const round = l.state3++ & 3;
  l.state1 = round === 3 ? FIRST_FIRST : LAST_FIRST;
  l.state2 = (round & 1) === 0 ? l.state0 >> 1 : 0;
}

/** Free one object. */
export function sh_drop(l: Load): void {
  const isLastFirst = l.state1 === LAST_FIRST;
  const slot = element(<usize>l.arrays, isLastFirst ? --l.state0 : l.state2++);
  LoadHeap.free(<usize>load<u32>(slot));
  store<u32>(slot, 0);
  if (l.state0 !== l.state2) return;
  if (!isLastFirst) l.state0 = 0;
  l.state1 = FILL;
}
