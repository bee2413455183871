/**
 * What waits for a grace period: objects given to kfree_rcu(), and pages of slabs whose objects
 * keep their type (SLAB_TYPESAFE_BY_RCU).
 *
 * Readers may still look at an object, so nothing is linked through it: its address goes into a
 * page of addresses, and lists are of pages, by Page.llnode (kernel: struct kvfree_rcu_bulk_data).
 * Each CPU has a queue, and the heap one for what CPUs left behind that went offline:
 *
 * ```
 *  kfree_rcu() --> open ----.
 *                 a page     v
 *  discard_slab() --------> next ------> wait ------> freed, by whoever takes the list
 *                           no period    its period
 *                           yet          is wait_gp
 * ```
 * Lists move only forward, as a whole, and under the queue's lock; adding to `next` takes no lock.
 * Law: a PG_RCU page is in exactly one place of one queue, or in the hands of a CPU in a drain. It
 * is in the hand of the CPU whose queue it is on, or in whose hands it is; on the heap's queue that
 * means nothing.
 * Any CPU may move any queue, so an idle CPU's does not rot when somebody needs it (rcu_barrier()).
 * Kernel: mm/slab_common.c kvfree_call_rcu(), kfree_rcu_monitor(), kvfree_rcu_barrier(), mm/slub.c
 * rcu_free_slab(); 6.18 - differs: no timer; periods begin at safe points.
 */
import { LOCK_TRY, NUMA_NO_NODE, PAGE_SIZE } from "../base/config";
import { HeapHeader, PG_RCU, Page, Slab } from "../base/layout";
import { CpuArea, RcuData, RcuQueue } from "../base/layout_percpu";
import { hold } from "../page/hand";
import { page_address, page_slab, set_page_kind, virt_to_page } from "../page/page";
import { alloc_pages, free_pages } from "../page/page_alloc";
import { cmpxchg, read_once, write_once } from "../sync/atomic";
import { lock_mode } from "../sync/context";
import { llist_add, llist_del_all, llist_next } from "../sync/llist";
import { cpu_area, header, heap_base, per_cpu } from "../sync/percpu";
import { rcu_of, start_grace_period, wait_for_grace_period } from "../sync/rcu";
import { spin_lock, spin_unlock } from "../sync/spinlock";
import { defer_free_barrier } from "./barrier";
import { free_bulk } from "./bulk_free";
import { drain_begin, drain_end } from "./drain";

/** Addresses in one page. */
const BATCH: u32 = <u32>(PAGE_SIZE >> 2);

export function queue_of(area: CpuArea): RcuQueue {
  return changetype<RcuQueue>(changetype<usize>(rcu_of(area)) + offsetof<RcuData>("lock"));
}

export function heap_queue(): RcuQueue {
  return changetype<RcuQueue>(heap_base + offsetof<HeapHeader>("rcu_lock"));
}

export function open_page(queue: RcuQueue): usize {
  return changetype<usize>(queue) + offsetof<RcuQueue>("open");
}

export function next_list(queue: RcuQueue): usize {
  return changetype<usize>(queue) + offsetof<RcuQueue>("next");
}

export function wait_list(queue: RcuQueue): usize {
  return changetype<usize>(queue) + offsetof<RcuQueue>("wait");
}

export function wait_gp(queue: RcuQueue): usize {
  return changetype<usize>(queue) + offsetof<RcuQueue>("wait_gp");
}

/** @returns false only for LOCK_TRY. */
export function lock_queue(queue: RcuQueue, mode: u32): bool {
  while (!spin_lock(changetype<usize>(queue), mode)) if (mode === LOCK_TRY) return false;
  return true;
}

export function unlock_queue(queue: RcuQueue): void {
  spin_unlock(changetype<usize>(queue));
}

/** Make `fresh` the page that is filled. Context: the queue's lock. @param fresh 0 = none */
function replace_open(queue: RcuQueue, fresh: usize): void {
  const page = <usize>queue.open;
  if (page !== 0) llist_add(page + offsetof<Page>("llnode"), next_list(queue));
  write_once(open_page(queue), <u32>fresh);
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
  if (!lock_queue(queue, mode)) return false;
  let count: u32 = queue.open === 0 ? BATCH : changetype<Page>(<usize>queue.open).slabs;
  if (count === BATCH) {
    // The page allocator's locks nest inside this one; nothing in there comes back here.
    const fresh = alloc_pages(0, NUMA_NO_NODE, mode);
    if (fresh === 0) {
      unlock_queue(queue);
      return false;
    }
    changetype<Page>(fresh).slabs = 0;
    set_page_kind(changetype<Page>(fresh), PG_RCU);
    replace_open(queue, fresh);
    count = 0;
  }
  const page = changetype<Page>(<usize>queue.open);
  store<u32>(page_address(page) + ((<usize>count) << 2), <u32>p);
  page.slabs = ++count;
  unlock_queue(queue);
  // Large allocations are too much memory to let them gather.
  if (mode !== LOCK_TRY && (count === BATCH || page_slab(virt_to_page(p)) === 0)) rcu_serve();
  return true;
}

/**
 * @returns true if `p` is what this CPU queued last: the immediate double free that check_free()
 * must see. A look without the lock. Context: any.
 */
export function rcu_queued_last(p: usize): bool {
  const open = <usize>read_once(open_page(queue_of(cpu_area())));
  if (open === 0) return false;
  // Another CPU may just have taken the page: what is read then is not the truth, but it is there.
  const page = changetype<Page>(open);
  const last = <usize>(page.slabs - 1) & (BATCH - 1);
  return <usize>load<u32>(page_address(page) + (last << 2)) === p;
}

/** Let the pages of an empty slab that is nobody's any more wait. Never fails. Context: any. */
export function rcu_queue_slab(slab: Slab): void {
  slab.slabs = 0;
  set_page_kind(slab, PG_RCU);
  slab.slab_cache = 0;
  llist_add(changetype<usize>(slab) + offsetof<Page>("llnode"), next_list(queue_of(cpu_area())));
}

/** Addresses of a page that are freed at once: as many as a death can lose. */
export const RCU_CHUNK: u32 = 16;

/** Free a list whose grace period is over. The rest of a page is known at any time. */
function free_waited(node: usize): void {
  const mode = lock_mode();
  while (node !== 0) {
    const page = changetype<Page>(node - offsetof<Page>("llnode"));
    node = llist_next(node);
    while (page.slabs !== 0) {
      const count = min(page.slabs, RCU_CHUNK);
      page.slabs = page.slabs - count;
      free_bulk(count, page_address(page) + ((<usize>page.slabs) << 2));
    }
    page.llnode = 0;
    free_pages(page, mode);
  }
}

/**
 * Take what has no period yet; `taking` says so meanwhile. Context: the queue's lock.
 *
 * Only the lock's holder takes any off, so a head that is still there was not taken. A miss means
 * that a page came in front. @returns the first link, or 0.
 */
function take_next(queue: RcuQueue): u32 {
  while (true) {
    const first = read_once(next_list(queue));
    queue.taking = first;
    if (first === 0 || cmpxchg(next_list(queue), first, 0) === first) return first;
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
  if (queue.wait === 0) {
    replace_open(queue, 0);
    const list = take_next(queue);
    if (list !== 0) {
      // The list is complete before its period begins, and whoever sees it sees its period.
      write_once(wait_gp(queue), start_grace_period());
      write_once(wait_list(queue), list);
    }
    queue.taking = 0;
  }
  const period = queue.wait_gp;
  const list = <usize>queue.wait;
  const done = list !== 0 && (period === over || wait_for_grace_period(period, LOCK_TRY));
  // From the queue to this CPU's drain without a gap, for a barrier that waits for drains.
  if (done) {
    const drain = drain_begin();
    for (let node = list; node !== 0; node = llist_next(node)) {
      hold(changetype<Page>(node - offsetof<Page>("llnode")));
    }
    write_once(wait_list(queue), 0);
    unlock_queue(queue);
    free_waited(list);
    drain_end(drain);
  } else {
    unlock_queue(queue);
  }
  return done;
}

/** @returns true if anything waits in `queue`. A look without the lock. */
function is_busy(queue: RcuQueue): bool {
  const any = read_once(open_page(queue)) | read_once(next_list(queue));
  return (any | read_once(wait_list(queue))) !== 0;
}

/**
 * A safe point: free what has waited, and what need not wait, of this CPU's queue and the heap's.
 *
 * Context: task, no lock held.
 */
export function rcu_serve(): void {
  // Frees of a drain come by here too: no drain inside a drain.
  if (cpu_area().drain_depth !== 0) return;
  let queue = queue_of(cpu_area());
  // Ends: each turn frees something, and frees queue nothing but slabs that became empty.
  while (true) {
    if (is_busy(queue) && advance(queue, 0, LOCK_TRY)) continue;
    if (changetype<usize>(queue) === changetype<usize>(heap_queue())) return;
    queue = heap_queue();
  }
}

/** Wait for everything in a queue. @returns false if this CPU may not wait as long. */
function finish(queue: RcuQueue, mode: u32): bool {
  let over: u32 = 0;
  // Two lists, each waits for one period, and is taken in the turn after that at the latest.
  for (let turn: u32 = 0; turn < 4; turn++) {
    advance(queue, over, mode);
    over = 0;
    if (read_once(wait_list(queue)) === 0) continue;
    over = read_once(wait_gp(queue));
    if (!wait_for_grace_period(over, mode)) return false;
  }
  return true;
}

/**
 * Free everything that was deferred or queued before this call, on whatever CPU; waits for readers
 * only if anything waits for them.
 *
 * The heap's queue comes last: a CPU that goes offline meanwhile moves its queue there, with its
 * own lock held until it has.
 *
 * @returns false where readers would have to be waited for, and this CPU is one itself or may not
 * sleep. Context: task, no lock held. Kernel: kvfree_rcu_barrier(), defer_free_barrier().
 */
export function rcu_barrier(): bool {
  const mode = lock_mode();
  const cpus = header().nr_cpu_ids;
  let done: bool = true;
  for (let cpu: u32 = 0; cpu <= cpus && done; cpu++) {
    done = finish(cpu === cpus ? heap_queue() : queue_of(per_cpu(cpu)), mode);
  }
  // What a missed lock deferred; and drains of what others took off their queues.
  defer_free_barrier();
  return done;
}

/** Leave this CPU's queue to the heap, where waits begin anew. Context: a CPU that goes offline. */
export function rcu_hand_over(): void {
  const queue = queue_of(cpu_area());
  lock_queue(queue, lock_mode());
  replace_open(queue, 0);
  // Two lists, next and wait.
  let node = llist_del_all(next_list(queue));
  while ((node | <usize>queue.wait) !== 0) {
    if (node === 0) {
      node = <usize>queue.wait;
      write_once(wait_list(queue), 0);
    }
    const next = llist_next(node);
    llist_add(node, next_list(heap_queue()));
    node = next;
  }
  unlock_queue(queue);
}
