/**
 * slab_bulk_test01 and 02: a number of objects and back, by one call or one by one. Parameters p0
 * objects at once, p1 how (BULK, LOOP, REUSE), p2 bytes of an object. See
 * harness/workload/loads/slab-bulk.ts.
 */
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

/** kmem_cache_alloc_bulk() and kmem_cache_free_bulk(). */
const BULK: u32 = 0;
/** kmem_cache_alloc() for each and then kmem_cache_free() for each, in the order of allocation. */
const LOOP: u32 = 1;
/** kmem_cache_alloc() and kmem_cache_free() of the same object, again and again. */
const REUSE: u32 = 2;

export function slab_bulk_bytes(block: usize): u32 {
  return changetype<Load>(block).p0 << 2;
}

export function slab_bulk_shared_bytes(_block: usize): u32 {
  return bulk_cache_bytes();
}

export function slab_bulk_share(block: usize): void {
  const l = changetype<Load>(block);
  bulk_cache_create(l, l.p2);
}

export function slab_bulk_prepare(block: usize): void {
  bulk_cache(changetype<Load>(block));
}

/** One by one. @returns false, with nothing allocated, when memory is out. */
function loop_once(cache: usize, bulk: u32, arrays: usize): bool {
  let count: u32 = 0;
  while (count < bulk) {
    const p = kmem_cache_alloc(cache, 0);
    if (p === 0) break;
    store<u32>(element(arrays, count), <u32>p);
    count++;
  }
  for (let i: u32 = 0; i < count; i++) {
    kmem_cache_free(cache, <usize>load<u32>(element(arrays, i)));
  }
  return count === bulk;
}

function bulk_once(cache: usize, bulk: u32, arrays: usize): bool {
  if (kmem_cache_alloc_bulk(cache, 0, bulk, arrays) === 0) return false;
  kmem_cache_free_bulk(cache, bulk, arrays);
  return true;
}

function reuse_once(cache: usize): bool {
  const p = kmem_cache_alloc(cache, 0);
  if (p === 0) return false;
  kmem_cache_free(cache, p);
  return true;
}

export function slab_bulk_phase(block: usize, steps: u32): u32 {
  const l = changetype<Load>(block);
  const cache = bulk_cache(l);
  if (cache === 0) return 0;
  const bulk = l.p0;
  const arrays = <usize>l.arrays;
  const turns = max(steps / bulk, 1);
  for (let turn: u32 = 0; turn < turns; turn++) {
    let ok: bool = false;
    if (l.p1 === BULK) ok = bulk_once(cache, bulk, arrays);
    else if (l.p1 === LOOP) ok = loop_once(cache, bulk, arrays);
    else if (l.p1 === REUSE) ok = reuse_once(cache);
    if (!ok) {
      l.failed = 1;
      return turn * bulk;
    }
  }
  return turns * bulk;
}

export function slab_bulk_release(block: usize): void {
  bulk_cache_release(changetype<Load>(block));
}
