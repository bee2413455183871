/**
 * mstress: threads of unequal size that keep, free and exchange objects, and check all of them.
 * Parameters p0 allocations of CPU 0 in a round, p1 slots of the transfer array, p2 bytes of
 * objects beyond 64 words at a time. See harness/workload/loads/mstress.ts.
 *
 * ```
 * shared     bytes of large objects alive, then from + 64 the transfer array
 * arrays     what a round allocates, then what it retains
 * object     (owner:8 << 20 | words:20) ^ COOKIE, then (words - i) ^ COOKIE for word i
 * state0     allocations left in this round       state1   to retain still
 * state2     objects in the first array           state3   in the second
 * ```
 */
import { fetch_add, fetch_sub, xchg } from "../../sync/atomic";
import { LoadHeap } from "../load/heap";
import { Load, element, load_below, load_random } from "../load/load";

const COOKIE: u32 = 0xbf58_476d;
const WORDS_BITS: u32 = 20;
const WORDS_MASK: u32 = (1 << WORDS_BITS) - 1;
/** The most that is drawn before the rare factors: above it an object is large. */
const SMALL_WORDS: u32 = 64;
const TRANSFER: usize = 64;

/** @returns allocations of this CPU in a round: CPUs differ, up to eightfold. */
function round_allocations(l: Load): u32 {
  return l.p0 * ((l.cpu & 7) + 1);
}

function retained(l: Load): usize {
  return element(<usize>l.arrays, round_allocations(l));
}

export function mstress_bytes(block: usize): u32 {
  const allocations = round_allocations(changetype<Load>(block));
  return (allocations + (allocations >> 1)) << 2;
}

export function mstress_shared_bytes(block: usize): u32 {
  return <u32>TRANSFER + (changetype<Load>(block).p1 << 2);
}

export function mstress_prepare(_block: usize): void {}

function chance(l: Load, percent: u32): bool {
  return load_below(l, 100) < percent;
}

/** @returns a factor of 100, 1000 or 10000: one object in 100, 1000 and 10000. */
function large_factor(l: Load): u32 {
  const draw = load_below(l, 100);
  if (draw === 0) return 10_000;
  return draw <= 10 ? 1000 : 100;
}

/** @returns whether `words` of a large object fit into what may live; if so they are counted. */
function reserve_large(l: Load, words: u32): bool {
  const bytes = words << 2;
  const alive = <usize>l.shared;
  if (fetch_add(alive, bytes) + bytes <= l.p2) return true;
  fetch_sub(alive, bytes);
  return false;
}

/** @returns an object of 2^0 .. 2^(classes-1) words, seldom more, or 0: memory is out. */
function allocate(l: Load, classes: u32): usize {
  let words: u32 = 1 << load_below(l, classes);
  if (chance(l, 1)) {
    const large = words * large_factor(l);
    if (reserve_large(l, large)) words = large;
  }
  const p = LoadHeap.malloc(<usize>(words << 2));
  if (p === 0) {
    l.failed = 1;
    if (words > SMALL_WORDS) fetch_sub(<usize>l.shared, words << 2);
    return 0;
  }
  store<u32>(p, ((l.cpu << WORDS_BITS) | words) ^ COOKIE);
  for (let i: u32 = 1; i < words; i++) store<u32>(element(p, i), (words - i) ^ COOKIE);
  return p;
}

function is_intact(p: usize, words: u32): bool {
  for (let i: u32 = 1; i < words; i++) {
    if (load<u32>(element(p, i)) !== ((words - i) ^ COOKIE)) return false;
  }
  return true;
}

/** Check an object and free it. @returns objects freed: 0 if `p` is 0. */
function check_free(l: Load, p: usize): u32 {
  if (p === 0) return 0;
  const head = load<u32>(p) ^ COOKIE;
  const words = head & WORDS_MASK;
  const owner = head >> WORDS_BITS;
  if (words - 1 >= SMALL_WORDS * 10_000 || owner >= l.cpus || !is_intact(p, words)) l.damaged++;
  else if (words > SMALL_WORDS) fetch_sub(<usize>l.shared, words << 2);
  if (owner !== l.cpu) l.remote++;
  LoadHeap.free(p);
  return 1;
}

function free_slot(l: Load, slot: usize): u32 {
  const p = <usize>load<u32>(slot);
  store<u32>(slot, 0);
  return check_free(l, p);
}

/**
 * Swap an object of ours with what lies in the transfer array; either may be none. Publishes the
 * object's content by the exchange; every pointer has one holder before and after, whoever races.
 */
function transfer(l: Load, slot: usize): void {
  const there = element(<usize>l.shared + TRANSFER, load_below(l, l.p1));
  store<u32>(slot, xchg(there, load<u32>(slot)));
}

/** @returns calls of malloc and free. */
function work(l: Load): u32 {
  const isRetained = l.state1 !== 0 && (l.state0 === 0 || chance(l, 50));
  const p = allocate(l, isRetained ? 7 : 5);
  if (p === 0) return 0;
  if (isRetained) {
    store<u32>(element(retained(l), l.state3++), <u32>p);
    l.state1--;
  } else {
    store<u32>(element(<usize>l.arrays, l.state2++), <u32>p);
    l.state0--;
  }
  let calls: u32 = 1;
  const data = <usize>l.arrays;
  const count = l.state2;
  if (count === 0) return calls;
  if (chance(l, 66)) calls += free_slot(l, element(data, load_below(l, count)));
  if (chance(l, 25)) transfer(l, element(data, load_below(l, count)));
  return calls;
}

/** Free each object of this CPU's share of the transfer array, or every second one. */
function empty_transfer(l: Load, isAll: bool): u32 {
  let calls: u32 = 0;
  for (let i = l.cpu; i < l.p1; i += l.cpus) {
    if (!isAll && (load_random(l) & 1) !== 0) continue;
    calls += check_free(l, <usize>xchg(element(<usize>l.shared + TRANSFER, i), 0));
  }
  return calls;
}

/** The end of a round, an object at a time, so that no chunk is much longer than others. */
function wind_up(l: Load): u32 {
  if (l.state2 !== 0) return free_slot(l, element(<usize>l.arrays, --l.state2));
  if (l.state3 !== 0) return free_slot(l, element(retained(l), --l.state3));
  const allocations = round_allocations(l);
  l.state0 = allocations;
  l.state1 = allocations >> 1;
  return empty_transfer(l, false);
}

export function mstress_phase(block: usize, steps: u32): u32 {
  const l = changetype<Load>(block);
  let calls: u32 = 0;
  for (let i: u32 = 0; i < steps; i++) {
    calls += (l.state0 | l.state1) !== 0 ? work(l) : wind_up(l);
    if (l.failed !== 0) return calls;
  }
  return calls;
}

export function mstress_release(block: usize): void {
  const l = changetype<Load>(block);
  while (l.state2 !== 0) free_slot(l, element(<usize>l.arrays, --l.state2));
  while (l.state3 !== 0) free_slot(l, element(retained(l), --l.state3));
  empty_transfer(l, true);
}
