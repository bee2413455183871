/**
 * Per-CPU page lists: orders 0..3 without the zone's lock (kernel: struct per_cpu_pages).
 *
 * Only pages of the CPU's own node are kept; others go straight to their zone, and all of them
 * while somebody gathers pages under the grow lock, so that lists which were emptied stay empty.
 * The lock is a CPU's own in practice; it is a spinlock because the CPU that runs out of memory
 * empties everybody's lists, and a trylock for whoever interrupted its owner. Lists are singly
 * linked by Page.next; a page on one has kind PG_PCP and is in the hand of the lists' CPU.
 */
import { LOCK_TRY, PCP_ORDERS } from "../base/config";
import { PG_INFLIGHT, PG_PCP, Page, Zone } from "../base/layout";
import { CpuArea } from "../base/layout_percpu";
import { cpu_area, header, per_cpu } from "../sync/percpu";
import { spin_lock, spin_unlock } from "../sync/spinlock";
import {
  PAGE_MISSED,
  free_one_page,
  node_zone,
  pfn_to_nid,
  rmqueue,
  zone_lock,
  zone_unlock,
} from "./buddy";
import { is_gathering } from "./grow";
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

/**
 * Fill a list from the zone: with up to one batch, or with what is needed now while pages are
 * gathered. @returns false if it could not look. Context: pcp lock.
 */
function refill(area: CpuArea, order: u32, zone: Zone, mode: u32): bool {
  if (!zone_lock(zone, mode)) return false;
  const batch: u32 = is_gathering() ? 1 : pcp_batch(order);
  for (let i: u32 = 0; i < batch; i++) {
    const page = rmqueue(zone, order);
    if (page === 0) break;
    push(area, changetype<Page>(page), order);
  }
  zone_unlock(zone);
  return true;
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
 * @returns its first page, kind PG_INFLIGHT; 0: neither the lists nor the zone have one;
 * PAGE_MISSED if it could not look. Context: any; `mode` LOCK_TRY if nested.
 */
export function pcp_alloc(order: u32, zone: Zone, mode: u32): usize {
  const area = cpu_area();
  const lock = pcp_lock_address(area);
  const list = pcp_list(area, order);
  if (!spin_lock(lock, mode)) return PAGE_MISSED;
  let page: usize = 0;
  if (load<u32>(list) === 0 && !refill(area, order, zone, mode)) page = PAGE_MISSED;
  else if (load<u32>(list) !== 0) page = changetype<usize>(pop(area, order));
  spin_unlock(lock);
  return page;
}

/**
 * Put a block of order 0..3 on this CPU's list; trim the list when it grows too long.
 *
 * A nolock caller leaves a list that is far too long as it is but for a batch (kernel:
 * free_pages_nolock()); what a missed lock left there goes with the next ordinary free.
 *
 * @returns false, with nothing changed, if the lock was not to be had, or pages are gathered.
 * Context: any.
 */
export function pcp_free(page: Page, order: u32, mode: u32): bool {
  const area = cpu_area();
  const lock = pcp_lock_address(area);
  if (!spin_lock(lock, mode)) return false;
  // Asked under the lock: who gathers took the grow lock first, and comes for this list later.
  const kept = !is_gathering();
  if (kept) {
    push(area, page, order);
    const batch = pcp_batch(order);
    const excess = load<i32>(pcp_count(area, order)) - <i32>pcp_high(order);
    if (excess > 0) give_back(area, order, mode === LOCK_TRY ? batch : batch - 1 + excess, mode);
  }
  spin_unlock(lock);
  return kept;
}

/** Give back everything on the lists of `area`. Context: task, no pcp or zone lock held. */
export function drain_pages(area: CpuArea, mode: u32): void {
  const lock = pcp_lock_address(area);
  // Both loops end for a CPU that may not sleep, too: holders are short, and on other threads.
  while (!spin_lock(lock, mode)) {}
  for (let order: u32 = 0; order < PCP_ORDERS; order++) {
    while (!give_back(area, order, load<u32>(pcp_count(area, order)), mode)) {}
  }
  spin_unlock(lock);
}

/** Empty every CPU's lists: what a CPU does before it reports that memory is out. */
export function drain_all_pages(mode: u32): void {
  const cpus = header().nr_cpu_ids;
  for (let cpu: u32 = 0; cpu < cpus; cpu++) drain_pages(per_cpu(cpu), mode);
}
