/**
 * What a pop and a push of a sheaf cost in a loop that is linked with the heap, and by hand.
 *
 * Each loop is there three times, from one source:
 *
 * sheaf  what a program linked with the heap has: the fast halves of kmalloc() and kfree() are
 *        copied into the loop, the slow ones are calls
 * hand   a pop and a push of the same shape, written for the loop: the same dependent loads
 *        (size table, top, object; page class, top, end), the same tests for empty and full, and
 *        calls for these; on stacks of its own, which are so deep that none ever comes
 * bare   the same without any test or call, which no allocator can be without: the limit
 *
 * The objects of the stacks are the heap's, and so are the table and the classes.
 *
 * ```
 * block             a head for each kmalloc cache, 64 bytes as a KmemCacheCpu: top, end, or 0
 * + HEAP_SLOTS      u32[SLOTS], what churn and larson keep of the heap
 * + HAND_SLOTS      u32[SLOTS], what they keep of the stacks
 * + STACKS          for each cache a word of zeroes and u32[DEPTH]
 * ```
 * In the target bench-sheaf alone.
 */
import { NR_KMALLOC_CACHES } from "../base/config";
import { pfn_of } from "../base/layout";
import { SheafHeap } from "../kmalloc/sheaf_heap";
import { size_index } from "../slab/cache_table";
import { heap_base, page_class } from "../sync/percpu";
import { scale_below, xorshift32 } from "./random";

/** Slots of larson; churn uses the first 4096. */
const SLOTS: u32 = 5000;
const CHURN_MASK: u32 = 4095;
/** Objects of a batch. */
const BATCH: u32 = 16;
/** Of a stack: all slots hold objects of one size while a batch is out. */
const DEPTH: u32 = SLOTS + BATCH;
/** Sizes of churn: SIZE_MIN .. SIZE_MIN + 1023. */
const SIZE_MIN: u32 = 8;
const CHURN_SIZES: u32 = 1024;
/** Sizes of larson: SIZE_MIN .. 999. */
const LARSON_SIZES: u32 = 992;

const SHEAF: u32 = 0;
const HAND: u32 = 1;
const BARE: u32 = 2;

const HEAP_SLOTS: usize = (<usize>NR_KMALLOC_CACHES) << 6;
const HAND_SLOTS: usize = HEAP_SLOTS + ((<usize>SLOTS) << 2);
const STACKS: usize = HAND_SLOTS + ((<usize>SLOTS) << 2);
const STACK_BYTES: usize = ((<usize>DEPTH) << 2) + 4;

/** @returns bytes of a block, zeroed, which prepare fills. */
export function sheaf_loops_bytes(): usize {
  return STACKS + STACK_BYTES * <usize>NR_KMALLOC_CACHES;
}

/**
 * Fill the stacks of all sizes that the loops use, and of `size`.
 *
 * @returns objects that were not to be had: 0 is well.
 */
export function sheaf_loops_prepare(block: usize, size: usize): u32 {
  let missing: u32 = 0;
  for (let each = SIZE_MIN; each <= SIZE_MIN + CHURN_SIZES; each += SIZE_MIN) {
    missing += fill(block, <usize>each, DEPTH);
  }
  return missing + fill(block, size, BATCH);
}

/** Fill the stack of a size, unless it is there. @returns objects that are missing. */
function fill(block: usize, size: usize, count: u32): u32 {
  const index = size_index(heap_base, size);
  const head = block + (index << 6);
  if (load<u32>(head) !== 0) return 0;
  let top = block + STACKS + index * STACK_BYTES;
  let missing: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const p = SheafHeap.kmalloc(size, 0);
    if (p === 0) {
      missing++;
      continue;
    }
    top += 4;
    store<u32>(top, <u32>p);
  }
  store<u32>(head, <u32>top);
  store<u32>(head, <u32>(top + 4), 4);
  return missing;
}

/** Free what the slots and the stacks hold. */
export function sheaf_loops_release(block: usize): void {
  for (let slot = block + HEAP_SLOTS; slot < block + STACKS; slot += 4) {
    SheafHeap.kfree(<usize>load<u32>(slot));
    store<u32>(slot, 0);
  }
  for (let head = block; head < block + HEAP_SLOTS; head += 64) {
    let top = <usize>load<u32>(head);
    if (top === 0) continue;
    for (let p = load<u32>(top); p !== 0; p = load<u32>(top)) {
      SheafHeap.kfree(<usize>p);
      top -= 4;
    }
    store<u32>(head, 0);
  }
}

/** A stack by hand is empty: the heap has one. */
function pop_slow(size: usize): usize {
  return SheafHeap.kmalloc(size, 0);
}

/** One is full: the heap gets the object. */
function push_slow(p: usize): void {
  SheafHeap.kfree(p);
}

/** Static methods, of which every caller gets a copy; `way` is a constant in each. */
@unmanaged
class Loop {
  @inline
  static pop(block: usize, size: usize, way: u32): usize {
    if (way === SHEAF) return SheafHeap.kmalloc(size, 0);
    const head = block + (size_index(heap_base, size) << 6);
    const top = <usize>load<u32>(head);
    const object = <usize>load<u32>(top);
    if (way === HAND && object === 0) return pop_slow(size);
    store<u32>(head, <u32>(top - 4));
    return object;
  }

  @inline
  static push(block: usize, p: usize, way: u32): void {
    if (way === SHEAF) {
      SheafHeap.kfree(p);
      return;
    }
    const head = block + ((<usize>load<u8>(page_class + <usize>pfn_of(p))) << 6);
    const top = <usize>load<u32>(head);
    if (way === HAND && top === <usize>load<u32>(head, 4)) {
      push_slow(p);
      return;
    }
    store<u32>(top, <u32>p, 4);
    store<u32>(head, <u32>(top + 4));
  }

  /** `count` times a pop and a push. @returns how many there were. */
  @inline
  static pair(block: usize, size: usize, count: u32, way: u32): u32 {
    for (let i: u32 = 0; i < count; i++) {
      const p = Loop.pop(block, size, way);
      if (p === 0) return i;
      store<u32>(p, i);
      Loop.push(block, p, way);
    }
    return count;
  }

  /** Sixteen pops, then as many pushes in the order of the pops. `array` has room for them. */
  @inline
  static batch(block: usize, size: usize, array: usize, count: u32, way: u32): u32 {
    for (let i: u32 = 0; i < count; i += BATCH) {
      for (let at: usize = 0; at < (<usize>BATCH) << 2; at += 4) {
        store<u32>(array + at, <u32>Loop.pop(block, size, way));
      }
      for (let at: usize = 0; at < (<usize>BATCH) << 2; at += 4) {
        Loop.push(block, <usize>load<u32>(array + at), way);
      }
    }
    return count;
  }

  /** Free what a slot holds, if it holds anything, and fill it. The object is not touched. */
  @inline
  static churn(block: usize, slots: usize, count: u32, seed: u32, way: u32): u32 {
    let x = seed;
    for (let i: u32 = 0; i < count; i++) {
      x = xorshift32(x);
      const slot = slots + ((<usize>(x & CHURN_MASK)) << 2);
      const before = <usize>load<u32>(slot);
      if (before !== 0) Loop.push(block, before, way);
      const size = SIZE_MIN + ((x >> 12) & (CHURN_SIZES - 1));
      store<u32>(slot, <u32>Loop.pop(block, <usize>size, way));
    }
    return count;
  }

  /** The same as the load larson does it: other sizes, and two bytes of the object are written. */
  @inline
  static larson(block: usize, slots: usize, count: u32, seed: u32, way: u32): u32 {
    let x = seed;
    for (let i: u32 = 0; i < count; i++) {
      x = xorshift32(x);
      const slot = slots + ((<usize>scale_below(x, SLOTS)) << 2);
      const before = <usize>load<u32>(slot);
      if (before !== 0) Loop.push(block, before, way);
      x = xorshift32(x);
      const size = SIZE_MIN + scale_below(x, LARSON_SIZES);
      const p = Loop.pop(block, <usize>size, way);
      store<u32>(slot, <u32>p);
      if (p === 0) return i;
      store<u16>(p, 0x5aa5);
    }
    return count;
  }
}

/** Each returns the operations done: fewer than `count` when memory is out. */
export function sheaf_pair(block: usize, size: usize, count: u32): u32 {
  return Loop.pair(block, size, count, SHEAF);
}

export function hand_pair(block: usize, size: usize, count: u32): u32 {
  return Loop.pair(block, size, count, HAND);
}

export function bare_pair(block: usize, size: usize, count: u32): u32 {
  return Loop.pair(block, size, count, BARE);
}

/** @param array room for 16 addresses */
export function sheaf_batch(block: usize, size: usize, array: usize, count: u32): u32 {
  return Loop.batch(block, size, array, count, SHEAF);
}

export function hand_batch(block: usize, size: usize, array: usize, count: u32): u32 {
  return Loop.batch(block, size, array, count, HAND);
}

export function bare_batch(block: usize, size: usize, array: usize, count: u32): u32 {
  return Loop.batch(block, size, array, count, BARE);
}

/** @param seed not 0 */
export function sheaf_churn(block: usize, count: u32, seed: u32): u32 {
  return Loop.churn(block, block + HEAP_SLOTS, count, seed, SHEAF);
}

export function hand_churn(block: usize, count: u32, seed: u32): u32 {
  return Loop.churn(block, block + HAND_SLOTS, count, seed, HAND);
}

export function bare_churn(block: usize, count: u32, seed: u32): u32 {
  return Loop.churn(block, block + HAND_SLOTS, count, seed, BARE);
}

export function sheaf_larson(block: usize, count: u32, seed: u32): u32 {
  return Loop.larson(block, block + HEAP_SLOTS, count, seed, SHEAF);
}

export function hand_larson(block: usize, count: u32, seed: u32): u32 {
  return Loop.larson(block, block + HAND_SLOTS, count, seed, HAND);
}

export function bare_larson(block: usize, count: u32, seed: u32): u32 {
  return Loop.larson(block, block + HAND_SLOTS, count, seed, BARE);
}
