/**
 * The page allocator's two calls: alloc_pages() and free_pages().
 *
 * Orders 0..3 go over the CPU's own lists, 4..10 to the zone, more to runs of blocks. A look has
 * three answers: a page, 0 for nothing there, PAGE_MISSED where a lock was not to be had. Who may
 * spin looks again until it could look; then what is nowhere is looked for in the memory as a
 * whole, and only then the memory grows, or is out. A nolock caller tries each lock once (kernel:
 * alloc_pages_nolock(), free_pages_nolock()): an allocation that misses returns 0, and leaves a
 * wish to grow if it looked everywhere; a free that misses leaves the block on the zone's deferred
 * list, which the next ordinary free takes in.
 */
import { BLOCK_PAGES, LOCK_TRY, MAX_PAGE_ORDER, NUMA_NO_NODE, PCP_ORDERS } from "../base/config";
import { PG_INFLIGHT, Page } from "../base/layout";
import { should_fail_alloc_page } from "../sync/fail";
import { cpu_area, header } from "../sync/percpu";
import {
  PAGE_MISSED,
  free_one_page,
  node_zone,
  pfn_to_nid,
  rmqueue,
  zone_lock,
  zone_unlock,
} from "./buddy";
import { grow_memory, lock_growth, request_growth, unlock_growth } from "./grow";
import { hold } from "./hand";
import { page_kind, page_to_pfn, set_page_kind } from "./page";
import { drain_all_pages, pcp_alloc, pcp_free, pcp_serves } from "./pcp";
import { unpoison_pages } from "./page_poison";
import { free_run, take_run } from "./run";
import {
  defer_page,
  drain_deferred_pages,
  drain_deferred_zones,
  lock_zones,
  unlock_zones,
} from "./zones";

/** One attempt in one zone. @returns a page of kind PG_INFLIGHT, 0 or PAGE_MISSED. */
function alloc_from_zone(node: u32, order: u32, mode: u32): usize {
  const zone = node_zone(node);
  if (order < PCP_ORDERS && pcp_serves(node)) return pcp_alloc(order, zone, mode);
  if (!zone_lock(zone, mode)) return PAGE_MISSED;
  const page = rmqueue(zone, order);
  zone_unlock(zone);
  return page;
}

/** @returns the zone that is asked in turn `i` by a caller who prefers `node`. */
function nth_node(node: i32, i: u32): u32 {
  const first = node === NUMA_NO_NODE ? cpu_area().node : <u32>node;
  return (first + i) % header().nr_nodes;
}

/** One attempt in every zone, the wanted node's first. @returns 0 only if it looked into all. */
function alloc_from_zones(node: i32, order: u32, mode: u32): usize {
  const nodes = header().nr_nodes;
  let missed: usize = 0;
  for (let i: u32 = 0; i < nodes; i++) {
    const page = alloc_from_zone(nth_node(node, i), order, mode);
    if (page > PAGE_MISSED) return page;
    missed |= page;
  }
  return missed;
}

/**
 * Take 2^order pages that are ready: no growth, and no wish for any.
 *
 * @param node no other node than this; NUMA_NO_NODE: any
 * @returns as alloc_pages(). Context: the same. Kernel: __GFP_THISNODE | GFP_NOWAIT.
 */
export function alloc_pages_ready(order: u32, node: i32, mode: u32): usize {
  const page =
    node === NUMA_NO_NODE
      ? alloc_from_zones(node, order, mode)
      : alloc_from_zone(<u32>node, order, mode);
  return given_out(page);
}

/** @returns what a caller gets for the answer of a look: in debug builds, checked first. */
function given_out(page: usize): usize {
  if (page <= PAGE_MISSED) return 0;
  return isDefined(SLUB_DEBUG) ? unpoison_pages(page) : page;
}

/**
 * Take 2^order pages, order 0..10.
 *
 * @param node preferred node, or NUMA_NO_NODE
 * @param mode LOCK_*: LOCK_TRY never waits and never grows the memory
 * @returns the first page's descriptor, kind PG_INFLIGHT, content undefined; 0 if there is none,
 * and with LOCK_TRY also if it could not look. Context: no zone, pcp or grow lock held, unless
 * LOCK_TRY.
 */
export function alloc_pages(order: u32, node: i32, mode: u32): usize {
  if (mode !== LOCK_TRY && should_fail_alloc_page()) return 0;
  let page: usize;
  // Ends: only a CPU that may not sleep misses, after a long spin, and its next look spins again.
  // What it waits for is a section of another thread, so it comes to its end.
  do {
    page = alloc_from_zones(node, order, mode);
  } while (page === PAGE_MISSED && mode !== LOCK_TRY);
  if (page === 0) {
    if (mode === LOCK_TRY) request_growth(1 << order);
    else page = alloc_pages_slow(1 << order, node, mode);
  }
  return given_out(page);
}

/**
 * Take a run of whole blocks for more than 2^10 pages.
 *
 * @returns as alloc_pages(); `nr_pages` is the length of the run. Context: the same, no LOCK_TRY.
 */
export function alloc_large_run(pages: u32, mode: u32): usize {
  if (should_fail_alloc_page()) return 0;
  let page = alloc_from_all(pages, NUMA_NO_NODE, mode);
  if (page === 0) page = alloc_pages_slow(pages, NUMA_NO_NODE, mode);
  return given_out(page);
}

/**
 * Look into all zones at once, and what frees left on their deferred lists: 0 means that at one
 * moment none had it.
 *
 * @param pages a power of two up to 2^10, or more for a run
 */
function alloc_from_all(pages: u32, node: i32, mode: u32): usize {
  lock_zones(mode);
  drain_deferred_zones();
  let page: usize = 0;
  if (pages > BLOCK_PAGES) {
    page = take_run(pages);
  } else {
    const nodes = header().nr_nodes;
    for (let i: u32 = 0; i < nodes && page === 0; i++) {
      page = rmqueue(node_zone(nth_node(node, i)), ctz<u32>(pages));
    }
  }
  unlock_zones();
  return page;
}

/**
 * Take pages that a look without the grow lock did not find: from what is there by now, from what
 * the memory can grow by, and last from all CPUs' page lists.
 *
 * While the grow lock is held those lists keep nothing back. So once they were emptied, "no zone
 * has it" is "nobody has it", at the moment of that look: then 0 is true.
 */
function alloc_pages_slow(pages: u32, node: i32, mode: u32): usize {
  lock_growth(mode);
  let page = alloc_from_all(pages, node, mode);
  let gathered: bool = false;
  // Ends: each turn grew the memory, which has a maximum, or is the one behind the gathering.
  while (page === 0) {
    if (!grow_memory(pages, mode)) {
      if (gathered) break;
      drain_all_pages(mode);
      gathered = true;
    }
    page = alloc_from_all(pages, node, mode);
  }
  unlock_growth();
  return page;
}

/** Free to the zone, or leave the block on its deferred list. */
function free_to_zone(page: Page, order: u32, mode: u32): void {
  const zone = node_zone(pfn_to_nid(page_to_pfn(page)));
  if (!zone_lock(zone, mode)) {
    defer_page(zone, page);
    return;
  }
  if (mode !== LOCK_TRY) drain_deferred_pages(zone);
  free_one_page(zone, page, order);
  zone_unlock(zone);
}

/** Free a run that could not be freed at once: each block by itself. */
function free_run_by_blocks(first: Page): void {
  const run = changetype<usize>(first);
  const end = run + <usize>first.nr_pages * offsetof<Page>();
  const size = offsetof<Page>() << MAX_PAGE_ORDER;
  // Each is a block of its own before the first stops spanning them all.
  for (let at = run + size; at < end; at += size) {
    const page = changetype<Page>(at);
    hold(page);
    set_page_kind(page, PG_INFLIGHT);
  }
  first.nr_pages = 0;
  for (let at = run; at < end; at += size) {
    free_to_zone(changetype<Page>(at), MAX_PAGE_ORDER, LOCK_TRY);
  }
}

/**
 * Give back what alloc_pages() or alloc_large_run() gave out. Always succeeds.
 *
 * Context: any with LOCK_TRY; otherwise no zone, pcp or grow lock held.
 */
export function free_pages(page: Page, mode: u32): void {
  const order = page.order;
  hold(page);
  // A slab is already.
  if (page_kind(page) !== PG_INFLIGHT) set_page_kind(page, PG_INFLIGHT);
  if (page.nr_pages !== 0) {
    if (!free_run(page, page_to_pfn(page), mode)) free_run_by_blocks(page);
  } else {
    const kept = order < PCP_ORDERS && pcp_serves(page.node) && pcp_free(page, order, mode);
    if (!kept) free_to_zone(page, order, mode);
  }
}
