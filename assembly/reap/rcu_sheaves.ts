/**
 * The sheaves of dead CPUs that wait for a grace period: they wait once more, on the heap's queue.
 *
 * Nothing is freed here, since nobody knows which readers a dead CPU was waiting for. A sheaf that
 * moved when its CPU died is in two places, with the lock of a queue held (slab/rcu_sheaf.ts): its
 * place is where it came to. One that is empty waits for nothing, and is reap/sheaves.ts's.
 */
import { KmemCacheCpu } from "../base/layout";
import { Sheaf } from "../base/layout_sheaf";
import { CpuArea, RcuQueue } from "../base/layout_percpu";
import { ReapReport } from "../base/layout_reap";
import { cache_at } from "../slab/cache_table";
import { heap_queue, queue_of, unlock_queue } from "../slab/rcu_queue";
import {
  add_sheaf,
  leave_sheaves_to_heap,
  queue_all_rcu_free,
  rcu_hand_of,
  sheaves_list,
  sheaves_wait_list,
} from "../slab/rcu_sheaf";
import { has_sheaves } from "../slab/sheaf";
import { read_once, write_once } from "../sync/atomic";
import { cpu_cache_of, header, per_cpu } from "../sync/percpu";
import { spin_lock } from "../sync/spinlock";
import { is_victim, note } from "./dead";
import { count_from, free_object, is_among } from "./sheaves";

function is_on(list: usize, sheaf: usize): bool {
  return is_among(<usize>read_once(list), sheaf);
}

function is_queued(queue: RcuQueue, sheaf: usize): bool {
  return is_on(sheaves_list(queue), sheaf) || is_on(sheaves_wait_list(queue), sheaf);
}

/** Make a place and the queue agree on who has the sheaf. Context: the queue's lock. */
function settle(queue: RcuQueue, place: usize): void {
  const sheaf = <usize>load<u32>(place);
  if (sheaf === 0) return;
  if (is_queued(queue, sheaf)) {
    store<u32>(place, 0);
    return;
  }
  // It had left the list, whose next it leads to, or was about to come in front of it.
  const link = <usize>changetype<Sheaf>(sheaf).link;
  if (link !== 0 && is_queued(queue, link)) changetype<Sheaf>(sheaf).link = 0;
}

/**
 * After a dead CPU's lock of a queue was taken over: every sheaf is in one place. Any CPU may have
 * moved what a live one noted. Context: that lock.
 *
 * @param cpu whose queue it is; nr_cpu_ids: the heap's
 */
export function repair_rcu_sheaves(queue: RcuQueue, cpu: u32): void {
  // let_sheaves_wait() came to the end of its first half.
  if (queue.sheaves === queue.sheaves_wait) write_once(sheaves_list(queue), 0);
  const head = header();
  for (let other: u32 = 0; other < head.nr_cpu_ids; other++) {
    if (is_victim(other)) settle(queue, rcu_hand_of(per_cpu(other)));
  }
  if (cpu === head.nr_cpu_ids) return;
  for (let index: u32 = 1; index < head.nr_caches; index++) {
    const c = changetype<usize>(cpu_cache_of(per_cpu(cpu), cache_at(index)));
    settle(queue, c + offsetof<KmemCacheCpu>("rcu_free"));
  }
}

function count_sheaves(list: usize): u32 {
  return count_from(<usize>read_once(list));
}

/**
 * What dead CPUs have in hand: a sheaf whose objects it was flushing to their slabs is lost with
 * them, but for its memory. Another was on its way from a queue, or to it.
 *
 * @returns false: a lock is missed
 */
function empty_hands(report: usize, mode: u32): bool {
  const cpus = header().nr_cpu_ids;
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    const hand = rcu_hand_of(per_cpu(cpu));
    const taken = <usize>load<u32>(hand);
    if (!is_victim(cpu) || taken === 0) continue;
    const sheaf = changetype<Sheaf>(taken);
    if (sheaf.size === 0) {
      note(report, offsetof<ReapReport>("lost"), sheaf.capacity);
      store<u32>(hand, 0);
      free_object(taken, mode);
      continue;
    }
    if (!spin_lock(changetype<usize>(heap_queue()), mode)) return false;
    note(report, offsetof<ReapReport>("rcu_pages"), 1);
    add_sheaf(sheaves_list(heap_queue()), taken);
    store<u32>(hand, 0);
    unlock_queue(heap_queue());
  }
  return true;
}

/** Leave everything else of one. @returns false: a lock is missed */
function empty_queue(area: CpuArea, report: usize, mode: u32): bool {
  const queue = queue_of(area);
  if (!spin_lock(changetype<usize>(queue), mode)) return false;
  const done = spin_lock(changetype<usize>(heap_queue()), mode);
  if (done) {
    queue_all_rcu_free(area);
    note(report, offsetof<ReapReport>("rcu_pages"), count_sheaves(sheaves_list(queue)));
    note(report, offsetof<ReapReport>("rcu_pages"), count_sheaves(sheaves_wait_list(queue)));
    leave_sheaves_to_heap(area);
    unlock_queue(heap_queue());
  }
  unlock_queue(queue);
  return done;
}

/**
 * All sheaves of dead CPUs that wait. The hands first: a thread that recovers the CPU that it is
 * needs its own. @returns false: a lock is missed. Context: slab_mutex.
 */
export function hand_over_rcu_sheaves(report: usize, mode: u32): bool {
  if (!has_sheaves()) return true;
  if (!empty_hands(report, mode)) return false;
  const cpus = header().nr_cpu_ids;
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    if (is_victim(cpu) && !empty_queue(per_cpu(cpu), report, mode)) return false;
  }
  return true;
}
