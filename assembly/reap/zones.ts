/**
 * The buddy allocator of a zone, made anew from the page descriptors.
 *
 * Law: to the holder of a zone's lock, a page of the zone below `end_pfn` is free exactly if it is
 * part of no block of another kind than PG_BUDDY. What is in the middle of being split, merged,
 * taken or freed has kind PG_NONE or PG_INFLIGHT (page/buddy.ts), so nothing of it is lost. Blocks
 * of other kinds keep their span while the lock is held: a run changes hands under all zone locks,
 * and is cut up by whoever frees it only after each of its blocks has a kind of its own.
 */
import { MAX_PAGE_ORDER } from "../base/config";
import {
  PG_BUDDY,
  PG_HOLE,
  PG_INFLIGHT,
  PG_LARGE,
  PG_NONE,
  Page,
  ZONE_BLOCK_MAP,
  ZONE_SIZE,
  Zone,
} from "../base/layout";
import { free_list, free_pages_range, pfn_to_nid } from "../page/buddy";
import { end_pfn } from "../page/grow";
import { page_kind, pfn_to_page, set_page_kind } from "../page/page";
import { header } from "../sync/percpu";

/** @returns pages from `page` to the end of its block; 1 for a page that heads none. */
function span_of(page: Page, kind: u32, own: bool): u32 {
  if (kind === PG_HOLE) return page.nr_pages;
  if ((kind === PG_INFLIGHT || kind === PG_LARGE) && page.nr_pages !== 0) return page.nr_pages;
  // In another zone only what reaches beyond a block of 4 MiB counts: the rest may be in motion.
  return own && kind !== PG_NONE ? 1 << page.order : 1;
}

/** Forget all lists and free blocks. */
function clear_zone(zone: Zone, node: u32, end: u32): void {
  for (let order: u32 = 0; order <= MAX_PAGE_ORDER; order++) store<u32>(free_list(zone, order), 0);
  zone.free_mask = 0;
  memory.fill(changetype<usize>(zone) + ZONE_BLOCK_MAP, 0, ZONE_SIZE - ZONE_BLOCK_MAP);
  zone.nr_free = 0;
  for (let pfn = header().first_pfn; pfn < end; pfn++) {
    const page = pfn_to_page(pfn);
    // Before any is freed, which would merge it with what is on no list.
    if (pfn_to_nid(pfn) === node && page_kind(page) === PG_BUDDY) set_page_kind(page, PG_NONE);
  }
}

/** Make all of it anew. Context: the zone's lock, taken over. */
export function rebuild_zone(zone: Zone, node: u32): void {
  const end = end_pfn();
  clear_zone(zone, node, end);
  let managed: u32 = 0;
  /** First page frame behind the block, and behind the hole, that were met last. */
  let covered: u32 = 0;
  let hole: u32 = 0;
  /** First page frame of the free ones in a row, or 0. */
  let from: u32 = 0;
  for (let pfn = header().first_pfn; pfn <= end; pfn++) {
    const own = pfn < end && pfn_to_nid(pfn) === node;
    let free: bool = false;
    if (pfn < end && pfn >= covered) {
      const page = pfn_to_page(pfn);
      const kind = page_kind(page);
      free = own && kind === PG_NONE;
      if (!free) covered = pfn + span_of(page, kind, own);
      if (kind === PG_HOLE) hole = covered;
    }
    if (own && pfn >= hole) managed++;
    if (free && from === 0) from = pfn;
    if (!free && from !== 0) {
      free_pages_range(zone, from, pfn);
      from = 0;
    }
  }
  zone.nr_managed = managed;
}
