/**
 * slab_bulk_test03: arrays whose neighbours lie in different slabs. Parameters p0 objects at once,
 * p1 neighbours of one bucket, p2 whether one by one, p3 bytes of an object, p4 objects a CPU
 * holds. See harness/workload/loads/slab-bulk.ts.
 *
 * ```
 * arrays + 0      u32[64]        the array of the bulk calls
 *        + 256    u32[16]        objects in each bucket
 *        + 320    u32[16][p4]    buckets: the objects held, by a hash of their slab
 * ```
 * Of two neighbours from different buckets the slabs differ. state0 is the bucket the next array
 * begins with; state6 counts neighbours, and state7 those of one bucket.
 */
import { PAGE_SHIFT } from "../../base/config";
import { KmemCache } from "../../base/layout";
import {
  kmem_cache_alloc,
  kmem_cache_alloc_bulk,
  kmem_cache_free,
  kmem_cache_free_bulk,
} from "../../kmalloc/caches";
import {
  bulk_cache,
  bulk_cache_bytes,
  bulk_cache_create,
  bulk_cache_release,
} from "../load/bulk_cache";
import { Load, element } from "../load/load";

const BULK_MAX: u32 = 64;
const BUCKETS: u32 = 16;
const COUNTS: usize = 256;
const OBJECTS: usize = 320;

export function slab_bulk03_bytes(block: usize): u32 {
  return <u32>OBJECTS + BUCKETS * (changetype<Load>(block).p4 << 2);
}

export function slab_bulk03_shared_bytes(_block: usize): u32 {
  return bulk_cache_bytes();
}

export function slab_bulk03_share(block: usize): void {
  const l = changetype<Load>(block);
  bulk_cache_create(l, l.p3);
}

function count_at(l: Load, bucket: u32): usize {
  return element(<usize>l.arrays + COUNTS, bucket);
}

function object_at(l: Load, bucket: u32, index: u32): usize {
  return element(<usize>l.arrays + OBJECTS, bucket * l.p4 + index);
}

/** Put an object into the bucket of its slab. `shift`: slabs are aligned to 1 << shift bytes. */
function put(l: Load, p: usize, shift: u32): void {
  const bucket = (<u32>p >> shift) & (BUCKETS - 1);
  const count = load<u32>(count_at(l, bucket));
  store<u32>(object_at(l, bucket, count), <u32>p);
  store<u32>(count_at(l, bucket), count + 1);
}

function take(l: Load, bucket: u32): u32 {
  const count = load<u32>(count_at(l, bucket)) - 1;
  store<u32>(count_at(l, bucket), count);
  return load<u32>(object_at(l, bucket, count));
}

/** @returns log2 of the bytes of a slab. */
function slab_shift(cache: usize): u32 {
  return PAGE_SHIFT + (changetype<KmemCache>(cache).oo >> 16);
}

export function slab_bulk03_prepare(block: usize): void {
  const l = changetype<Load>(block);
  const cache = bulk_cache(l);
  if (cache === 0) return;
  const shift = slab_shift(cache);
  for (let i: u32 = 0; i < l.p4; i++) {
    const p = kmem_cache_alloc(cache, 0);
    if (p === 0) {
      l.failed = 1;
      return;
    }
    put(l, p, shift);
  }
}

/** Fill the array, `run` entries of a bucket before the next one that has any. */
function arrange(l: Load, bulk: u32, run: u32): void {
  const arrays = <usize>l.arrays;
  let bucket = l.state0;
  let last: u32 = BUCKETS;
  let done: u32 = 0;
  // Ends: the buckets hold at least `bulk` objects.
  while (done < bulk) {
    let of_bucket: u32 = 0;
    while (done < bulk && of_bucket < run && load<u32>(count_at(l, bucket)) !== 0) {
      store<u32>(element(arrays, done), take(l, bucket));
      if (last === bucket) l.state7 += 1;
      last = bucket;
      done++;
      of_bucket++;
    }
    bucket = (bucket + 1) & (BUCKETS - 1);
  }
  l.state0 = bucket;
  l.state6 += bulk - 1;
}

/** @returns objects allocated into the array: `bulk`, or fewer when memory is out. */
function allocate(cache: usize, bulk: u32, one_by_one: bool, arrays: usize): u32 {
  if (!one_by_one) return kmem_cache_alloc_bulk(cache, 0, bulk, arrays);
  for (let i: u32 = 0; i < bulk; i++) {
    const p = kmem_cache_alloc(cache, 0);
    if (p === 0) return i;
    store<u32>(element(arrays, i), <u32>p);
  }
  return bulk;
}

export function slab_bulk03_phase(block: usize, steps: u32): u32 {
  const l = changetype<Load>(block);
  const cache = bulk_cache(l);
  if (l.failed !== 0) return 0;
  const bulk = min(l.p0, BULK_MAX);
  const one_by_one = l.p2 !== 0;
  const arrays = <usize>l.arrays;
  const shift = slab_shift(cache);
  const turns = max(steps / bulk, 1);
  for (let turn: u32 = 0; turn < turns; turn++) {
    arrange(l, bulk, l.p1);
    if (one_by_one) {
      for (let i: u32 = 0; i < bulk; i++) {
        kmem_cache_free(cache, <usize>load<u32>(element(arrays, i)));
      }
    } else kmem_cache_free_bulk(cache, bulk, arrays);
    const got = allocate(cache, bulk, one_by_one, arrays);
    for (let i: u32 = 0; i < got; i++) put(l, <usize>load<u32>(element(arrays, i)), shift);
    if (got < bulk) {
      l.failed = 1;
      return turn * bulk;
    }
  }
  return turns * bulk;
}

export function slab_bulk03_release(block: usize): void {
  const l = changetype<Load>(block);
  const cache = bulk_cache(l);
  if (cache === 0) return;
  for (let bucket: u32 = 0; bucket < BUCKETS; bucket++) {
    while (load<u32>(count_at(l, bucket)) !== 0) kmem_cache_free(cache, <usize>take(l, bucket));
  }
  bulk_cache_release(l);
}
