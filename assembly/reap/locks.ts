/**
 * Breaking the locks of dead CPUs, each with what it guards made right before it is let go.
 *
 * The innermost come first (slab/README.md has the order). So this CPU never waits for a live one
 * that waits for a dead one's lock: what is waited for here comes later in the order than what is
 * being repaired, and whoever holds that waits for nothing that a dead CPU still holds. No irq_work
 * runs between, which might want any lock.
 */
import { NR_KMALLOC_CACHES, PCP_ORDERS } from "../base/config";
import {
  CACHE_FREE,
  KmemCache,
  KmemCacheNode,
  PG_PCP,
  PG_SLAB,
  PG_TABLE,
  Page,
  SL_PARTIAL,
  Slab,
} from "../base/layout";
import { CpuArea, RcuQueue } from "../base/layout_percpu";
import { ReapReport } from "../base/layout_reap";
import { node_zone, zone_lock_address } from "../page/buddy";
import { end_pfn, finish_growth, grow_lock_address } from "../page/grow";
import { hold } from "../page/hand";
import { list_add, page_address, page_kind, pfn_to_page } from "../page/page";
import { free_pages } from "../page/page_alloc";
import { pcp_count, pcp_list, pcp_lock_address, push } from "../page/pcp";
import { get_barn } from "../slab/barn";
import { full_list } from "../slab/debug_cache";
import { is_debug_cache } from "../slab/debug_layout";
import { cpu_slabs } from "../slab/defer";
import { slabs_lock } from "../slab/drain";
import { cache_at, cache_state, set_cache_state } from "../slab/cache_table";
import { cpu_slab } from "../slab/kmem_cache_cpu";
import { get_node, link_partial, set_nr_partial } from "../slab/kmem_cache_node";
import { heap_queue, next_list, open_page, queue_of, wait_gp, wait_list } from "../slab/rcu_queue";
import { list_lock_address } from "../slab/section";
import { has_sheaves } from "../slab/sheaf";
import { slab_word, word_freelist, word_frozen } from "../slab/slab";
import { slab_mutex_address } from "../slab/slab_mutex";
import { read_once, write_once } from "../sync/atomic";
import { llist_next } from "../sync/llist";
import { cpu_cache_of, header, next_word, per_cpu } from "../sync/percpu";
import { start_grace_period } from "../sync/rcu";
import { spin_owner, spin_take_over, spin_unlock } from "../sync/spinlock";
import { DEACTIVATE_TO_TAIL } from "../sync/stat";
import { is_dead, is_victim, note } from "./dead";
import { repair_rcu_sheaves } from "./rcu_sheaves";
import { repair_barn } from "./sheaves";
import { rebuild_zone } from "./zones";

/** Take a lock over if a dead CPU holds it. @returns true if it did. */
function break_lock(lock: usize, report: usize): bool {
  const owner = spin_owner(lock);
  if (!is_dead(owner)) return false;
  spin_take_over(lock, owner);
  note(report, offsetof<ReapReport>("locks"), 1);
  return true;
}

/** Slab locks of caches without cmpxchg: the word itself is always whole. */
function break_slab_locks(report: usize): void {
  const end = end_pfn();
  for (let pfn = header().first_pfn; pfn < end; pfn++) {
    const lock = changetype<usize>(pfn_to_page(pfn)) + offsetof<Page>("lock");
    if (break_lock(lock, report)) spin_unlock(lock);
  }
}

/** The page lists of a CPU, from the pages in its hand. Context: its lock. */
function rebuild_pcp(area: CpuArea): void {
  for (let order: u32 = 0; order < PCP_ORDERS; order++) {
    store<u32>(pcp_list(area, order), 0);
    store<u32>(pcp_count(area, order), 0);
  }
  const token = area.cpu + 1;
  const end = end_pfn();
  for (let pfn = header().first_pfn; pfn < end; pfn++) {
    const page = pfn_to_page(pfn);
    if (page_kind(page) === PG_PCP && page.in_hand === token) push(area, page, page.order);
  }
}

/** Deferred slabs that were to change hands, and did not leave the list. Context: its lock. */
function rehold_slabs(area: CpuArea): void {
  const first = <usize>read_once(cpu_slabs(area));
  for (let link = first; link !== 0; link = llist_next(link)) {
    changetype<Slab>(link - offsetof<Slab>("llnode")).in_hand = area.cpu + 1;
  }
}

function is_slab_of(page: Page, cache: KmemCache, node: u32): bool {
  const own = <usize>page.slab_cache === changetype<usize>(cache) && page.node === node;
  return own && page_kind(page) === PG_SLAB;
}

/**
 * A node's partial list, and full list, from the slabs that say they are on it.
 *
 * SL_PARTIAL changes under this lock only. A slab that is moving on or off and does not carry it is
 * in somebody's hand, or was full and is found later as what nobody has (reap/slabs.ts). A debug
 * cache's slabs change under this lock altogether: those in no hand are on one of the lists, by
 * their word. Context: list_lock.
 */
function rebuild_node(cache: KmemCache, node: KmemCacheNode, number: u32): void {
  node.partial = 0;
  node.partial_tail = 0;
  node.full = 0;
  let listed_slabs: u32 = 0;
  const debug = is_debug_cache(cache);
  const end = end_pfn();
  for (let pfn = header().first_pfn; pfn < end; pfn++) {
    const slab = pfn_to_page(pfn);
    if (!is_slab_of(slab, cache, number)) continue;
    const listed = (slab.flags & SL_PARTIAL) !== 0;
    const word = slab_word(slab);
    if (word_frozen(word)) {
      // Disabled by slab_debug, and about to leave the list.
      if (listed) slab.flags = slab.flags & ~SL_PARTIAL;
    } else if (debug && (listed || slab.in_hand === 0) && word_freelist(word) === 0) {
      slab.flags = slab.flags & ~SL_PARTIAL;
      list_add(slab, full_list(node));
      slab.in_hand = 0;
    } else if (listed || (debug && slab.in_hand === 0)) {
      link_partial(node, slab, DEACTIVATE_TO_TAIL);
      listed_slabs++;
    }
  }
  // Once, as what it becomes: others ask it without the lock.
  set_nr_partial(node, listed_slabs);
}

function break_list_locks(report: usize): void {
  const head = header();
  for (let index: u32 = 1; index < head.nr_caches; index++) {
    const cache = cache_at(index);
    if (cache_state(cache) === CACHE_FREE) continue;
    for (let number: u32 = 0; number < head.nr_nodes; number++) {
      const node = get_node(cache, number);
      if (!break_lock(list_lock_address(node), report)) continue;
      rebuild_node(cache, node, number);
      spin_unlock(list_lock_address(node));
    }
  }
}

function break_barn_locks(report: usize): void {
  if (!has_sheaves()) return;
  const head = header();
  for (let index: u32 = 1; index < head.nr_caches; index++) {
    const cache = cache_at(index);
    if (cache_state(cache) === CACHE_FREE) continue;
    for (let node: u32 = 0; node < head.nr_nodes; node++) {
      const barn = changetype<usize>(get_barn(cache, node));
      if (!break_lock(barn, report)) continue;
      repair_barn(cache, node);
      spin_unlock(barn);
    }
  }
}

/** @returns true if `page` is on the list that starts at link `first`. */
function is_listed(first: usize, page: usize): bool {
  for (let link = first; link !== 0; link = llist_next(link)) {
    if (link === page + offsetof<Page>("llnode")) return true;
  }
  return false;
}

/** @param token the hand that pages on the queue are in: its CPU's; 0 = the heap's */
export function rehold_queue(queue: RcuQueue, token: u32): void {
  const open = <usize>queue.open;
  if (open !== 0) changetype<Page>(open).in_hand = token;
  for (let list: u32 = 0; list < 2; list++) {
    const first = list === 0 ? next_list(queue) : wait_list(queue);
    for (let link = <usize>read_once(first); link !== 0; link = llist_next(link)) {
      changetype<Page>(link - offsetof<Page>("llnode")).in_hand = token;
    }
  }
}

/** A queue in the middle of a move. Context: its lock. */
function repair_queue(queue: RcuQueue, token: u32): void {
  const next = <usize>read_once(next_list(queue));
  // replace_open() came to the end of its first half.
  if (queue.open !== 0 && is_listed(next, <usize>queue.open)) write_once(open_page(queue), 0);
  const taking = <usize>queue.taking;
  const taken = taking !== 0 && !is_listed(next, taking - offsetof<Page>("llnode"));
  if (taken && <usize>queue.wait !== taking) {
    write_once(wait_gp(queue), start_grace_period());
    write_once(wait_list(queue), <u32>taking);
  }
  queue.taking = 0;
  rehold_queue(queue, token);
}

function break_queue(queue: RcuQueue, token: u32, report: usize): void {
  if (!break_lock(changetype<usize>(queue), report)) return;
  repair_queue(queue, token);
  if (has_sheaves()) repair_rcu_sheaves(queue, token === 0 ? header().nr_cpu_ids : token - 1);
  spin_unlock(changetype<usize>(queue));
}

/** @returns true if a live cache, or the heap, has the table at `address`. */
function is_table_in_use(address: u32): bool {
  const head = header();
  if (head.memcg_table === address) return true;
  for (let index: u32 = 1; index < head.nr_caches; index++) {
    const cache = cache_at(index);
    if (cache_state(cache) === CACHE_FREE) continue;
    if (cache.stat_base === address || cache.random_seq === address) return true;
  }
  return false;
}

/** What kmem_cache_destroy() was taking from a live CPU: it stays taken. Context: slab_mutex. */
function finish_flush(area: CpuArea, cache: KmemCache): void {
  const c = cpu_cache_of(area, cache);
  const slab = changetype<Slab>(cpu_slab(c));
  if (changetype<usize>(slab) !== 0 && is_dead(slab.in_hand)) {
    const address = changetype<usize>(c);
    const word = load<u64>(address);
    if (<u32>word !== 0) slab.flush_freelist = <u32>word;
    store<u64>(address, next_word(word, 0));
    c.slab = 0;
  }
  const first = changetype<Slab>(<usize>c.partial);
  if (changetype<usize>(first) !== 0 && is_dead(first.in_hand)) c.partial = first.next;
}

/** The cache table: creations and destructions that did not come to their end. */
function repair_table(mode: u32): void {
  const head = header();
  const last = min(head.nr_caches + NR_KMALLOC_CACHES, head.max_caches);
  for (let index = head.nr_caches; index < last; index++) {
    // The first memory control group's caches, some of them.
    set_cache_state(cache_at(index), CACHE_FREE);
  }
  const end = end_pfn();
  for (let pfn = head.first_pfn; pfn < end; pfn++) {
    const page = pfn_to_page(pfn);
    if (page_kind(page) !== PG_TABLE || is_table_in_use(<u32>page_address(page))) continue;
    hold(page);
    free_pages(page, mode);
  }
  for (let cpu: u32 = 0; cpu < head.nr_cpu_ids; cpu++) {
    if (is_victim(cpu)) continue;
    for (let index: u32 = 1; index < head.nr_caches; index++) {
      finish_flush(per_cpu(cpu), cache_at(index));
    }
  }
}

/** Break every lock that a dead CPU holds, but its own local ones, which nobody else looks at. */
export function break_locks(report: usize, mode: u32): void {
  const head = header();
  break_slab_locks(report);
  break_barn_locks(report);
  for (let node: u32 = 0; node < head.nr_nodes; node++) {
    const zone = node_zone(node);
    if (!break_lock(zone_lock_address(zone), report)) continue;
    rebuild_zone(zone, node);
    spin_unlock(zone_lock_address(zone));
  }
  for (let cpu: u32 = 0; cpu < head.nr_cpu_ids; cpu++) {
    const area = per_cpu(cpu);
    if (break_lock(pcp_lock_address(area), report)) {
      rebuild_pcp(area);
      spin_unlock(pcp_lock_address(area));
    }
    if (break_lock(slabs_lock(area), report)) {
      rehold_slabs(area);
      spin_unlock(slabs_lock(area));
    }
  }
  break_list_locks(report);
  if (break_lock(grow_lock_address(), report)) {
    if (head.grow_end !== 0) finish_growth(head);
    spin_unlock(grow_lock_address());
  }
  for (let cpu: u32 = 0; cpu < head.nr_cpu_ids; cpu++) {
    break_queue(queue_of(per_cpu(cpu)), cpu + 1, report);
  }
  break_queue(heap_queue(), 0, report);
  if (break_lock(slab_mutex_address(), report)) {
    repair_table(mode);
    spin_unlock(slab_mutex_address());
  }
}
