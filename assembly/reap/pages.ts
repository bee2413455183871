/**
 * Pages in the hands of dead CPUs, other than slabs: on their way from or to the page allocator, on
 * their page lists, or about to become something.
 */
import { PCP_ORDERS, SLAB_TYPESAFE_BY_RCU } from "../base/config";
import {
  KmemCache,
  PG_DEFERRED,
  PG_INFLIGHT,
  PG_LARGE,
  PG_PCP,
  PG_RCU,
  PG_TABLE,
  Page,
  Zone,
} from "../base/layout";
import { CpuArea, DRAIN_DEPTH, RcuQueue } from "../base/layout_percpu";
import { ReapReport } from "../base/layout_reap";
import { node_zone, zone_lock, zone_unlock } from "../page/buddy";
import { end_pfn } from "../page/grow";
import { hold, in_hand_address } from "../page/hand";
import { page_kind, pfn_to_page, set_page_kind } from "../page/page";
import { free_pages } from "../page/page_alloc";
import { pcp_count, pcp_list, pcp_lock_address } from "../page/pcp";
import { large_bytes } from "../slab/memcg";
import { unpublish_slab } from "../slab/page_class";
import {
  heap_queue,
  next_list,
  open_page,
  queue_of,
  rcu_queue_slab,
  unlock_queue,
  wait_list,
} from "../slab/rcu_queue";
import { RCU_CHUNK } from "../slab/rcu_serve";
import { set_slab_word } from "../slab/slab";
import { read_once, write_once } from "../sync/atomic";
import { llist_add, llist_next } from "../sync/llist";
import { header, per_cpu } from "../sync/percpu";
import { spin_lock, spin_unlock } from "../sync/spinlock";
import { recount_slabs } from "./counts";
import { is_dead, is_victim, note } from "./dead";
import { rehold_queue } from "./locks";

/** Forget a dead CPU's page lists: each page is in its hand. @returns false: a lock is missed. */
export function drop_page_lists(area: CpuArea, mode: u32): bool {
  const lock = pcp_lock_address(area);
  // A live CPU may be emptying them.
  if (!spin_lock(lock, mode)) return false;
  for (let order: u32 = 0; order < PCP_ORDERS; order++) {
    store<u32>(pcp_list(area, order), 0);
    store<u32>(pcp_count(area, order), 0);
  }
  spin_unlock(lock);
  return true;
}

/**
 * What is on a zone's deferred list is in nobody's hand: whoever was taking a block off, or putting
 * it there, is done or was not begun. Then what a dead CPU has in hand of that kind is on no list.
 */
function settle_deferred(zone: Zone, mode: u32): bool {
  if (!zone_lock(zone, mode)) return false;
  const first = <usize>read_once(changetype<usize>(zone) + offsetof<Zone>("deferred"));
  for (let link = first; link !== 0; link = llist_next(link)) {
    const page = changetype<Page>(link - offsetof<Page>("llnode"));
    set_page_kind(page, PG_DEFERRED);
    page.in_hand = 0;
  }
  zone_unlock(zone);
  return true;
}

function is_loose(kind: u32): bool {
  const free = kind === PG_INFLIGHT || kind === PG_DEFERRED || kind === PG_PCP;
  return free || kind === PG_LARGE || kind === PG_TABLE;
}

/** Give one block back that is in a dead CPU's hand. */
function free_page(page: Page, mode: u32): void {
  const cache = changetype<KmemCache>(<usize>page.slab_cache);
  const halfway = page_kind(page) === PG_INFLIGHT && changetype<usize>(cache) !== 0;
  // It was being counted. Done before it leaves this state, so that it is done in any case.
  if (halfway) recount_slabs(cache, page.node);
  hold(page);
  set_page_kind(page, PG_INFLIGHT);
  page.flags = 0;
  if (page.nr_pages === 0) unpublish_slab(page);
  set_slab_word(page, 0);
  if (halfway && (cache.flags & SLAB_TYPESAFE_BY_RCU) !== 0) {
    rcu_queue_slab(page);
  } else {
    page.slab_cache = 0;
    free_pages(page, mode);
  }
}

/** All of them. @returns false: a lock is missed. */
export function free_pages_in_hand(report: usize, mode: u32): bool {
  const head = header();
  for (let node: u32 = 0; node < head.nr_nodes; node++) {
    if (!settle_deferred(node_zone(node), mode)) return false;
  }
  const end = end_pfn();
  for (let pfn = head.first_pfn; pfn < end; pfn++) {
    const page = pfn_to_page(pfn);
    if (!is_loose(page_kind(page)) || !is_dead(read_once(in_hand_address(page)))) continue;
    note(report, offsetof<ReapReport>("pages"), large_bytes(page) >> 12);
    free_page(page, mode);
  }
  return true;
}

/** Forget a dead CPU's queue: each page is in its hand. @returns false: a lock is missed. */
function drop_queue(queue: RcuQueue, mode: u32): bool {
  if (!spin_lock(changetype<usize>(queue), mode)) return false;
  write_once(open_page(queue), 0);
  write_once(next_list(queue), 0);
  write_once(wait_list(queue), 0);
  queue.taking = 0;
  unlock_queue(queue);
  return true;
}

/**
 * Pages that wait for a grace period, in the hands of dead CPUs: on their queues, which are
 * forgotten, or in their drains. They wait once more, on the heap's queue. @returns false: a lock
 * is missed.
 */
export function hand_over_rcu_pages(report: usize, mode: u32): bool {
  const cpus = header().nr_cpu_ids;
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    if (is_victim(cpu) && !drop_queue(queue_of(per_cpu(cpu)), mode)) return false;
  }
  const queue = heap_queue();
  if (!spin_lock(changetype<usize>(queue), mode)) return false;
  // What a dead CPU put there is on it; what is left in its hand is not.
  rehold_queue(queue, 0);
  unlock_queue(queue);
  const end = end_pfn();
  let draining: u32 = 0;
  for (let pfn = header().first_pfn; pfn < end; pfn++) {
    const page = pfn_to_page(pfn);
    const token = read_once(in_hand_address(page));
    if (page_kind(page) !== PG_RCU || !is_dead(token)) continue;
    note(report, offsetof<ReapReport>("rcu_pages"), 1);
    // One of the addresses that it was about to free counts with its drain (reap/deferred.ts).
    if (token !== draining && (per_cpu(token - 1).drains & DRAIN_DEPTH) !== 0) {
      note(report, offsetof<ReapReport>("lost"), RCU_CHUNK - 1);
      draining = token;
    }
    page.slab_cache = 0;
    hold(page);
    llist_add(changetype<usize>(page) + offsetof<Page>("llnode"), next_list(queue));
  }
  return true;
}
