/**
 * The page allocator's two calls: alloc_pages() and free_pages().
 *
 * Orders 0..3 go over the CPU's own lists, 4..10 to the zone, more to runs of blocks. A caller
 * that may not wait tries each lock once (kernel: alloc_pages_nolock(), free_pages_nolock()): an
 * allocation that misses returns 0 and leaves a growth request; a free that misses leaves the
 * block on the zone's deferred list, which the next ordinary free takes in.
 */
import { LOCK_BOUNDED, LOCK_TRY, MAX_PAGE_ORDER, NUMA_NO_NODE, PCP_ORDERS } from "../base/config";
import { PG_DEFERRED, PG_INFLIGHT, Page, Zone } from "../base/layout";
import { cmpxchg, read_once } from "../sync/atomic";
import { should_fail_alloc_page } from "../sync/fail";
import { llist_add, llist_empty } from "../sync/llist";
import { cpu_area, header } from "../sync/percpu";
import {
  free_one_page,
  node_zone,
  pfn_to_nid,
  rmqueue,
  zone_has,
  zone_lock,
  zone_unlock,
} from "./buddy";
import { end_pfn, grow_memory, request_growth } from "./grow";
import { hold } from "./hand";
import { page_to_pfn, set_page_kind } from "./page";
import { drain_all_pages, pcp_alloc, pcp_free, pcp_serves } from "./pcp";
import { unpoison_pages } from "./page_poison";
import { RUN_MISSED, alloc_run, free_run } from "./run";

/** One attempt in one zone. @returns a page of kind PG_INFLIGHT, or 0. */
function alloc_from_zone(node: u32, order: u32, mode: u32): usize {
  const zone = node_zone(node);
  if (order < PCP_ORDERS && pcp_serves(node)) return pcp_alloc(order, zone, mode);
  if (!zone_lock(zone, mode)) return 0;
  const page = rmqueue(zone, order);
  zone_unlock(zone);
  return page;
}

/** One attempt in every zone, the wanted node's first. */
function alloc_from_zones(node: i32, order: u32, mode: u32): usize {
  const nodes = header().nr_nodes;
  const first = node === NUMA_NO_NODE ? cpu_area().node : <u32>node;
  for (let i: u32 = 0; i < nodes; i++) {
    const page = alloc_from_zone((first + i) % nodes, order, mode);
    if (page !== 0) return page;
  }
  return 0;
}

/**
 * Take 2^order pages of one node, if it has them ready: no growth, no other node.
 *
 * @returns as alloc_pages(). Context: the same. Kernel: __GFP_THISNODE | GFP_NOWAIT.
 */
export function alloc_pages_thisnode(order: u32, node: u32, mode: u32): usize {
  const page = alloc_from_zone(node, order, mode);
  return isDefined(SLUB_DEBUG) ? unpoison_pages(page) : page;
}

/**
 * How often a CPU that may not sleep looks again after it missed a lock: longer than a holder is
 * off its core on a busy machine. Growing instead would not be faster, since new pages enter
 * their zone under the same lock.
 */
const MAX_MISSES: u32 = 512;

/** @returns true if some zone seems to have a block for `order`. Context: any. */
function zones_have(order: u32): bool {
  const nodes = header().nr_nodes;
  for (let node: u32 = 0; node < nodes; node++) {
    if (zone_has(node_zone(node), order)) return true;
  }
  return false;
}

/** Take in the blocks whose free found its zone locked. @returns true if there were any. */
function drain_deferred_zones(mode: u32): bool {
  let found: bool = false;
  const nodes = header().nr_nodes;
  for (let node: u32 = 0; node < nodes; node++) {
    const zone = node_zone(node);
    if (llist_empty(changetype<usize>(zone) + offsetof<Zone>("deferred"))) continue;
    if (!zone_lock(zone, mode)) continue;
    drain_deferred_pages(zone);
    zone_unlock(zone);
    found = true;
  }
  return found;
}

/** Gather what lies about, when there is no growing any more: all CPUs' page lists. */
function gather_pages(mode: u32): void {
  drain_all_pages(mode);
  drain_deferred_zones(mode);
}

/**
 * Take 2^order pages, order 0..10.
 *
 * @param node preferred node, or NUMA_NO_NODE
 * @param mode LOCK_*: LOCK_TRY never waits and never grows the memory
 * @returns the first page's descriptor, kind PG_INFLIGHT, content undefined; 0 if there is none.
 * Context: no zone, pcp or grow lock held, unless LOCK_TRY.
 */
export function alloc_pages(order: u32, node: i32, mode: u32): usize {
  if (mode !== LOCK_TRY && should_fail_alloc_page()) return 0;
  let page: usize = 0;
  let misses: u32 = 0;
  while (true) {
    const seen_end = end_pfn();
    page = alloc_from_zones(node, order, mode);
    if (page !== 0) break;
    if (mode === LOCK_TRY) {
      if (!zones_have(order)) request_growth(1 << order);
      break;
    }
    // A CPU that may not sleep can miss a lock whose holder is off its core: that is no reason to
    // grow a memory that has free pages, nor to say that it has none.
    if (mode === LOCK_BOUNDED && misses < MAX_MISSES && zones_have(order)) {
      misses++;
      continue;
    }
    // Ends: each turn took in blocks that others freed, or grew the memory, which has a maximum,
    // or is the last.
    if (drain_deferred_zones(mode) || grow_memory(1 << order, seen_end, mode)) continue;
    gather_pages(mode);
    page = alloc_from_zones(node, order, mode);
    break;
  }
  return isDefined(SLUB_DEBUG) ? unpoison_pages(page) : page;
}

/**
 * Take a run of whole blocks for more than 2^10 pages.
 *
 * @returns as alloc_pages(); `nr_pages` is the length of the run. Context: the same.
 */
export function alloc_large_run(pages: u32, mode: u32): usize {
  if (mode !== LOCK_TRY && should_fail_alloc_page()) return 0;
  let page: usize = 0;
  let misses: u32 = 0;
  while (true) {
    const seen_end = end_pfn();
    page = alloc_run(pages, mode);
    // LOCK_TRY, which is 0, never; LOCK_WAIT misses none.
    if (page === RUN_MISSED && misses < mode * MAX_MISSES) {
      misses++;
      continue;
    }
    if (page !== 0 || mode === LOCK_TRY) break;
    if (drain_deferred_zones(mode) || grow_memory(pages, seen_end, mode)) continue;
    gather_pages(mode);
    page = alloc_run(pages, mode);
    break;
  }
  if (page === RUN_MISSED) return 0;
  return isDefined(SLUB_DEBUG) ? unpoison_pages(page) : page;
}

/**
 * Take in what frees left on the zone's deferred list. Context: zone lock.
 *
 * One by one, so that the memory always says where each block is: only the holder of the lock takes
 * any off, so the first one's link stays what it is until the cmpxchg. A miss means that a free
 * came in front; then that one comes first, and this one is met again.
 */
function drain_deferred_pages(zone: Zone): void {
  const list = changetype<usize>(zone) + offsetof<Zone>("deferred");
  while (true) {
    const node = read_once(list);
    if (node === 0) return;
    const page = changetype<Page>(<usize>node - offsetof<Page>("llnode"));
    hold(page);
    set_page_kind(page, PG_INFLIGHT);
    if (cmpxchg(list, node, page.llnode) !== node) continue;
    page.llnode = 0;
    free_one_page(zone, page, page.order);
  }
}

/** Free to the zone, or leave the block on its deferred list. */
function free_to_zone(page: Page, order: u32, mode: u32): void {
  const zone = node_zone(pfn_to_nid(page_to_pfn(page)));
  const deferred = changetype<usize>(zone) + offsetof<Zone>("deferred");
  if (!zone_lock(zone, mode)) {
    set_page_kind(page, PG_DEFERRED);
    llist_add(changetype<usize>(page) + offsetof<Page>("llnode"), deferred);
    return;
  }
  if (mode !== LOCK_TRY && !llist_empty(deferred)) drain_deferred_pages(zone);
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
  set_page_kind(page, PG_INFLIGHT);
  if (page.nr_pages !== 0) {
    if (!free_run(page, page_to_pfn(page), mode)) free_run_by_blocks(page);
  } else {
    const kept = order < PCP_ORDERS && pcp_serves(page.node) && pcp_free(page, order, mode);
    if (!kept) free_to_zone(page, order, mode);
  }
}
