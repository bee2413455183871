/**
 * What waits for a grace period: objects given to kfree_rcu(), and pages of slabs whose objects
 * keep their type (SLAB_TYPESAFE_BY_RCU).
 *
 * Readers may still look at an object, so nothing is linked through it: its address goes into a
 * page of addresses, and lists are of pages (kernel: struct kvfree_rcu_bulk_data). Each CPU has a
 * queue, and the heap one for what CPUs left behind that went offline:
 *
 * ```
 * incoming --> next --> wait --> freed
 *  llist of    no       its      by whoever takes the list
 *  slabs       period   period
 *              yet      is wait_gp
 * ```
 * The lists move only forward and as a whole, and only under the queue's lock, which is held for
 * some loads and stores and in which nothing else is called. Law: a PG_RCU page is on exactly one
 * list of one queue, or in the hands of a CPU inside a drain.
 * Any CPU may move any queue, so an idle CPU's does not rot when somebody needs it (rcu_barrier()).
 * Kernel: mm/slab_common.c kvfree_call_rcu(), kfree_rcu_monitor(), kvfree_rcu_barrier(), mm/slub.c
 * rcu_free_slab(); 6.18 - differs: no timer; periods begin at safe points.
 */
import { LOCK_TRY, NUMA_NO_NODE, PAGE_SIZE } from "../base/config";
import { HeapHeader, PG_RCU, Page, Slab } from "../base/layout";
import { CpuArea, RcuData, RcuQueue } from "../base/layout_percpu";
import { page_address, page_slab, set_page_kind, virt_to_page } from "../page/page";
import { alloc_pages, free_pages } from "../page/page_alloc";
import { read_once, write_once } from "../sync/atomic";
import { lock_mode } from "../sync/context";
import { llist_add, llist_del_all, llist_next } from "../sync/llist";
import { cpu_area, header, heap_base, per_cpu } from "../sync/percpu";
import {
  grace_period_blocker,
  rcu_of,
  rcu_read_lock_held,
  start_grace_period,
  wait_for_grace_period,
} from "../sync/rcu";
import { spin_lock, spin_unlock } from "../sync/spinlock";
import { wait_for_drains } from "./barrier";
import { free_bulk } from "./bulk";
import { drain_begin, drain_end } from "./defer";

/** Addresses in one page. */
const BATCH: u32 = <u32>(PAGE_SIZE >> 2);

function queue_of(area: CpuArea): RcuQueue {
  return changetype<RcuQueue>(changetype<usize>(rcu_of(area)) + offsetof<RcuData>("lock"));
}

function heap_queue(): RcuQueue {
  return changetype<RcuQueue>(heap_base + offsetof<HeapHeader>("rcu_lock"));
}

function incoming(queue: RcuQueue): usize {
  return changetype<usize>(queue) + offsetof<RcuQueue>("incoming");
}

function next_list(queue: RcuQueue): usize {
  return changetype<usize>(queue) + offsetof<RcuQueue>("next");
}

function wait_list(queue: RcuQueue): usize {
  return changetype<usize>(queue) + offsetof<RcuQueue>("wait");
}

/** @returns false only for LOCK_TRY. */
function lock_queue(queue: RcuQueue, mode: u32): bool {
  while (!spin_lock(changetype<usize>(queue), mode)) if (mode === LOCK_TRY) return false;
  return true;
}

function unlock_queue(queue: RcuQueue): void {
  spin_unlock(changetype<usize>(queue));
}

/** Put a page in front of `next`. Context: the queue's lock. */
function push(queue: RcuQueue, page: Page): void {
  page.next = queue.next;
  write_once(next_list(queue), <u32>changetype<usize>(page));
}

/**
 * Queue an allocation of any kind, to be freed after a grace period. Not a byte of it changes.
 *
 * @param p no NULL and no ZERO_SIZE_PTR
 * @returns false, with nothing changed: no page for addresses was to be had, or (outside a plain
 * task) the lock was not. Context: any.
 */
export function rcu_queue_free(p: usize): bool {
  const mode = lock_mode();
  const queue = queue_of(cpu_area());
  let fresh: usize = 0;
  // Ends: a turn without a fresh page is followed by one with it.
  while (true) {
    if (!lock_queue(queue, mode)) break;
    let page = changetype<Page>(<usize>queue.next);
    // The first page of `next` may be none, full, or pages of a slab, which hold no address.
    if (queue.next === 0 || page.slabs - 1 >= BATCH - 1) {
      if (fresh === 0) {
        unlock_queue(queue);
        fresh = alloc_pages(0, NUMA_NO_NODE, mode);
        if (fresh === 0) return false;
        continue;
      }
      page = changetype<Page>(fresh);
      fresh = 0;
      page.slabs = 0;
      set_page_kind(page, PG_RCU);
      push(queue, page);
    }
    const count = page.slabs;
    store<u32>(page_address(page) + ((<usize>count) << 2), <u32>p);
    page.slabs = count + 1;
    unlock_queue(queue);
    if (fresh !== 0) free_pages(changetype<Page>(fresh), mode);
    // Large allocations are too much memory to let them gather.
    if (mode !== LOCK_TRY && (count + 1 === BATCH || page_slab(virt_to_page(p)) === 0)) rcu_serve();
    return true;
  }
  if (fresh !== 0) free_pages(changetype<Page>(fresh), mode);
  return false;
}

/**
 * @returns true if `p` is what this CPU queued last: the immediate double free that check_free()
 * must see. A look without the lock. Context: any.
 */
export function rcu_queued_last(p: usize): bool {
  const first = <usize>read_once(next_list(queue_of(cpu_area())));
  if (first === 0) return false;
  const page = changetype<Page>(first);
  const count = page.slabs;
  // Another CPU may have taken the page: what is read then is not the truth, but it is memory.
  if (count - 1 >= BATCH) return false;
  return <usize>load<u32>(page_address(page) + ((<usize>count - 1) << 2)) === p;
}

/** Let the pages of an empty slab that is nobody's any more wait. Never fails. Context: any. */
export function rcu_queue_slab(slab: Slab): void {
  slab.slabs = 0;
  set_page_kind(slab, PG_RCU);
  llist_add(changetype<usize>(slab) + offsetof<Page>("llnode"), incoming(queue_of(cpu_area())));
}

/** Free a list whose grace period is over. */
function free_waited(first: usize): void {
  const mode = lock_mode();
  while (first !== 0) {
    const page = changetype<Page>(first);
    const count = page.slabs;
    first = <usize>page.next;
    page.next = 0;
    page.slabs = 0;
    if (count !== 0) free_bulk(count, page_address(page));
    free_pages(page, mode);
  }
}

/**
 * Move a queue forward: begin a period for what has none if no other is waited for, and free what
 * has waited.
 *
 * @param over a period known to be over; a look at the readers may say no once more, for one that
 *   enters late (sync/rcu.ts); 0 = none
 * @returns true if something was freed. Context: task, no lock held.
 */
function advance(queue: RcuQueue, over: u32, mode: u32): bool {
  if (!lock_queue(queue, mode)) return false;
  let node = llist_del_all(incoming(queue));
  while (node !== 0) {
    const page = changetype<Page>(node - offsetof<Page>("llnode"));
    node = llist_next(node);
    page.llnode = 0;
    push(queue, page);
  }
  if (queue.wait === 0 && queue.next !== 0) {
    // The list is complete before its period begins, and whoever sees it sees its period.
    queue.wait_gp = start_grace_period();
    write_once(wait_list(queue), queue.next);
    write_once(next_list(queue), 0);
  }
  let done = <usize>queue.wait;
  if (done !== 0 && queue.wait_gp !== over && grace_period_blocker(queue.wait_gp) !== 0) done = 0;
  // From its list to this CPU's drain without a gap, for wait_for_drains() of a barrier.
  let drain: usize = 0;
  if (done !== 0) {
    drain = drain_begin();
    write_once(wait_list(queue), 0);
  }
  unlock_queue(queue);
  if (done === 0) return false;
  free_waited(done);
  drain_end(drain);
  return true;
}

/** Free what has waited in `queue`, and what need not wait. */
function serve(queue: RcuQueue): void {
  // Ends: each turn frees something, and frees queue nothing but slabs that became empty.
  while (
    (read_once(incoming(queue)) | read_once(next_list(queue)) | read_once(wait_list(queue))) !== 0
  ) {
    if (!advance(queue, 0, LOCK_TRY)) return;
  }
}

/** A safe point: see to this CPU's queue and the heap's. Context: task, no lock held. */
export function rcu_serve(): void {
  // Frees of a drain come by here too: no drain inside a drain.
  if (cpu_area().drain_depth !== 0) return;
  serve(queue_of(cpu_area()));
  serve(heap_queue());
}

/** Wait for everything in a queue. @returns false if this CPU may not wait as long. */
function finish(queue: RcuQueue, mode: u32): bool {
  let over: u32 = 0;
  // Two lists, each waits for one period, and is taken in the turn after that at the latest.
  for (let turn: u32 = 0; turn < 4; turn++) {
    advance(queue, over, mode);
    over = 0;
    if (read_once(wait_list(queue)) === 0) continue;
    over = read_once(changetype<usize>(queue) + offsetof<RcuQueue>("wait_gp"));
    if (!wait_for_grace_period(over, mode)) return false;
  }
  return true;
}

/**
 * Free everything that was queued before this call, on whatever CPU; waits for readers only if
 * there is anything.
 *
 * The heap's queue comes last: a CPU that goes offline meanwhile moves its queue there, with its
 * own lock held until it has.
 *
 * @returns false where readers would have to be waited for, and this CPU is one itself, is no
 * plain task, or may not sleep. Context: any; no lock held. Kernel: kvfree_rcu_barrier().
 */
export function rcu_barrier(): bool {
  const mode = lock_mode();
  if (mode === LOCK_TRY || rcu_read_lock_held() !== 0) return false;
  const cpus = header().nr_cpu_ids;
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    if (!finish(queue_of(per_cpu(cpu)), mode)) return false;
  }
  if (!finish(heap_queue(), mode)) return false;
  wait_for_drains();
  return true;
}

/** Give a list to the heap's queue, where its wait begins anew. */
function give(first: usize): void {
  while (first !== 0) {
    const page = changetype<Page>(first);
    first = <usize>page.next;
    page.next = 0;
    llist_add(changetype<usize>(page) + offsetof<Page>("llnode"), incoming(heap_queue()));
  }
}

/** Leave this CPU's queue to the heap. Context: a CPU that goes offline, no lock held. */
export function rcu_hand_over(): void {
  const queue = queue_of(cpu_area());
  lock_queue(queue, lock_mode());
  let node = llist_del_all(incoming(queue));
  while (node !== 0) {
    const next = llist_next(node);
    llist_add(node, incoming(heap_queue()));
    node = next;
  }
  give(<usize>queue.next);
  give(<usize>queue.wait);
  write_once(next_list(queue), 0);
  write_once(wait_list(queue), 0);
  unlock_queue(queue);
}
