/**
 * The cache that the loads of the bulk interface share. CPU 0 makes it; the CPU that is the last
 * to release its part destroys it.
 *
 * ```
 * shared + 0   u32  address of the cache, 0: there was no memory for it
 *        + 4   u32  CPUs that have released their part
 *        + 8   its name, NUL-terminated
 * ```
 */
import { SLAB_HWCACHE_ALIGN } from "../../base/config";
import { KmemCache } from "../../base/layout";
import { kmem_cache_create, kmem_cache_destroy } from "../../slab/kmem_cache";
import { fetch_add } from "../../sync/atomic";
import { Load } from "./load";

const RELEASED: usize = 4;
const NAME: usize = 8;
/** "bulk", as it lies in memory. */
const BULK: u32 = 0x6b6c_7562;

/** @returns bytes that all CPUs share. */
export function bulk_cache_bytes(): u32 {
  return 64;
}

/** Make it. @param size bytes of an object */
export function bulk_cache_create(l: Load, size: u32): void {
  const name = <usize>l.shared + NAME;
  store<u32>(name, BULK);
  const cache = kmem_cache_create(name, size, 0, SLAB_HWCACHE_ALIGN, 0, 0);
  store<u32>(<usize>l.shared, <u32>cache);
}

/** @returns the cache; 0, and the load has failed, if there is none. */
export function bulk_cache(l: Load): usize {
  let cache: usize = 0;
  if (l.shared !== 0) cache = <usize>load<u32>(<usize>l.shared);
  if (cache === 0) l.failed = 1;
  return cache;
}

/**
 * This CPU has freed its objects. The count is one atomic word and every CPU adds 1 after its last
 * call on the cache, so that the one that makes it full knows that all are through with it.
 */
export function bulk_cache_release(l: Load): void {
  const cache = bulk_cache(l);
  if (cache === 0) return;
  if (fetch_add(<usize>l.shared + RELEASED, 1) + 1 !== l.cpus) return;
  // Not if objects are left: then it stays, to be found by who looks for them.
  if (kmem_cache_destroy(changetype<KmemCache>(cache), 0) === 0) store<u32>(<usize>l.shared, 0);
}
