/**
 * Debug caches: where their slabs are (SLUB_DEBUG builds).
 *
 * They give and take one object at a time, under list_lock (debug_cache_alloc.ts,
 * debug_cache_free.ts). They have no cpu slabs and no percpu partial lists. A slab is on its
 * node's partial list, on its full list, or disabled: taken off both, frozen for ever, all its
 * objects counted as in use, because a check of it failed. Its word changes under list_lock only,
 * but is written as one i64, since others read it at any time. Kernel: mm/slub.c add_full(), 6.18
 * - differs: full slabs are listed without SLAB_STORE_USER too, so that validation and leaks see
 * them.
 */
import { SLAB_CONSISTENCY_CHECKS, SLAB_TRACE } from "../base/config";
import { KmemCache, KmemCacheNode, Slab } from "../base/layout";
import { list_add } from "../page/page";
import { object_err } from "./debug_report";

export function full_list(node: KmemCacheNode): usize {
  return changetype<usize>(node) + offsetof<KmemCacheNode>("full");
}

/** Put a full slab where validation finds it. Context: list_lock. */
export function add_full(node: KmemCacheNode, slab: Slab): void {
  list_add(slab, full_list(node));
  slab.in_hand = 0;
}

export function checks(cache: KmemCache): bool {
  return (cache.flags & SLAB_CONSISTENCY_CHECKS) !== 0;
}

export function trace_object(cache: KmemCache, slab: Slab, object: usize, kind: u32): void {
  if ((cache.flags & SLAB_TRACE) !== 0) object_err(kind, cache, slab, object);
}
