/**
 * Telling the host what slab_debug found in a cache (SLUB_DEBUG builds): sync/slab_report.ts has
 * the kinds, and does it.
 */
import { KmemCache, Slab } from "../base/layout";
import { slab_bug } from "../sync/slab_report";

export * from "../sync/slab_report";

/** slab_bug() of a cache. Context: the same. */
export function report(
  kind: u32,
  cache: KmemCache,
  slab: Slab,
  object: usize,
  from: usize,
  to: usize,
  value: u32,
): void {
  slab_bug(kind, changetype<usize>(cache), changetype<usize>(slab), object, from, to, value);
}

/** report() about a slab: what was found and what should be. */
export function slab_err(
  kind: u32,
  cache: KmemCache,
  slab: Slab,
  found: usize,
  expected: usize,
): void {
  report(kind, cache, slab, 0, found, expected, 0);
}

/** report() about an object. */
export function object_err(kind: u32, cache: KmemCache, slab: Slab, object: usize): void {
  report(kind, cache, slab, object, 0, 0, 0);
}
