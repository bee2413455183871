/**
 * Per-CPU page lists: orders 0..3 without the zone's lock (kernel: struct per_cpu_pages).
 *
 * Only pages of the CPU's own node are kept; others go straight to their zone.
 * The lock is a CPU's own in practice; it is a spinlock because the CPU that runs out of memory
 * empties everybody's lists, and a trylock for whoever interrupted its owner. Lists are singly
 * linked by Page.next; a page on one has kind PG_PCP and is in the hand of the lists' CPU.
 */
import { PCP_ORDERS } from "../base/config";
import { PG_INFLIGHT, PG_PCP, Page, Zone } from "../base/layout";
import { CpuArea } from "../base/layout_percpu";
import { cpu_area, header, per_cpu } from "../sync/percpu";
import { spin_lock, spin_unlock } from "../sync/spinlock";
import { free_one_page, node_zone, pfn_to_nid, rmqueue, zone_lock, zone_unlock } from "./buddy";
import { hold } from "./hand";
import { page_to_pfn, set_page_kind } from "./page";

/** Blocks fetched at once, by order: 8, 4, 2, 1. */
function pcp_batch(order: u32): u32 {
  return 8 >> order;
}

/** A list longer than this gives a batch back, by order: 32, 16, 8, 4. */
function pcp_high(order: u32): u32 {
  return 32 >> order;
}

export function pcp_lock_address(area: CpuArea): usize {
  return changetype<usize>(area) + offsetof<CpuArea>("pcp_lock");
}

export function pcp_list(area: CpuArea, order: u32): usize {
  return changetype<usize>(area) + offsetof<CpuArea>("pcp_list") + ((<usize>order) << 2);
}

export function pcp_count(area: CpuArea, order: u32): usize {
  return changetype<usize>(area) + offsetof<CpuArea>("pcp_count") + ((<usize>order) << 2);
}

export function push(area: CpuArea, page: Page, order: u32): void {
  const list = pcp_list(area, order);
  page.order = order;
  page.in_hand = area.cpu + 1;
  page.next = load<u32>(list);
  set_page_kind(page, PG_PCP);
  store<u32>(list, <u32>changetype<usize>(page));
  const count = pcp_count(area, order);
  store<u32>(count, load<u32>(count) + 1);
}

/** @returns the first page of a list that is not empty, in this CPU's hand, kind PG_INFLIGHT. */
function pop(area: CpuArea, order: u32): Page {
  const list = pcp_list(area, order);
  const page = changetype<Page>(<usize>load<u32>(list));
  store<u32>(list, page.next);
  page.next = 0;
  hold(page);
  set_page_kind(page, PG_INFLIGHT);
  const count = pcp_count(area, order);
  store<u32>(count, load<u32>(count) - 1);
  return page;
}

/** Fill a list from the zone with up to one batch. Context: pcp lock. */
function refill(area: CpuArea, order: u32, zone: Zone, mode: u32): void {
  if (!zone_lock(zone, mode)) return;
  const batch = pcp_batch(order);
  for (let i: u32 = 0; i < batch; i++) {
    const page = rmqueue(zone, order);
    if (page === 0) break;
    push(area, changetype<Page>(page), order);
  }
  zone_unlock(zone);
}

/** @returns true if pages of `node` go over this CPU's lists. Context: any. */
export function pcp_serves(node: u32): bool {
  return cpu_area().node === node;
}

/** Give `count` blocks of a list back to their zones. @returns false if a lock was missed. */
function give_back(area: CpuArea, order: u32, count: u32, mode: u32): bool {
  for (let i: u32 = 0; i < count; i++) {
    const first = <usize>load<u32>(pcp_list(area, order));
    const zone = node_zone(pfn_to_nid(page_to_pfn(changetype<Page>(first))));
    if (!zone_lock(zone, mode)) return false;
    free_one_page(zone, pop(area, order), order);
    zone_unlock(zone);
  }
  return true;
}

/**
 * Take a block of order 0..3 from this CPU's lists, filling them if need be.
 *
 * @returns its first page, kind PG_INFLIGHT, or 0. Context: any; `mode` LOCK_TRY if nested.
 */
export function pcp_alloc(order: u32, zone: Zone, mode: u32): usize {
  const area = cpu_area();
  const lock = pcp_lock_address(area);
  if (!spin_lock(lock, mode)) return 0;
  if (load<u32>(pcp_list(area, order)) === 0) refill(area, order, zone, mode);
  const page =
    load<u32>(pcp_list(area, order)) === 0 ? <usize>0 : changetype<usize>(pop(area, order));
  spin_unlock(lock);
  return page;
}

/**
 * Put a block of order 0..3 on this CPU's list; trim the list when it grows too long.
 *
 * A caller that may not wait leaves an overlong list as it is (kernel: free_pages_nolock()).
 *
 * @returns false, with nothing changed, if the lock was not to be had. Context: any.
 */
export function pcp_free(page: Page, order: u32, mode: u32): bool {
  const area = cpu_area();
  const lock = pcp_lock_address(area);
  if (!spin_lock(lock, mode)) return false;
  push(area, page, order);
  if (load<u32>(pcp_count(area, order)) > pcp_high(order)) {
    give_back(area, order, pcp_batch(order), mode);
  }
  spin_unlock(lock);
  return true;
}

/** Give back everything on the lists of `area`. @returns false if a lock was missed. */
export function drain_pages(area: CpuArea, mode: u32): bool {
  const lock = pcp_lock_address(area);
  if (!spin_lock(lock, mode)) return false;
  let whole = true;
  for (let order: u32 = 0; order < PCP_ORDERS; order++) {
    const count = load<u32>(pcp_count(area, order));
    if (!give_back(area, order, count, mode)) whole = false;
  }
  spin_unlock(lock);
  return whole;
}

/** Empty every CPU's lists: what a CPU does before it reports that memory is out. */
export function drain_all_pages(mode: u32): void {
  const cpus = header().nr_cpu_ids;
  for (let cpu: u32 = 0; cpu < cpus; cpu++) drain_pages(per_cpu(cpu), mode);
}
