/**
 * Bounded walks over the heap's linked lists.
 *
 * A damaged list may leave the memory, run in a circle or join another one. Each walk here ends
 * after a known number of steps and says why it ended, so that a reader of a heap need not trust
 * it.
 */
import type { CacheView, HeapView, PageView } from "./view.js";

export interface Walk {
  /** What was met, in order, the faulty element not included. */
  readonly items: readonly number[];
  /** Why the walk ended early; null if it met the list's end. */
  readonly fault: string | null;
  /** The element at fault, or 0. */
  readonly at: number;
}

/** How one list is linked. */
export interface Chain {
  /** Why `item` cannot be on the list, or null. */
  check(item: number): string | null;
  /** What the item's link holds; 0 ends the list. */
  next(item: number): number;
}

/**
 * Follow a list from `first`.
 *
 * @param limit more items than this are one too many
 */
export function walk(first: number, limit: number, chain: Chain): Walk {
  const items: number[] = [];
  const seen = new Set<number>();
  let item = first;
  while (item !== 0) {
    const fault =
      chain.check(item) ??
      (seen.has(item) ? "the list runs in a circle" : null) ??
      (items.length >= limit ? `the list has more than ${limit} entries` : null);
    if (fault !== null) return { items, fault, at: item };
    seen.add(item);
    items.push(item);
    item = chain.next(item);
  }
  return { items, fault: null, at: 0 };
}

/** A list of pages by descriptor, linked through one of their fields. */
export function walkPages(view: HeapView, first: number, link: "next" | "prev"): Walk {
  const offset = view.table.offsets.page[link];
  return walk(first, view.endPfn, {
    check: (page) => (view.pfnOf(page) < 0 ? "the link is no page of the heap" : null),
    next: (page) => view.u32(page + offset),
  });
}

/** A lock-less list of pages: head and links hold the address of `Page.llnode`. */
export function walkLlist(view: HeapView, head: number): Walk {
  const { llnode } = view.table.offsets.page;
  const nodes = walk(head, view.endPfn, {
    check: (node) => (view.pfnOf(node - llnode) < 0 ? "the link is no page of the heap" : null),
    next: (node) => view.u32(node),
  });
  return { ...nodes, items: nodes.items.map((node) => node - llnode) };
}

/** Free objects of a slab from `first`, linked through their free pointers. */
export function walkFreelist(
  view: HeapView,
  cache: CacheView,
  slab: PageView,
  first: number,
): Walk {
  return walk(first, slab.objects, {
    check: (object) =>
      objectIndex(cache, slab, object) < 0 ? "the pointer is no object of the slab" : null,
    next: (object) => view.freePointer(cache, object),
  });
}

/** Index of the object that starts at `address`, or -1 if none of the slab's does. */
export function objectIndex(cache: CacheView, slab: PageView, address: number): number {
  const index = (address - slab.start - cache.red_left_pad) / cache.size;
  return Number.isInteger(index) && index >= 0 && index < slab.objects ? index : -1;
}

/** The slab that `address` lies in and its cache, or null if it lies in none. */
export function slabAt(
  view: HeapView,
  address: number,
): { slab: PageView; cache: CacheView } | null {
  const pfn = view.pfnAt(address);
  if (pfn < 0) return null;
  const head = view.pfnOf(view.page(pfn).head);
  if (head < 0) return null;
  const slab = view.page(head);
  const index = view.cacheIndexOf(slab.slab_cache);
  return index < 0 ? null : { slab, cache: view.cache(index) };
}
