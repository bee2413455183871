/**
 * alloc-test: local churn with the skew of real programs. Parameters p0 slots of this CPU.
 * See harness/workload/loads/alloc-test.ts.
 *
 * ```
 * arrays     (address, size) of each slot; address 0: empty
 * state0     sum of all that was read: nobody can leave the reading out
 * ```
 */
import { read_content, write_content } from "../load/content";
import { LoadHeap } from "../load/heap";
import { Load, element, load_random } from "../load/load";
import { scale_below } from "../random";

/** Levels of the 80/20 rule. */
const LEVELS: u32 = 6;
/** A fifth of 2^32: a fifth of anything by the upper half of a product. */
const FIFTH: u32 = 0x3333_3333;
/** 80 % of a byte. */
const MOSTLY: u32 = 205;

function slot_at(l: Load, index: u32): usize {
  return element(<usize>l.arrays, index << 1);
}

export function alloc_test_bytes(block: usize): u32 {
  return changetype<Load>(block).p0 << 3;
}

/**
 * Four draws of five go to the first fifth, and within it again, six levels deep.
 *
 * @returns a slot's index below `slots`
 */
function skewed_index(l: Load, slots: u32): u32 {
  let from: u32 = 0;
  let count = slots;
  let bits = ((<u64>load_random(l)) << 32) | <u64>load_random(l);
  for (let level: u32 = 0; level < LEVELS; level++) {
    const fifth = scale_below(FIFTH, count);
    if (fifth === 0) break;
    if ((<u32>bits & 0xff) >= MOSTLY) {
      from = fifth;
      count -= fifth;
      break;
    }
    count = fifth;
    bits >>= 8;
  }
  return from + scale_below(load_random(l), count);
}

/** @returns 5..1024: half of all up to 8, a quarter of all up to 16, and so on. */
function skewed_size(l: Load): u32 {
  const draw = load_random(l);
  // The bit set for ever ends the series at 2^10.
  const end: u32 = 8 << ctz(draw | 0x80);
  return end - scale_below(draw & 0xffff_ff00, end >> 1);
}

function fill_slot(l: Load, slot: usize): bool {
  const size = skewed_size(l);
  const p = LoadHeap.malloc(<usize>size);
  if (p === 0) {
    l.failed = 1;
    return false;
  }
  write_content(p, size, 0x5aa5_5aa5);
  store<u32>(slot, <u32>p);
  store<u32>(slot, size, 4);
  return true;
}

export function alloc_test_prepare(block: usize): void {
  const l = changetype<Load>(block);
  for (let i: u32 = 0; i < l.p0; i++) {
    if ((load_random(l) & 1) !== 0 && !fill_slot(l, slot_at(l, i))) return;
  }
}

export function alloc_test_phase(block: usize, steps: u32): u32 {
  const l = changetype<Load>(block);
  for (let i: u32 = 0; i < steps; i++) {
    const slot = slot_at(l, skewed_index(l, l.p0));
    const p = <usize>load<u32>(slot);
    if (p === 0) {
      if (!fill_slot(l, slot)) return i;
    } else {
      l.state0 += read_content(p, load<u32>(slot, 4));
      LoadHeap.free(p);
      store<u32>(slot, 0);
    }
  }
  return steps;
}

export function alloc_test_release(block: usize): void {
  const l = changetype<Load>(block);
  for (let i: u32 = 0; i < l.p0; i++) {
    const slot = slot_at(l, i);
    LoadHeap.free(<usize>load<u32>(slot));
    store<u32>(slot, 0);
  }
}
