/**
 * Growth of the memory, by memory.grow, up to the heap's maximum.
 *
 * Law: the memory grows only if, under the grow lock, all zones were looked at and none had what is
 * wanted: who could not look looks again (page_alloc.ts), so the memory follows the live data.
 *
 * Only callers that are not nolock grow. A nolock caller that finds nothing leaves a wish
 * (`grow_request`), which the next ordinary slow path fulfils, so that the nolock caller finds
 * memory the next time. Growth is an eighth of what there is, at least 1 MiB, so that a heap
 * grows in a logarithmic number of steps.
 */
import {
  BLOCK_PAGES,
  LOCK_BOUNDED,
  LOCK_TRY,
  MAX_PAGE_ORDER,
  PAGES_PER_WASM_PAGE,
} from "../base/config";
import { HeapHeader, PG_HOLE } from "../base/layout";
import { read_once, write_once, xchg } from "../sync/atomic";
import { header, heap_base } from "../sync/percpu";
import { spin_lock, spin_unlock } from "../sync/spinlock";
import { free_pages_range, node_zone, pfn_to_nid, zone_lock, zone_unlock } from "./buddy";
import { pfn_to_page, set_page_kind } from "./page";
import { nr_free_pages, zones_have } from "./zones";

/** Least growth in 4 KiB pages: 1 MiB. */
const MIN_GROWTH_PAGES: u32 = 256;

/**
 * Hand page frames `pfn` to `end` to their zones, block by block. Context: grow lock or boot.
 *
 * `end_pfn` moves under the lock of the zone that gets the block, so that to its holder every page
 * below `end_pfn` that is part of nothing is free.
 */
export function add_pages(pfn: u32, end: u32): void {
  while (pfn < end) {
    const block_end = min(((pfn >> MAX_PAGE_ORDER) + 1) << MAX_PAGE_ORDER, end);
    const zone = node_zone(pfn_to_nid(pfn));
    // Growth is an ordinary caller's business, and zone sections are short: waiting by spinning
    // is right even for a CPU that may not sleep, since the pages are already ours to place.
    while (!zone_lock(zone, LOCK_BOUNDED)) {}
    write_once(heap_base + offsetof<HeapHeader>("end_pfn"), block_end);
    zone.nr_managed = zone.nr_managed + (block_end - pfn);
    free_pages_range(zone, pfn, block_end);
    zone_unlock(zone);
    pfn = block_end;
  }
}

/** @returns 4 KiB pages that memory.grow added, 0 if it refused. */
function grow_by(head: HeapHeader, pages: u32): u32 {
  const room = head.maximum_pages - head.end_pfn;
  const wasm_pages = (min(pages, room) + PAGES_PER_WASM_PAGE - 1) / PAGES_PER_WASM_PAGE;
  if (wasm_pages === 0) return 0;
  const before = memory.grow(<i32>wasm_pages);
  if (before < 0) {
    head.grow_failures = head.grow_failures + 1;
    return 0;
  }
  head.grows = head.grows + 1;
  const start = <u32>before * PAGES_PER_WASM_PAGE;
  const end = min(start + wasm_pages * PAGES_PER_WASM_PAGE, head.maximum_pages);
  if (start > head.end_pfn) {
    // Another module grew the memory for itself: its pages lie between.
    const hole = pfn_to_page(head.end_pfn);
    hole.nr_pages = start - head.end_pfn;
    set_page_kind(hole, PG_HOLE);
  }
  if (end <= start) return 0;
  write_once(heap_base + offsetof<HeapHeader>("end_pfn"), start);
  head.grow_end = end;
  finish_growth(head);
  return end - start;
}

/**
 * Add what memory.grow gave, from wherever that stopped. Context: grow lock.
 *
 * The end of a growth that its CPU did not live to see is the same: all it needs is in the header.
 */
export function finish_growth(head: HeapHeader): void {
  add_pages(head.end_pfn, head.grow_end);
  head.grow_end = 0;
}

/** @returns false if not even all free pages and all growth together would be enough. */
function within_reach(head: HeapHeader, pages: u32, mode: u32): bool {
  const room = head.maximum_pages - head.end_pfn;
  return pages <= room || pages <= room + nr_free_pages(mode);
}

/**
 * Grow the memory so that a block of `pages` pages can be had, if the maximum allows.
 *
 * @returns true if it grew. Context: grow lock, no zone lock; no zone had such a block.
 */
export function grow_memory(pages: u32, mode: u32): bool {
  const head = header();
  if (!within_reach(head, pages, mode)) return false;
  // A block of n pages may need n - 1 more to be aligned; whole blocks as many as they are.
  const slack = pages >= BLOCK_PAGES ? BLOCK_PAGES : pages;
  const wanted = max(head.end_pfn >> 3, MIN_GROWTH_PAGES);
  if (grow_by(head, max(wanted, pages + slack)) > 0) return true;
  return wanted > pages + slack && grow_by(head, pages + slack) > 0;
}

/**
 * Take the grow lock, for an ordinary caller. A CPU that may not sleep spins as long as it takes,
 * milliseconds where another is in memory.grow: without the lock it could only guess.
 */
export function lock_growth(mode: u32): void {
  while (!spin_lock(grow_lock_address(), mode)) {}
}

export function unlock_growth(): void {
  spin_unlock(grow_lock_address());
}

/**
 * @returns true while somebody looks for pages in the memory as a whole: then the CPUs' page lists
 * keep nothing back, so that once emptied they stay empty (page/pcp.ts). Context: any.
 */
export function is_gathering(): bool {
  return read_once(grow_lock_address()) !== 0;
}

/** Note that a nolock caller missed `pages` pages. Context: any. */
export function request_growth(pages: u32): void {
  write_once(heap_base + offsetof<HeapHeader>("grow_request"), pages);
}

/**
 * Fulfil what nolock callers wished for, unless it is there by now; if somebody else holds the grow
 * lock, the wish stays for the next. Context: ordinary slow paths, no lock held.
 */
export function serve_growth(mode: u32): void {
  const request = heap_base + offsetof<HeapHeader>("grow_request");
  if (read_once(request) === 0 || !spin_lock(grow_lock_address(), LOCK_TRY)) return;
  const pages = xchg(request, 0);
  if (pages !== 0 && !zones_have(pages, mode)) grow_memory(pages, mode);
  unlock_growth();
}

export function grow_lock_address(): usize {
  return heap_base + offsetof<HeapHeader>("grow_lock");
}

/** @returns the page frame after the heap's last. Context: any. */
export function end_pfn(): u32 {
  return read_once(heap_base + offsetof<HeapHeader>("end_pfn"));
}
