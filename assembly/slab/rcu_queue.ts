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
 * Kernel: mm/slab_common.c kvfree_call_rcu(), 6.18; slab/rcu_serve.ts moves the lists.
 */
import { NUMA_NO_NODE, PAGE_SIZE } from "../base/config";
import { HeapHeader, PG_RCU, Page, Slab } from "../base/layout";
import { CpuArea, RcuData, RcuQueue } from "../base/layout_percpu";
import { page_address, set_page_kind } from "../page/page";
import { alloc_pages } from "../page/page_alloc";
import { read_once, write_once } from "../sync/atomic";
import { lock_mode } from "../sync/context";
import { llist_add, llist_del_all, llist_next } from "../sync/llist";
import { cpu_area, heap_base } from "../sync/percpu";
import { rcu_of } from "../sync/rcu";
import { spin_lock_surely, spin_unlock } from "../sync/spinlock";

/** Addresses in one page. */
export const RCU_BATCH: u32 = <u32>(PAGE_SIZE >> 2);

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
  return spin_lock_surely(changetype<usize>(queue), mode);
}

export function unlock_queue(queue: RcuQueue): void {
  spin_unlock(changetype<usize>(queue));
}

/** Make `fresh` the page that is filled. Context: the queue's lock. @param fresh 0 = none */
export function replace_open(queue: RcuQueue, fresh: usize): void {
  const page = <usize>queue.open;
  if (page !== 0) llist_add(page + offsetof<Page>("llnode"), next_list(queue));
  write_once(open_page(queue), <u32>fresh);
}

/**
 * Queue an allocation of any kind, to be freed after a grace period. Not a byte of it changes.
 *
 * @param p no NULL and no ZERO_SIZE_PTR
 * @returns addresses in the page that it went to, this one included; 0, with nothing changed: no
 * page was to be had, or (outside a plain task) the lock was not. Context: any.
 */
export function rcu_queue_free(p: usize): u32 {
  const mode = lock_mode();
  const queue = queue_of(cpu_area());
  if (!lock_queue(queue, mode)) return 0;
  let count: u32 = queue.open === 0 ? RCU_BATCH : changetype<Page>(<usize>queue.open).slabs;
  if (count === RCU_BATCH) {
    // The page allocator's locks nest inside this one; nothing in there comes back here.
    const fresh = alloc_pages(0, NUMA_NO_NODE, mode);
    if (fresh === 0) {
      unlock_queue(queue);
      return 0;
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
  return count;
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
  const last = <usize>(page.slabs - 1) & (RCU_BATCH - 1);
  return <usize>load<u32>(page_address(page) + (last << 2)) === p;
}

/** Let the pages of an empty slab that is nobody's any more wait. Never fails. Context: any. */
export function rcu_queue_slab(slab: Slab): void {
  slab.slabs = 0;
  set_page_kind(slab, PG_RCU);
  slab.slab_cache = 0;
  llist_add(changetype<usize>(slab) + offsetof<Page>("llnode"), next_list(queue_of(cpu_area())));
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
