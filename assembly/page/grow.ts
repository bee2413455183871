/**
 * Growth of the memory, by memory.grow, up to the heap's maximum.
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
function within_reach(head: HeapHeader, pages: u32): bool {
  let free = head.maximum_pages - head.end_pfn;
  for (let node: u32 = 0; node < head.nr_nodes; node++) {
    const zone = node_zone(node);
    if (!zone_lock(zone, LOCK_BOUNDED)) return true;
    free += zone.nr_free;
    zone_unlock(zone);
  }
  return pages <= free;
}

/**
 * How often a CPU that may not sleep tries, each time for some 30 us, while another grows the
 * memory: memory.grow takes milliseconds, and whoever is in it may be off its core. LOCK_TRY,
 * which is 0, tries once.
 */
const MAX_TRIES: u32 = 2048;

/**
 * Grow the memory so that a block of `pages` pages can be had, if the maximum allows.
 *
 * @param seen_end end_pfn when the caller found nothing: if it has moved since, another CPU grew
 *   the memory and the caller should look again first
 * @returns true if it is worth looking again. Context: no lock held, not nolock.
 */
export function grow_memory(pages: u32, seen_end: u32, mode: u32): bool {
  const lock = heap_base + offsetof<HeapHeader>("grow_lock");
  for (let tries: u32 = 0; !spin_lock(lock, mode); tries++) {
    if (tries === mode * MAX_TRIES) return false;
  }
  const head = header();
  let grown = head.end_pfn !== seen_end;
  if (!grown && within_reach(head, pages)) {
    // A block of n pages may need n - 1 more to be aligned; whole blocks as many as they are.
    const slack = pages >= BLOCK_PAGES ? BLOCK_PAGES : pages;
    const wanted = max(head.end_pfn >> 3, MIN_GROWTH_PAGES);
    grown = grow_by(head, max(wanted, pages + slack)) > 0;
    if (!grown && wanted > pages + slack) grown = grow_by(head, pages + slack) > 0;
  }
  spin_unlock(lock);
  return grown;
}

/** Note that a nolock caller missed `pages` pages. Context: any. */
export function request_growth(pages: u32): void {
  write_once(heap_base + offsetof<HeapHeader>("grow_request"), pages);
}

/**
 * Fulfil what nolock callers wished for; if somebody else is at it, that will do. Context: ordinary
 * slow paths, no lock held.
 */
export function serve_growth(): void {
  const request = heap_base + offsetof<HeapHeader>("grow_request");
  if (read_once(request) === 0) return;
  const pages = xchg(request, 0);
  if (pages !== 0) grow_memory(pages, end_pfn(), LOCK_TRY);
}

export function grow_lock_address(): usize {
  return heap_base + offsetof<HeapHeader>("grow_lock");
}

/** @returns the page frame after the heap's last. Context: any. */
export function end_pfn(): u32 {
  return read_once(heap_base + offsetof<HeapHeader>("end_pfn"));
}
