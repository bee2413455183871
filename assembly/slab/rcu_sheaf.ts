/**
 * Sheaves whose objects wait for a grace period: a CPU's `rcu_free` and the lists of its queue.
 *
 * ```
 *  kfree_rcu() ---> rcu_free ----------> sheaves ------> sheaves_wait ---> in hand ---> a barn
 *                   of each  full, or a  no period yet   its period is
 *                   cache    barrier                     wait_gp
 * ```
 * All of it is under the queue's lock, `rcu_free` too. The kernel has that under the CPU's local
 * lock, and a barrier makes every CPU flush its own; here a CPU that is idle reaches no safe point,
 * and a barrier that waited for it would hang. So whoever needs what a CPU noted takes it.
 *
 * Law: a sheaf is in one of these places, and none of its objects anywhere else; it has one object
 * at least. At every store in between it is in two of them, with the lock held under which it
 * moves: so whoever dies there loses none, and the recovery knows which one it left.
 * What is on a list came there before its period began, so that no reader has it afterwards.
 * Kernel: mm/slub.c __kfree_rcu_sheaf(), flush_all_rcu_sheaves(); 7.0 - differs: the lock; and one
 * period for all sheaves of a list, instead of a call_rcu() for each.
 */
import { slot } from "../base/bits";
import { KmemCache, KmemCacheCpu } from "../base/layout";
import { Sheaf } from "../base/layout_sheaf";
import { CpuArea, RcuData, RcuQueue } from "../base/layout_percpu";
import { read_once, write_once } from "../sync/atomic";
import { lock_mode } from "../sync/context";
import { cpu_area, cpu_cache_of, header } from "../sync/percpu";
import { rcu_of } from "../sync/rcu";
import { cache_at } from "./cache_table";
import { heap_queue, lock_queue, queue_of, unlock_queue, wait_gp } from "./rcu_queue";
import { sheaf_objects } from "./sheaf";

/** @returns the list of sheaves that no period has begun for. */
export function sheaves_list(queue: RcuQueue): usize {
  return changetype<usize>(queue) + offsetof<RcuQueue>("sheaves");
}

/** @returns the list of those that wait for `wait_gp`. */
export function sheaves_wait_list(queue: RcuQueue): usize {
  return changetype<usize>(queue) + offsetof<RcuQueue>("sheaves_wait");
}

/** @returns the address of what the CPU of `area` has on its way from or to a list. */
export function rcu_hand_of(area: CpuArea): usize {
  return changetype<usize>(rcu_of(area)) + offsetof<RcuData>("sheaf_in_hand");
}

function has_rcu_free(area: CpuArea): usize {
  return changetype<usize>(rcu_of(area)) + offsetof<RcuData>("has_rcu_free");
}

/** @returns true if any sheaf waits in `queue`. A look without the lock. */
export function has_waiting_sheaves(queue: RcuQueue): bool {
  return (read_once(sheaves_list(queue)) | read_once(sheaves_wait_list(queue))) !== 0;
}

/** Put a sheaf in front of a list. Context: the list's lock. */
export function add_sheaf(list: usize, sheaf: usize): void {
  changetype<Sheaf>(sheaf).link = read_once(list);
  write_once(list, <u32>sheaf);
}

/** From here on a cache of `area`'s CPU may have a `rcu_free`. Context: its queue's lock. */
export function note_rcu_free(area: CpuArea): void {
  write_once(has_rcu_free(area), 1);
}

/** Let what `c` has as `rcu_free` wait. Context: the lock of its CPU's queue. */
export function queue_rcu_free(queue: RcuQueue, c: KmemCacheCpu): void {
  add_sheaf(sheaves_list(queue), <usize>c.rcu_free);
  c.rcu_free = 0;
}

/**
 * Let all that a CPU noted in sheaves wait, full or not. Context: its queue's lock.
 *
 * An empty one was being made by a CPU that died, whose recovery has it.
 */
export function queue_all_rcu_free(area: CpuArea): void {
  if (read_once(has_rcu_free(area)) === 0) return;
  const queue = queue_of(area);
  const count = header().nr_caches;
  for (let index: u32 = 1; index < count; index++) {
    const c = cpu_cache_of(area, cache_at(index));
    const sheaf = <usize>c.rcu_free;
    if (sheaf !== 0 && changetype<Sheaf>(sheaf).size !== 0) queue_rcu_free(queue, c);
  }
  write_once(has_rcu_free(area), 0);
}

/** The same, with the lock asked for. Context: as lock_queue(), which may miss it. */
export function flush_rcu_sheaves(area: CpuArea, mode: u32): void {
  if (read_once(has_rcu_free(area)) === 0 || !lock_queue(queue_of(area), mode)) return;
  queue_all_rcu_free(area);
  unlock_queue(queue_of(area));
}

/**
 * Begin to wait for the period that is noted in `wait_gp` already. Context: the queue's lock; none
 * waits.
 */
export function let_sheaves_wait(queue: RcuQueue): void {
  write_once(sheaves_wait_list(queue), queue.sheaves);
  write_once(sheaves_list(queue), 0);
}

/** @returns true if `object` is what this CPU put last into a sheaf that waits. Context: any. */
export function rcu_freed_last(cache: KmemCache, object: usize): bool {
  const sheaf = changetype<Sheaf>(<usize>cpu_cache_of(cpu_area(), cache).rcu_free);
  if (changetype<usize>(sheaf) === 0) return false;
  // A barrier may just have taken it: what is read then is not the truth, but it is there.
  const last = sheaf.size - 1;
  if (last >= cache.sheaf_capacity) return false;
  return <usize>load<u32>(slot(sheaf_objects(sheaf), last)) === object;
}

/** Move a list's first sheaf to this CPU's hand. Context: the list's lock; an empty hand. */
function take_first(list: usize): usize {
  const sheaf = changetype<Sheaf>(<usize>read_once(list));
  store<u32>(rcu_hand_of(cpu_area()), <u32>changetype<usize>(sheaf));
  write_once(list, sheaf.link);
  sheaf.link = 0;
  return changetype<usize>(sheaf);
}

/**
 * Take a sheaf whose period is over into this CPU's hand.
 *
 * @param period known to be over; what waits for another by now is left
 * @returns 0: none is left, or the lock was missed. Context: a drain, no lock held.
 */
export function take_waited_sheaf(queue: RcuQueue, period: u32, mode: u32): usize {
  if (read_once(sheaves_wait_list(queue)) === 0 || !lock_queue(queue, mode)) return 0;
  const any = queue.sheaves_wait !== 0 && read_once(wait_gp(queue)) === period;
  const sheaf = any ? take_first(sheaves_wait_list(queue)) : 0;
  unlock_queue(queue);
  return sheaf;
}

/** Leave a list to the heap, where it waits anew. Context: the lock of both queues. */
function leave_to_heap(list: usize): void {
  const hand = rcu_hand_of(cpu_area());
  while (read_once(list) !== 0) {
    add_sheaf(sheaves_list(heap_queue()), take_first(list));
    store<u32>(hand, 0);
  }
}

/**
 * Leave the sheaves of a CPU to the heap's queue. Context: the lock of its queue and of the
 * heap's; nobody is that CPU, or it goes offline.
 */
export function leave_sheaves_to_heap(area: CpuArea): void {
  queue_all_rcu_free(area);
  leave_to_heap(sheaves_list(queue_of(area)));
  leave_to_heap(sheaves_wait_list(queue_of(area)));
}

/** Leave this CPU's sheaves to the heap. Context: a CPU that goes offline. */
export function rcu_sheaves_hand_over(): void {
  const area = cpu_area();
  const queue = queue_of(area);
  if (read_once(has_rcu_free(area)) === 0 && !has_waiting_sheaves(queue)) return;
  const mode = lock_mode();
  lock_queue(queue, mode);
  // Its own still held: a barrier that found nothing here finds it there.
  lock_queue(heap_queue(), mode);
  leave_sheaves_to_heap(area);
  unlock_queue(heap_queue());
  unlock_queue(queue);
}
