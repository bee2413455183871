/**
 * All zones at once: what is true of the heap's pages as a whole is true under all their locks,
 * which are taken in order of node.
 */
import { PG_DEFERRED, PG_INFLIGHT, Page, Zone } from "../base/layout";
import { cmpxchg, read_once } from "../sync/atomic";
import { llist_add } from "../sync/llist";
import { header } from "../sync/percpu";
import { free_one_page, node_zone, zone_lock, zone_unlock } from "./buddy";
import { hold } from "./hand";
import { set_page_kind } from "./page";

/** Lock every zone. @returns false, with none held, if one was not to be had. */
export function try_lock_zones(mode: u32): bool {
  const nodes = header().nr_nodes;
  for (let node: u32 = 0; node < nodes; node++) {
    if (!zone_lock(node_zone(node), mode)) {
      unlock_first_zones(node);
      return false;
    }
  }
  return true;
}

/**
 * Lock every zone, for an ordinary caller: also a CPU that may not sleep tries until it has them
 * all. It only spins, which is allowed everywhere; who holds a zone is on another thread, and lets
 * go after a few hundred accesses.
 */
export function lock_zones(mode: u32): void {
  while (!try_lock_zones(mode)) {}
}

function unlock_first_zones(count: u32): void {
  for (let node = count; node > 0; node--) zone_unlock(node_zone(node - 1));
}

export function unlock_zones(): void {
  unlock_first_zones(header().nr_nodes);
}

export function deferred_pages(zone: Zone): usize {
  return changetype<usize>(zone) + offsetof<Zone>("deferred");
}

/** Leave a block whose free found its zone locked. Context: any. */
export function defer_page(zone: Zone, page: Page): void {
  set_page_kind(page, PG_DEFERRED);
  llist_add(changetype<usize>(page) + offsetof<Page>("llnode"), deferred_pages(zone));
}

/**
 * Take in what frees left on the zone's deferred list. Context: zone lock.
 *
 * One by one, so that the memory always says where each block is: only the holder of the lock takes
 * any off, so the first one's link stays what it is until the cmpxchg. A miss means that a free
 * came in front; then that one comes first, and this one is met again.
 */
export function drain_deferred_pages(zone: Zone): void {
  const list = deferred_pages(zone);
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

/** drain_deferred_pages() of every zone. Context: all zone locks. */
export function drain_deferred_zones(): void {
  const nodes = header().nr_nodes;
  for (let node: u32 = 0; node < nodes; node++) drain_deferred_pages(node_zone(node));
}

/** @returns pages that are free. Context: no zone lock held, not LOCK_TRY. */
export function nr_free_pages(mode: u32): u32 {
  const nodes = header().nr_nodes;
  let free: u32 = 0;
  lock_zones(mode);
  drain_deferred_zones();
  for (let node: u32 = 0; node < nodes; node++) free += node_zone(node).nr_free;
  unlock_zones();
  return free;
}

/** @returns true if a block of `pages` pages, a power of two, is free. Context: the same. */
export function zones_have(pages: u32, mode: u32): bool {
  const nodes = header().nr_nodes;
  let mask: u32 = 0;
  lock_zones(mode);
  drain_deferred_zones();
  for (let node: u32 = 0; node < nodes; node++) mask |= node_zone(node).free_mask;
  unlock_zones();
  // Bit o of the mask stands for blocks of 2^o pages.
  return mask >= pages;
}
