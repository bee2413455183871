/**
 * Recovery of a CPU that died: its Worker was terminated at any access, inside any call.
 *
 * At every access the memory says who holds every page and every slab, and who has every lock
 * (page/hand.ts, slab/README.md). So a walk over all descriptors finds what is to be done, and what
 * was done already looks as if there had been nothing to do: a reaper may die itself at any
 * access, and whoever recovers it begins anew. Live CPUs go on meanwhile. Nothing is lost but what
 * the dead task owned, or had in a local variable: the object it was about to free or to return.
 *
 * Ours: a CPU of the kernel's never dies without the others.
 */
import { LOCK_TRY } from "../base/config";
import { CACHE_FREE } from "../base/layout";
import {
  CPU_FREE,
  CPU_HELD_LOCKS,
  CPU_MEMCG_STOCK,
  CPU_SHRINK,
  CpuArea,
  HeldLocks,
  MemcgStock,
  RcuData,
  RcuQueue,
} from "../base/layout_percpu";
import { ReapReport } from "../base/layout_reap";
import { cache_at, cache_state } from "../slab/kmem_cache";
import {
  lock_queue,
  next_list,
  open_page,
  queue_of,
  unlock_queue,
  wait_list,
} from "../slab/rcu_queue";
import { lock_slab_mutex, unlock_slab_mutex } from "../slab/slab_mutex";
import { write_once } from "../sync/atomic";
import { lock_mode } from "../sync/context";
import { cpu_area, header, per_cpu } from "../sync/percpu";
import { rcu_of } from "../sync/rcu";
import { drop_stock, settle_charges } from "./charges";
import { claim_victims, is_victim, note, set_dead } from "./dead";
import { free_deferred_of } from "./deferred";
import { break_locks } from "./locks";
import { drop_page_lists, free_pages_in_hand, hand_over_rcu_pages } from "./pages";
import {
  detach_dead_cpu_slab,
  drop_deferred,
  take_lost_slabs,
  take_slabs_in_hand,
  trim_empties,
  wait_for_claims,
} from "./slabs";
import { tracked_objects } from "./tracked";

/** Forget a dead CPU's queue: each of its pages is in its hand. */
function drop_queue(queue: RcuQueue, mode: u32): void {
  lock_queue(queue, mode);
  write_once(open_page(queue), 0);
  write_once(next_list(queue), 0);
  write_once(wait_list(queue), 0);
  queue.taking = 0;
  unlock_queue(queue);
}

/** Everything that a dead CPU has goes into its hand, and off its lists. Context: slab_mutex. */
function strip(cpu: u32, report: usize, mode: u32): void {
  const area = per_cpu(cpu);
  const rcu = rcu_of(area);
  // Whatever it read it reads no more.
  rcu.nesting = 0;
  write_once(changetype<usize>(rcu) + offsetof<RcuData>("reader"), 0);
  write_once(changetype<usize>(area) + offsetof<CpuArea>("memcg"), 0);
  drop_deferred(area);
  drop_page_lists(area, mode);
  drop_queue(queue_of(area), mode);
  drop_stock(cpu);
  const count = header().nr_caches;
  for (let index: u32 = 1; index < count; index++) {
    const cache = cache_at(index);
    if (cache_state(cache) !== CACHE_FREE) detach_dead_cpu_slab(area, cache, report);
  }
}

/** Leave an area as cpu_offline() does. The number is free with the last store. */
function set_free(area: CpuArea): void {
  const address = changetype<usize>(area);
  area.preempt_count = 0;
  write_once(address + offsetof<CpuArea>("claiming"), 0);
  area.migrate_to = 0;
  memory.fill(address + CPU_SHRINK, 0, 128);
  const stock = changetype<MemcgStock>(address + CPU_MEMCG_STOCK);
  stock.moves = (stock.moves + 1) & ~1;
  changetype<HeldLocks>(address + CPU_HELD_LOCKS).depth = 0;
  write_once(address + offsetof<CpuArea>("state"), CPU_FREE);
}

/**
 * Recover everything of every CPU that is known to be dead, together: see cpu_died().
 *
 * Waits for locks of live CPUs, and so also for those of a dead one that nobody said is dead:
 * reap_blocker() tells before. A CPU that dies in here is recovered by another, with its victims. A
 * task that the host moved between CPUs must be dead wherever it was.
 *
 * @param report address of a ReapReport to fill, or 0
 * @returns how many numbers are free again; 0 also in a context that must not wait, and if other
 * CPUs recover all that died. Context: task, no lock held.
 */
export function cpu_reap_dead(report: usize): u32 {
  const mode = lock_mode();
  if (mode === LOCK_TRY) return 0;
  if (report !== 0) memory.fill(report, 0, offsetof<ReapReport>());
  const count = claim_victims();
  if (count !== 0) recover_victims(report, mode);
  return count;
}

/**
 * cpu_died() and cpu_reap_dead() in one.
 *
 * @param report address of a ReapReport to fill, or 0
 * @returns 1 when the victim's number is free again; 0 if it is no CPU that is in use, or the
 * caller, if another CPU recovers it, or in a context that must not wait. Context: task, no lock
 * held.
 */
export function cpu_reap(victim: u32, report: usize): i32 {
  if (lock_mode() === LOCK_TRY || victim === cpu_area().cpu) return 0;
  if (victim >= header().nr_cpu_ids) return 0;
  // A victim already: an earlier call of this CPU did not come to its end.
  if (!set_dead(victim) && !is_victim(victim)) return 0;
  return cpu_reap_dead(report) === 0 ? 0 : 1;
}

function recover_victims(report: usize, mode: u32): void {
  break_locks(report, mode);
  lock_slab_mutex(mode);
  const cpus = header().nr_cpu_ids;
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    if (is_victim(cpu)) strip(cpu, report, mode);
  }
  // A reaper may have died with a slab that a live CPU had not claimed yet.
  wait_for_claims();
  take_slabs_in_hand(report, mode);
  take_lost_slabs(report, mode);
  free_pages_in_hand(report, mode);
  hand_over_rcu_pages(report, mode);
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    if (is_victim(cpu)) free_deferred_of(per_cpu(cpu), report, mode);
  }
  trim_empties(mode);
  settle_charges(report);
  if (isDefined(SLUB_DEBUG)) note(report, offsetof<ReapReport>("tracked"), tracked_objects());
  unlock_slab_mutex();
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    if (is_victim(cpu)) set_free(per_cpu(cpu));
  }
}
