/**
 * Recovery of a CPU that died: its Worker was terminated at any access, inside any call.
 *
 * At every access the memory says who holds every page and every slab, and who has every lock
 * (page/hand.ts, slab/README.md). So a walk over all descriptors finds what is to be done, and what
 * was done already looks as if there had been nothing to do: a reaper may die itself at any
 * access, and whoever recovers it begins anew. Live CPUs go on meanwhile. Nothing is lost but what
 * the dead task owned, or had in a local variable: the object it was about to free or to return.
 *
 * Nothing here waits for ever. A lock that is missed may be that of a CPU which died meanwhile, of
 * whom nobody on this thread can hear before this call returns: the pass is given up, as if the
 * reaper had died between two accesses, and its victims are anybody's again.
 *
 * Ours: a CPU of the kernel's never dies without the others.
 */
import { LOCK_BOUNDED, LOCK_TRY } from "../base/config";
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
} from "../base/layout_percpu";
import { ReapReport } from "../base/layout_reap";
import { cache_at, cache_state } from "../slab/cache_table";
import { slab_mutex_address, unlock_slab_mutex } from "../slab/slab_mutex";
import { write_once } from "../sync/atomic";
import { HOOKED, lock_mode } from "../sync/context";
import { cpu_area, header, per_cpu, set_registers } from "../sync/percpu";
import { rcu_of } from "../sync/rcu";
import { spin_lock } from "../sync/spinlock";
import { drop_stock, settle_charges } from "./charges";
import { become_victim, claim_victims, is_victim, note, release_victims, set_dead } from "./dead";
import { free_deferred_of, waits_for_frees } from "./deferred";
import { trim_empties } from "./empties";
import { break_locks } from "./locks";
import { look_at } from "./look";
import { drop_page_lists, free_pages_in_hand, hand_over_rcu_pages } from "./pages";
import {
  detach_dead_cpu_slab,
  drop_deferred,
  take_lost_slabs,
  take_slabs_in_hand,
  wait_for_claims,
} from "./slabs";
import { hand_over_rcu_sheaves } from "./rcu_sheaves";
import { free_sheaves_of } from "./sheaves";
import { tracked_objects } from "./tracked";

/** The node of a CPU that recovers itself: it keeps no pages, each goes to its zone at once. */
const NOWHERE: u32 = u32.MAX_VALUE;

/**
 * Everything that a dead CPU has goes into its hand, and off its lists. Context: slab_mutex.
 *
 * @returns false: a lock is missed
 */
function strip(cpu: u32, report: usize, mode: u32): bool {
  const area = per_cpu(cpu);
  const rcu = rcu_of(area);
  // Whatever it read it reads no more.
  rcu.nesting = 0;
  write_once(changetype<usize>(rcu) + offsetof<RcuData>("reader"), 0);
  write_once(changetype<usize>(area) + offsetof<CpuArea>("memcg"), 0);
  if (!drop_deferred(area, mode) || !drop_page_lists(area, mode)) return false;
  drop_stock(cpu);
  const count = header().nr_caches;
  for (let index: u32 = 1; index < count; index++) {
    const cache = cache_at(index);
    if (cache_state(cache) !== CACHE_FREE) detach_dead_cpu_slab(area, cache, report);
  }
  return true;
}

/** Leave an area as cpu_offline() does. The number is free with the last store. */
function set_free(area: CpuArea): void {
  const address = changetype<usize>(area);
  area.preempt_count = 0;
  area.node = area.cpu % header().nr_nodes;
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
 * Where it misses a lock, all of them are dead as before, and it may be tried again: of a CPU that
 * holds it and is dead too, somebody has to say so first; reap_blocker() tells. A CPU that dies in
 * here is recovered by another, with its victims. A task that the host moved between CPUs must be
 * dead wherever it was.
 *
 * @param report address of a ReapReport to fill, or 0
 * @returns how many numbers are free again; 0 also where a lock is missed, in a context that must
 * not wait, and if other CPUs recover all that died. Context: task, no lock held.
 */
export function cpu_reap_dead(report: usize): u32 {
  if (lock_mode() === LOCK_TRY) return 0;
  if (report !== 0) memory.fill(report, 0, offsetof<ReapReport>());
  const count = claim_victims();
  if (count === 0) return 0;
  if (recover_victims(report, LOCK_BOUNDED)) return count;
  release_victims();
  return 0;
}

/**
 * cpu_died() and cpu_reap_dead() in one.
 *
 * @param report address of a ReapReport to fill, or 0
 * @returns 1 when the victim's number is free again; 0 if it is no CPU that is in use, or the
 * caller, if another CPU recovers it, if a lock is missed, or in a context that must not wait.
 * Context: task, no lock held.
 */
export function cpu_reap(victim: u32, report: usize): i32 {
  if (lock_mode() === LOCK_TRY || victim === cpu_area().cpu) return 0;
  if (victim >= header().nr_cpu_ids) return 0;
  // A victim already: an earlier call of this CPU did not come to its end.
  if (!set_dead(victim) && !is_victim(victim)) return 0;
  return cpu_reap_dead(report) === 0 ? 0 : 1;
}

/**
 * cpu_reap_dead() for a thread that is no CPU: as CPU `victim`, of which cpu_died() was said, and
 * which it recovers too. If the thread dies in here, the next says cpu_reaper_died().
 *
 * @param base of the heap
 * @param report address of a ReapReport to fill, or 0
 * @returns as cpu_reap_dead(); 0 also if nobody said so, or another recovers `victim`. Context: an
 * instance that is no CPU, and is none afterwards.
 */
export function cpu_reap_as(base: usize, victim: u32, report: usize): u32 {
  look_at(base);
  const head = header();
  if (victim >= head.nr_cpu_ids || !become_victim(victim)) return 0;
  const area = per_cpu(victim);
  set_registers(changetype<usize>(area), base, head.mem_map);
  // Of the predecessor's context nothing is left; of what is recovered nothing may be kept.
  area.preempt_count = area.preempt_count & HOOKED;
  area.current = victim + 1;
  area.node = NOWHERE;
  changetype<HeldLocks>(changetype<usize>(area) + CPU_HELD_LOCKS).depth = 0;
  const count = cpu_reap_dead(report);
  set_registers(0, base, head.mem_map);
  return count;
}

/** Everything in the hands of dead CPUs goes back. @returns false: a lock is missed */
function take_back(report: usize, mode: u32): bool {
  const cpus = header().nr_cpu_ids;
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    if (is_victim(cpu) && !strip(cpu, report, mode)) return false;
  }
  return (
    // A reaper may have died with a slab that a live CPU had not claimed yet.
    wait_for_claims() &&
    take_slabs_in_hand(report, mode) &&
    take_lost_slabs(report, mode) &&
    trim_empties(mode) &&
    free_pages_in_hand(report, mode) &&
    hand_over_rcu_pages(report, mode)
  );
}

/** @returns false: a lock is missed. Context: slab_mutex */
function recover_holding(report: usize, mode: u32): bool {
  if (!take_back(report, mode)) return false;
  if (!hand_over_rcu_sheaves(report, mode)) return false;
  const cpus = header().nr_cpu_ids;
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    if (!is_victim(cpu)) continue;
    free_deferred_of(per_cpu(cpu), report, mode);
    free_sheaves_of(per_cpu(cpu), report, mode);
  }
  const own = cpu_area();
  if (is_victim(own.cpu)) {
    // Those frees left slabs and bytes with this CPU, and where they missed a lock, objects.
    if (!take_back(0, mode) || waits_for_frees(own)) return false;
  }
  settle_charges(report);
  if (isDefined(SLUB_DEBUG)) note(report, offsetof<ReapReport>("tracked"), tracked_objects());
  return true;
}

/** @returns false: a lock is missed, and nothing but that is different from before */
function recover_victims(report: usize, mode: u32): bool {
  break_locks(report, mode);
  if (!spin_lock(slab_mutex_address(), mode)) return false;
  const done = recover_holding(report, mode);
  unlock_slab_mutex();
  if (!done) return false;
  const own = cpu_area();
  const isOwn = is_victim(own.cpu);
  const cpus = header().nr_cpu_ids;
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    if (cpu !== own.cpu && is_victim(cpu)) set_free(per_cpu(cpu));
  }
  // Itself last: with that it is no CPU any more.
  if (isOwn) set_free(own);
  return true;
}
