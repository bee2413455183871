/**
 * glibc-thread: slots that are replaced by objects of mixed sizes. Parameters p0 slots, p1 smallest
 * and p2 largest size, p3 sizes and p4 slot numbers drawn beforehand. See
 * harness/workload/loads/glibc-thread.ts.
 *
 * ```
 * arrays   u32[p0]   objects, 0: none
 *          u32[p3]   sizes
 *          u32[p4]   slot numbers
 * ```
 */
import { LoadHeap } from "../load/heap";
import { Load, element, load_below, load_random } from "../load/load";

// state0: the next size. state1: the next slot number.

export function glibc_thread_bytes(block: usize): u32 {
  const l = changetype<Load>(block);
  return (l.p0 + l.p3 + l.p4) << 2;
}

/**
 * The probability of a size falls with its square, so 1/size is drawn evenly.
 *
 * @returns p1..p2 bytes.
 */
function draw_size(l: Load): u32 {
  const share = <f64>load_random(l) / 4294967296.0;
  const least = <f64>l.p1;
  const most = <f64>l.p2;
  return <u32>((least * most) / (most - share * (most - least)));
}

export function glibc_thread_prepare(block: usize): void {
  const l = changetype<Load>(block);
  const sizes = element(<usize>l.arrays, l.p0);
  for (let i: u32 = 0; i < l.p3; i++) store<u32>(element(sizes, i), draw_size(l));
  const slots = element(sizes, l.p3);
  for (let i: u32 = 0; i < l.p4; i++) store<u32>(element(slots, i), load_below(l, l.p0));
}

/** Write all of an object. */
function touch(p: usize, size: u32): void {
  const words = p + <usize>(size & ~7);
  const end = p + <usize>size;
  let at = p;
  for (; at < words; at += 8) store<u64>(at, 0x5a5a_5a5a_5a5a_5a5a);
  for (; at < end; at++) store<u8>(at, 0x5a);
}

export function glibc_thread_phase(block: usize, steps: u32): u32 {
  const l = changetype<Load>(block);
  const arrays = <usize>l.arrays;
  const sizes = element(arrays, l.p0);
  const numbers = element(sizes, l.p3);
  let next_size = l.state0;
  let next_number = l.state1;
  let done: u32 = 0;
  while (done < steps) {
    const slot = element(arrays, load<u32>(element(numbers, next_number)));
    const size = load<u32>(element(sizes, next_size));
    LoadHeap.free(<usize>load<u32>(slot));
    const p = LoadHeap.malloc(<usize>size);
    store<u32>(slot, <u32>p);
    if (p === 0) {
      l.failed = 1;
      break;
    }
    touch(p, size);
    next_size = next_size + 1 === l.p3 ? 0 : next_size + 1;
    next_number = next_number + 1 === l.p4 ? 0 : next_number + 1;
    done++;
  }
  l.state0 = next_size;
  l.state1 = next_number;
  return done;
}

export function glibc_thread_release(block: usize): void {
  const l = changetype<Load>(block);
  for (let i: u32 = 0; i < l.p0; i++) {
    const slot = element(<usize>l.arrays, i);
    LoadHeap.free(<usize>load<u32>(slot));
    store<u32>(slot, 0);
  }
}
