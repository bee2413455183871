/**
 * What has waited for its grace period is freed here: queues move forward at safe points, and by
 * barriers.
 *
 * slab/rcu_queue.ts has what waits, and where. Kernel: mm/slab_common.c kfree_rcu_monitor(),
 * kvfree_rcu_barrier(), mm/slub.c rcu_free_slab(); 6.18 - differs: no timer; periods begin at safe
 * points.
 */
import { LOCK_TRY } from "../base/config";
import { Page } from "../base/layout";
import { DRAIN_DEPTH, RcuQueue } from "../base/layout_percpu";
import { hold } from "../page/hand";
import { page_address } from "../page/page";
import { free_pages } from "../page/page_alloc";
import { cmpxchg, read_once, write_once } from "../sync/atomic";
import { lock_mode } from "../sync/context";
import { llist_next } from "../sync/llist";
import { cpu_area, header, per_cpu } from "../sync/percpu";
import { start_grace_period, wait_for_grace_period } from "../sync/rcu";
import { defer_free_barrier } from "./barrier";
import { free_bulk } from "./bulk_free";
import { drain_begin, drain_end } from "./drain";
import { rcu_free_sheaf } from "./rcu_free_sheaf";
import {
  heap_queue,
  lock_queue,
  next_list,
  open_page,
  queue_of,
  replace_open,
  unlock_queue,
  wait_gp,
  wait_list,
} from "./rcu_queue";
import {
  flush_rcu_sheaves,
  has_waiting_sheaves,
  let_sheaves_wait,
  sheaves_wait_list,
  take_waited_sheaf,
} from "./rcu_sheaf";
import { has_sheaves } from "./sheaf";

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
 * Free the sheaves that wait for `period`, which is over: one by one, so that each is on the list
 * or in this CPU's hand. Ends: none is added to what waits for that period.
 */
function free_waited_sheaves(queue: RcuQueue, period: u32, mode: u32): void {
  while (true) {
    const sheaf = take_waited_sheaf(queue, period, mode);
    if (sheaf === 0) return;
    rcu_free_sheaf(sheaf, lock_mode());
  }
}

/** @returns the first sheaf that waits for the queue's period, or 0. A look without the lock. */
function waiting_sheaves(queue: RcuQueue): u32 {
  return has_sheaves() ? read_once(sheaves_wait_list(queue)) : 0;
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
  if ((queue.wait | waiting_sheaves(queue)) === 0) {
    replace_open(queue, 0);
    const list = take_next(queue);
    const sheaves = has_sheaves() ? queue.sheaves : 0;
    if ((list | sheaves) !== 0) {
      // The lists are complete before their period begins, and whoever sees them sees it.
      write_once(wait_gp(queue), start_grace_period());
      write_once(wait_list(queue), list);
      if (sheaves !== 0) let_sheaves_wait(queue);
    }
    queue.taking = 0;
  }
  const period = queue.wait_gp;
  const list = <usize>queue.wait;
  const waits = (<u32>list | waiting_sheaves(queue)) !== 0;
  const done = waits && (period === over || wait_for_grace_period(period, LOCK_TRY));
  // From the queue to this CPU's drain without a gap, for a barrier that waits for drains.
  if (done) {
    const drain = drain_begin();
    for (let node = list; node !== 0; node = llist_next(node)) {
      hold(changetype<Page>(node - offsetof<Page>("llnode")));
    }
    write_once(wait_list(queue), 0);
    unlock_queue(queue);
    free_waited(list);
    if (has_sheaves()) free_waited_sheaves(queue, period, mode);
    drain_end(drain);
  } else {
    unlock_queue(queue);
  }
  return done;
}

/** @returns true if anything waits in `queue`. A look without the lock. */
function is_busy(queue: RcuQueue): bool {
  const any = read_once(open_page(queue)) | read_once(next_list(queue));
  if ((any | read_once(wait_list(queue))) !== 0) return true;
  return has_sheaves() && has_waiting_sheaves(queue);
}

/**
 * A safe point: free what has waited, and what need not wait, of this CPU's queue and the heap's.
 *
 * Context: task, no lock held.
 */
export function rcu_serve(): void {
  // Frees of a drain come by here too: no drain inside a drain.
  if ((cpu_area().drains & DRAIN_DEPTH) !== 0) return;
  let queue = queue_of(cpu_area());
  // Ends: each turn frees something, and frees queue nothing but slabs that became empty.
  while (true) {
    if (is_busy(queue) && advance(queue, 0, LOCK_TRY)) continue;
    if (changetype<usize>(queue) === changetype<usize>(heap_queue())) return;
    queue = heap_queue();
  }
}

/**
 * Free what has waited on any CPU, before memory is said to be out. What readers may still see is
 * not waited for: they may wait for this CPU.
 *
 * Context: task, no lock held.
 */
export function rcu_serve_all(): void {
  if ((cpu_area().drains & DRAIN_DEPTH) !== 0) return;
  const cpus = header().nr_cpu_ids;
  for (let cpu: u32 = 0; cpu <= cpus; cpu++) {
    const queue = cpu === cpus ? heap_queue() : queue_of(per_cpu(cpu));
    if (cpu !== cpus) flush_rcu_sheaves(per_cpu(cpu), LOCK_TRY);
    // What waits, and what no period had begun for.
    if (is_busy(queue) && advance(queue, 0, LOCK_TRY)) advance(queue, 0, LOCK_TRY);
  }
}

/** Wait for everything in a queue. @returns false if this CPU may not wait as long. */
function finish(queue: RcuQueue, mode: u32): bool {
  let over: u32 = 0;
  // Two lists, each waits for one period, and is taken in the turn after that at the latest.
  for (let turn: u32 = 0; turn < 4; turn++) {
    advance(queue, over, mode);
    over = 0;
    if ((read_once(wait_list(queue)) | waiting_sheaves(queue)) === 0) continue;
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
    if (has_sheaves() && cpu !== cpus) flush_rcu_sheaves(per_cpu(cpu), mode);
    done = finish(cpu === cpus ? heap_queue() : queue_of(per_cpu(cpu)), mode);
  }
  // What a missed lock deferred; and drains of what others took off their queues.
  defer_free_barrier();
  return done;
}
