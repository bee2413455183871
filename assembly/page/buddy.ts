/**
 * The buddy allocator of a zone: orders 0..10, aligned to their size, merged when freed.
 *
 * A free block is on free_area[order] by its first page, whose kind is PG_BUDDY; a bit per order
 * says which lists have anything, so that taking a block is a count of trailing zeros, at most
 * ten splits, and freeing at most ten merges: constant time whatever the heap's size. Whole
 * blocks (order 10) also have a bit each in the zone's block map, which is how runs of them are
 * found (page/run.ts).
 *
 * All functions here need the zone's lock. Kernel: mm/page_alloc.c __rmqueue_smallest(),
 * __free_one_page().
 */
import { BLOCK_PAGES, MAX_PAGE_ORDER } from "../base/config";
import {
  PG_BUDDY,
  PG_INFLIGHT,
  PG_NONE,
  Page,
  ZONES,
  ZONE_BLOCK_MAP,
  ZONE_SIZE,
  Zone,
} from "../base/layout";
import { heap_base, header } from "../sync/percpu";
import { spin_lock, spin_unlock } from "../sync/spinlock";
import { hold } from "./hand";
import { list_add, list_del, page_kind, page_to_pfn, pfn_to_page, set_page_kind } from "./page";

/** @returns zone `node`. */
export function node_zone(node: u32): Zone {
  return changetype<Zone>(heap_base + ZONES + <usize>node * ZONE_SIZE);
}

/** @returns the node of a page frame: its block's number modulo the number of nodes. */
export function pfn_to_nid(pfn: u32): u32 {
  const nodes = header().nr_nodes;
  return nodes === 1 ? 0 : (pfn >> MAX_PAGE_ORDER) % nodes;
}

export function zone_lock_address(zone: Zone): usize {
  return changetype<usize>(zone) + offsetof<Zone>("lock");
}

/**
 * What a look for pages returns where a lock was not to be had: it could not look, which is not
 * the same as 0, nothing there. No page's address.
 */
export const PAGE_MISSED: usize = 1;

/** Take a zone's lock as hard as `mode` allows. @returns true if it is held. */
export function zone_lock(zone: Zone, mode: u32): bool {
  return spin_lock(zone_lock_address(zone), mode);
}

/** Release it. */
export function zone_unlock(zone: Zone): void {
  spin_unlock(zone_lock_address(zone));
}

export function free_list(zone: Zone, order: u32): usize {
  return changetype<usize>(zone) + offsetof<Zone>("free_area") + ((<usize>order) << 2);
}

function flip_block_bit(zone: Zone, pfn: u32): void {
  const block = pfn >> MAX_PAGE_ORDER;
  const word = changetype<usize>(zone) + ZONE_BLOCK_MAP + ((<usize>(block >> 5)) << 2);
  store<u32>(word, load<u32>(word) ^ ((<u32>1) << (block & 31)));
}

/** Put a block on its list. */
function add_to_free_area(zone: Zone, page: Page, order: u32): void {
  page.order = order;
  set_page_kind(page, PG_BUDDY);
  list_add(page, free_list(zone, order));
  zone.free_mask = zone.free_mask | (1 << order);
  if (order === MAX_PAGE_ORDER) flip_block_bit(zone, page_to_pfn(page));
}

/** Take one particular block off its list; its kind becomes PG_NONE. */
export function del_from_free_area(zone: Zone, page: Page, order: u32): void {
  const list = free_list(zone, order);
  list_del(page, list);
  set_page_kind(page, PG_NONE);
  if (load<u32>(list) === 0) zone.free_mask = zone.free_mask & ~((<u32>1) << order);
  if (order === MAX_PAGE_ORDER) flip_block_bit(zone, page_to_pfn(page));
}

/**
 * Make a block that was taken off its lists somebody's. Before its lock is released, so that at
 * any other time a page that is part of nothing does not exist.
 */
export function hand_out(page: Page, order: u32, pages: u32): void {
  page.order = order;
  page.nr_pages = pages;
  page.node = pfn_to_nid(page_to_pfn(page));
  hold(page);
  set_page_kind(page, PG_INFLIGHT);
}

/**
 * Take a block of 2^order pages, splitting a larger one if need be.
 *
 * @returns its first page, kind PG_INFLIGHT and in this CPU's hand, with order and node set; 0 when
 * the zone has none. Context: zone lock.
 */
export function rmqueue(zone: Zone, order: u32): usize {
  const mask = zone.free_mask >> order;
  if (mask === 0) return 0;
  let at = order + ctz<u32>(mask);
  const page = changetype<Page>(<usize>load<u32>(free_list(zone, at)));
  del_from_free_area(zone, page, at);
  const pfn = page_to_pfn(page);
  while (at > order) {
    at--;
    add_to_free_area(zone, pfn_to_page(pfn + (1 << at)), at);
  }
  zone.nr_free = zone.nr_free - (1 << order);
  hand_out(page, order, 0);
  return changetype<usize>(page);
}

/**
 * Give back a block of 2^order pages and merge it with its buddies as far as they are free.
 * A buddy that lies outside the heap's pages has kind PG_NONE and ends the merging.
 * Context: zone lock; the caller owns the block.
 */
export function free_one_page(zone: Zone, first: Page, order: u32): void {
  zone.nr_free = zone.nr_free + (1 << order);
  let pfn = page_to_pfn(first);
  set_page_kind(first, PG_NONE);
  while (order < MAX_PAGE_ORDER) {
    const buddy_pfn = pfn ^ (1 << order);
    if (buddy_pfn >= header().maximum_pages) break;
    const buddy = pfn_to_page(buddy_pfn);
    if (page_kind(buddy) !== PG_BUDDY || buddy.order !== order) break;
    del_from_free_area(zone, buddy, order);
    pfn &= buddy_pfn;
    order++;
  }
  add_to_free_area(zone, pfn_to_page(pfn), order);
}

/**
 * Give page frames `pfn` to `end` (not included) to the zone, as the largest aligned blocks.
 * They must lie in one block of 4 MiB or the heap must have one node. Context: zone lock.
 */
export function free_pages_range(zone: Zone, pfn: u32, end: u32): void {
  while (pfn < end) {
    let order = min(ctz<u32>(pfn | BLOCK_PAGES), MAX_PAGE_ORDER);
    while (pfn + (1 << order) > end) order--;
    free_one_page(zone, pfn_to_page(pfn), order);
    pfn += 1 << order;
  }
}
