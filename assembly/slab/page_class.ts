/**
 * The class of a page: one byte for each 4 KiB, in heaps whose per-CPU layer are sheaves.
 *
 * It is the index of the cache whose slab the page is part of, so that a free finds the CPU's sheaf
 * by one load from a dense map instead of two from the descriptor and the cache. 0: ask the
 * descriptor. That is what stands there for everything but slabs, for caches above index 255, for
 * those without sheaves, for those that charge, each free of which has to discharge its object, and
 * in heaps of several nodes, where a free must know the object's node.
 *
 * Published as the slab's objects are: written by whoever makes the slab, before it can be found,
 * and by whoever gives it back, when nobody has an object of it. Each byte lies between bytes of
 * other slabs, whose owners write those at the same time: wasm has no smaller unit than a byte.
 */
import { PERCPU_LAYERS, PERCPU_SHEAF, SLAB_ACCOUNT } from "../base/config";
import { KmemCache, Page } from "../base/layout";
import { page_to_pfn, set_page_heads } from "../page/page";
import { header, page_class } from "../sync/percpu";

/** The largest index that a class can say. */
const MAX_CLASS: u32 = 255;

/** @returns the class of the pages of `cache`. */
function class_of(cache: KmemCache): u32 {
  if (cache.sheaf_capacity === 0 || (cache.flags & SLAB_ACCOUNT) !== 0) return 0;
  return cache.index <= MAX_CLASS && header().nr_nodes === 1 ? cache.index : 0;
}

function set_page_classes(first: Page, order: u32, index: u32): void {
  if ((PERCPU_LAYERS & PERCPU_SHEAF) === 0 || page_class === 0) return;
  memory.fill(page_class + <usize>page_to_pfn(first), <u8>index, (<usize>1) << order);
}

/**
 * Make all pages of a slab lead to it. The class comes first: a slab whose pages have their heads
 * has their classes (reap/slabs.ts). Context: owner of the block.
 */
export function publish_slab(cache: KmemCache, slab: Page): void {
  set_page_classes(slab, slab.order, class_of(cache));
  set_page_heads(slab, slab.order, changetype<usize>(slab));
}

/** From here on no page of the block leads to a slab. Context: owner of the block. */
export function unpublish_slab(first: Page): void {
  set_page_heads(first, first.order, 0);
  set_page_classes(first, first.order, 0);
}
