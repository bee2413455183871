/**
 * Who is dead without anybody having said so: what a recovery would wait for, and for ever.
 *
 * Nobody can tell a dead CPU from one that is slow. But a CPU that holds the same lock as long as
 * anybody looks is not waited for: cpu_reap_dead() is not begun, and whoever wants it looks again
 * after a while, or says that this CPU is dead too. The moment is before anything is changed; for a
 * CPU that dies later, in the middle of the recovery of others, that is given up and begun anew.
 */
import { CACHE_FREE, Page } from "../base/layout";
import { CpuArea, MemcgStock } from "../base/layout_percpu";
import { node_zone, zone_lock_address } from "../page/buddy";
import { end_pfn, grow_lock_address } from "../page/grow";
import { pfn_to_page } from "../page/page";
import { pcp_lock_address } from "../page/pcp";
import { get_barn } from "../slab/barn";
import { has_sheaves } from "../slab/sheaf";
import { slabs_lock } from "../slab/drain";
import { cache_at, cache_state } from "../slab/cache_table";
import { get_node } from "../slab/kmem_cache_node";
import { stock_of } from "../slab/memcg_stock";
import { heap_queue, queue_of } from "../slab/rcu_queue";
import { list_lock_address } from "../slab/section";
import { slab_mutex_address } from "../slab/slab_mutex";
import { cpu_relax, read_once } from "../sync/atomic";
import { header, per_cpu } from "../sync/percpu";
import { spin_owner } from "../sync/spinlock";
import { is_taken, set_dead, set_reaper_dead } from "./dead";
import { look_at } from "./look";

/** Looks that a live CPU gets: some tens of microseconds, longer than any section. */
const LOOKS: u32 = 1 << 13;

/**
 * Say that the thread of CPU `victim` is gone: it makes no access any more, now or later.
 *
 * @param base of the heap
 * @returns 1 until somebody recovers it; 0 if nobody is that CPU, or one recovers it already.
 * Context: any thread that knows, a CPU or none.
 */
export function cpu_died(base: usize, victim: u32): i32 {
  look_at(base);
  return victim < header().nr_cpu_ids && set_dead(victim) ? 1 : 0;
}

/**
 * Say that the thread is gone that was in cpu_reap_as() as CPU `victim`.
 *
 * @param base of the heap
 * @returns 1 until somebody recovers it; 0 if none was. Context: as cpu_died().
 */
export function cpu_reaper_died(base: usize, victim: u32): i32 {
  look_at(base);
  return victim < header().nr_cpu_ids && set_reaper_dead(victim) ? 1 : 0;
}

/** @returns the owner + 1 of a lock that a CPU holds all the time, who is not known to be dead. */
function owner_of(lock: usize): u32 {
  const owner = spin_owner(lock);
  if (owner === 0 || !is_taken(owner - 1)) return 0;
  for (let look: u32 = 0; look < LOOKS; look++) {
    cpu_relax(lock);
    if (spin_owner(lock) !== owner) return 0;
  }
  return owner;
}

/** @returns true if `word`, whose bits in `busy` say so, is in the same work all the time. */
function is_busy(word: usize, busy: u32): bool {
  const seen = read_once(word);
  if ((seen & busy) === 0) return false;
  for (let look: u32 = 0; look < LOOKS; look++) {
    cpu_relax(word);
    if (read_once(word) !== seen) return false;
  }
  return true;
}

/** @returns the owner + 1 of a lock of CPU `cpu`; or that CPU, if it is in the middle of a step. */
function owner_at(cpu: u32): u32 {
  const area = per_cpu(cpu);
  let owner = owner_of(pcp_lock_address(area));
  if (owner === 0) owner = owner_of(slabs_lock(area));
  if (owner === 0) owner = owner_of(changetype<usize>(queue_of(area)));
  if (owner !== 0 || !is_taken(cpu)) return owner;
  const claiming = changetype<usize>(area) + offsetof<CpuArea>("claiming");
  const moves = stock_of(changetype<usize>(area)) + offsetof<MemcgStock>("moves");
  return is_busy(claiming, u32.MAX_VALUE) || is_busy(moves, 1) ? cpu + 1 : 0;
}

function list_lock_owner(): u32 {
  const head = header();
  for (let index: u32 = 1; index < head.nr_caches; index++) {
    const cache = cache_at(index);
    if (cache_state(cache) === CACHE_FREE) continue;
    for (let node: u32 = 0; node < head.nr_nodes; node++) {
      let owner = owner_of(list_lock_address(get_node(cache, node)));
      if (owner === 0 && has_sheaves()) owner = owner_of(changetype<usize>(get_barn(cache, node)));
      if (owner !== 0) return owner;
    }
  }
  return 0;
}

function slab_lock_owner(): u32 {
  const end = end_pfn();
  for (let pfn = header().first_pfn; pfn < end; pfn++) {
    const owner = owner_of(changetype<usize>(pfn_to_page(pfn)) + offsetof<Page>("lock"));
    if (owner !== 0) return owner;
  }
  return 0;
}

/**
 * The CPU that cpu_reap_dead() would wait for: one that nobody said is dead, and that does not let
 * go of something.
 *
 * @param base of the heap
 * @returns its number + 1; 0: none. Writes nothing. Context: any thread, a CPU or none; does not
 * wait, but may look for some tens of microseconds.
 */
export function reap_blocker(base: usize): u32 {
  look_at(base);
  const head = header();
  let owner = owner_of(slab_mutex_address());
  if (owner === 0) owner = owner_of(grow_lock_address());
  if (owner === 0) owner = owner_of(changetype<usize>(heap_queue()));
  for (let node: u32 = 0; owner === 0 && node < head.nr_nodes; node++) {
    owner = owner_of(zone_lock_address(node_zone(node)));
  }
  for (let cpu: u32 = 0; owner === 0 && cpu < head.nr_cpu_ids; cpu++) owner = owner_at(cpu);
  if (owner === 0) owner = list_lock_owner();
  return owner === 0 ? slab_lock_owner() : owner;
}
