/**
 * Counters. One CPU's counters of one cache fill ten lines that only that CPU writes, so
 * counting is a plain add. Kernel names and places for SLUB_STATS; ours start with NOLOCK_ and
 * DEFER_. Build `stats` counts everything. `release` counts what happens on slow paths only and
 * leaves out ALLOC_FASTPATH, FREE_FASTPATH, NOLOCK_ALLOC_FASTPATH, NOLOCK_FREE_FASTPATH, ages and
 * list lengths, ALLOC_PCS and FREE_PCS, and what became of nolock calls (sync/nolock_stat.ts).
 */
import { KmemCache, STAT_STRIDE } from "../base/layout";
import { CpuArea, DEFER_LENGTH_BUCKETS } from "../base/layout_percpu";
import { ilog2 } from "../base/bits";
import { cpu_area, header, per_cpu } from "./percpu";
import { read_once, write_once } from "./atomic";

/** Allocation from the cpu freelist. */
export const ALLOC_FASTPATH: u32 = 0;
/** Allocation that found the cpu freelist empty. */
export const ALLOC_SLOWPATH: u32 = 1;
/** Free to the cpu slab. */
export const FREE_FASTPATH: u32 = 2;
/** Free to any other slab. */
export const FREE_SLOWPATH: u32 = 3;
/** Slow free to a slab that is some CPU's cpu slab. */
export const FREE_FROZEN: u32 = 4;
/** Slab put on a node's partial list by a free or by draining percpu partial slabs. */
export const FREE_ADD_PARTIAL: u32 = 5;
/** Slab taken off a node's partial list because it became empty. */
export const FREE_REMOVE_PARTIAL: u32 = 6;
/** Cpu slab taken from a node's partial list. */
export const ALLOC_FROM_PARTIAL: u32 = 7;
/** Cpu slab from the page allocator. */
export const ALLOC_SLAB: u32 = 8;
/** Cpu freelist refilled with what was freed to the cpu slab remotely. */
export const ALLOC_REFILL: u32 = 9;
/** Cpu slab given up because the caller wanted another node. */
export const ALLOC_NODE_MISMATCH: u32 = 10;
/** Slab given back to the page allocator. */
export const FREE_SLAB: u32 = 11;
/** Cpu slab flushed. */
export const CPUSLAB_FLUSH: u32 = 12;
/** Deactivated slab had no free object. */
export const DEACTIVATE_FULL: u32 = 13;
/** Deactivated or drained slab was empty and one too many. */
export const DEACTIVATE_EMPTY: u32 = 14;
/** Deactivated slab went to the head of the partial list. */
export const DEACTIVATE_TO_HEAD: u32 = 15;
/** Deactivated slab went to the tail. */
export const DEACTIVATE_TO_TAIL: u32 = 16;
/** Deactivated slab held objects freed remotely. */
export const DEACTIVATE_REMOTE_FREES: u32 = 17;
/** Cpu slab was full and simply forgotten. */
export const DEACTIVATE_BYPASS: u32 = 18;
/** The preferred order was not to be had. */
export const ORDER_FALLBACK: u32 = 19;
/** this_cpu_cmpxchg_double() failed. */
export const CMPXCHG_DOUBLE_CPU_FAIL: u32 = 20;
/** The cmpxchg of a slab's freelist and counters failed. */
export const CMPXCHG_DOUBLE_FAIL: u32 = 21;
/** Cpu slab from the percpu partial list. */
export const CPU_PARTIAL_ALLOC: u32 = 22;
/** Full slab put on the percpu partial list by a free. */
export const CPU_PARTIAL_FREE: u32 = 23;
/** Slab moved from the node's to the percpu partial list. */
export const CPU_PARTIAL_NODE: u32 = 24;
/** Percpu partial list moved to the node's. */
export const CPU_PARTIAL_DRAIN: u32 = 25;
/** Nolock allocation from the cpu freelist. */
export const NOLOCK_ALLOC_FASTPATH: u32 = 26;
/** Nolock allocation that took the slow path. */
export const NOLOCK_ALLOC_SLOWPATH: u32 = 27;
/** Nolock allocation found its bucket's local lock held, first try (kernel: -EBUSY). */
export const NOLOCK_BUSY_FIRST: u32 = 28;
/** The next bucket's lock was held too. */
export const NOLOCK_BUSY_SECOND: u32 = 29;
/** Nolock allocation returned NULL. */
export const NOLOCK_NULL: u32 = 30;
/** Nolock free to the cpu slab. */
export const NOLOCK_FREE_FASTPATH: u32 = 31;
/** Nolock free that deferred its object, to a list of this CPU, node or cache. */
export const DEFER_ADD: u32 = 32;
/** The same to another CPU's list (a task was moved between looking up the list and adding). */
export const DEFER_ADD_REMOTE: u32 = 33;
/** irq_work raised: a list went from empty to non-empty. */
export const DEFER_RAISE: u32 = 34;
/** Nolock free that went straight to the slab (arm `direct`). */
export const DEFER_DIRECT_FREE: u32 = 35;
/** Slab deferred by its llnode (arm `direct`, or a deactivation that could not be done). */
export const DEFER_SLAB: u32 = 36;
/** Objects drained. */
export const DEFER_DRAINED: u32 = 37;
/** Non-empty lists taken by an ordinary slow free. */
export const DEFER_DRAIN_SLOW_FREE: u32 = 38;
/** Non-empty lists taken by deactivate_slab(). */
export const DEFER_DRAIN_DEACTIVATE: u32 = 39;
/** Non-empty lists taken when the cpu slab was replaced. */
export const DEFER_DRAIN_SWITCH: u32 = 40;
/** Non-empty lists taken by irq_work. */
export const DEFER_DRAIN_IRQ_WORK: u32 = 41;
/** Non-empty lists taken by a barrier, destroy or offline. */
export const DEFER_DRAIN_BARRIER: u32 = 42;
/** Times an ordinary slow free looked at a list and found it empty. */
export const DEFER_LOOK_EMPTY: u32 = 43;
/** Drained objects that had to wait once more, because a lock was not to be had. */
export const DEFER_REQUEUE: u32 = 44;
/** Longest list seen at a drain (a maximum, not a count; builds that count). */
export const DEFER_HIGH_WATER: u32 = 45;
/** Greatest age at a drain, in operations of all CPUs (a maximum; builds that count). */
export const DEFER_MAX_AGE: u32 = 46;
/** Allocation from a sheaf. */
export const ALLOC_PCS: u32 = 47;
/** Free to a sheaf. */
export const FREE_PCS: u32 = 48;
/** kfree_rcu() to a sheaf. */
export const FREE_RCU_SHEAF: u32 = 49;
/** kfree_rcu() that could not. */
export const FREE_RCU_SHEAF_FAIL: u32 = 50;
/** Objects flushed from sheaves to their slabs. */
export const SHEAF_FLUSH: u32 = 51;
/** Objects that sheaves were refilled with from slabs. */
export const SHEAF_REFILL: u32 = 52;
/** Sheaf allocated. */
export const SHEAF_ALLOC: u32 = 53;
/** Sheaf freed. */
export const SHEAF_FREE: u32 = 54;
/** Full sheaf taken from a barn for an empty one. */
export const BARN_GET: u32 = 55;
/** The barn had none, or its lock was not to be had. */
export const BARN_GET_FAIL: u32 = 56;
/** Full sheaf put into a barn. */
export const BARN_PUT: u32 = 57;
/** The barn was full, or its lock was not to be had. */
export const BARN_PUT_FAIL: u32 = 58;
/** Sheaf prefilled from what the CPU or a barn had. */
export const SHEAF_PREFILL_FAST: u32 = 59;
/** Sheaf prefilled from slabs. */
export const SHEAF_PREFILL_SLOW: u32 = 60;
/** Sheaf larger than the cache's capacity, made for one caller. */
export const SHEAF_PREFILL_OVERSIZE: u32 = 61;
/** Prefilled sheaf returned and kept. */
export const SHEAF_RETURN_FAST: u32 = 62;
/** Prefilled sheaf returned and flushed. */
export const SHEAF_RETURN_SLOW: u32 = 63;
/** Nolock allocation from `main`; those of sheaves are part of ALLOC_PCS. */
export const NOLOCK_ALLOC_MAIN: u32 = 64;
/** From another sheaf of this CPU, in place of an empty `main`. */
export const NOLOCK_ALLOC_SPARE: u32 = 65;
/** From a full sheaf of the barn. */
export const NOLOCK_ALLOC_BARN: u32 = 66;
/** From a slab, past the sheaves of a heap that has them. */
export const NOLOCK_ALLOC_SLAB: u32 = 67;
/** Nolock free to `main`; those to sheaves are part of FREE_PCS. */
export const NOLOCK_FREE_MAIN: u32 = 68;
/** To another sheaf of this CPU, in place of a full `main`. */
export const NOLOCK_FREE_SPARE: u32 = 69;
/** To an empty sheaf of the barn. */
export const NOLOCK_FREE_BARN: u32 = 70;
/** To a slab, past the sheaves of a heap that has them. What is left is DEFER_ADD. */
export const NOLOCK_FREE_SLAB: u32 = 71;
/** A bucket had nothing for a nolock allocation: the local lock of its sheaves or slab was held. */
export const NOLOCK_NULL_LOCK: u32 = 72;
/** The same: its barn had full sheaves, but not the lock for them. */
export const NOLOCK_NULL_BARN: u32 = 73;
/** The same: a list_lock was held. */
export const NOLOCK_NULL_LIST_LOCK: u32 = 74;
/** The same: every lock was to be had, and no page. */
export const NOLOCK_NULL_PAGES: u32 = 75;
/** kmalloc_nolock() that may not be here at all: RT's contexts, a cache without cmpxchg. */
export const NOLOCK_NULL_REFUSED: u32 = 76;
/** Nolock allocation whose memory control group had no room: the object went back. */
export const NOLOCK_NULL_CHARGE: u32 = 77;
/** kmalloc_nolock() that asked the next bucket. */
export const NOLOCK_RETRY: u32 = 78;
/** Number of counters above. */
export const NR_STAT_ITEMS: u32 = 79;

if (<usize>NR_STAT_ITEMS * 8 > STAT_STRIDE) ERROR("STAT_STRIDE is too small");

/** @returns address of counter `item` of `cache` on this CPU. */
function stat_address(cache: KmemCache, item: u32): usize {
  return <usize>cache.stat_base + <usize>cpu_area().cpu * STAT_STRIDE + ((<usize>item) << 3);
}

/** Add `count` to a slow-path counter. Context: any. */
export function stat_add(cache: KmemCache, item: u32, count: u32): void {
  const address = stat_address(cache, item);
  store<u64>(address, load<u64>(address) + count);
}

/** Count one event of a slow path. Context: any. */
export function stat(cache: KmemCache, item: u32): void {
  stat_add(cache, item, 1);
}

/** Count one event of a fast path: compiled in only where SLUB_STATS is defined. */
export function stat_fast(cache: KmemCache, item: u32): void {
  if (isDefined(SLUB_STATS)) {
    stat(cache, item);
    tick();
  }
}

/** Count `count` events of a fast path; as stat_fast(). */
export function stat_fast_many(cache: KmemCache, item: u32, count: u32): void {
  if (isDefined(SLUB_STATS)) {
    if (count === 0) return;
    stat_add(cache, item, count);
    const area = cpu_area();
    write_once(changetype<usize>(area) + offsetof<CpuArea>("ops"), area.ops + count);
  }
}

/** Count one event that would cost too much to count everywhere, without moving the clock. */
export function stat_verbose(cache: KmemCache, item: u32): void {
  if (isDefined(SLUB_STATS)) stat(cache, item);
}

/** Raise a maximum. */
function stat_max(cache: KmemCache, item: u32, value: u64): void {
  const address = stat_address(cache, item);
  if (load<u64>(address) < value) store<u64>(address, value);
}

/** One operation more on this CPU's clock. */
export function tick(): void {
  if (isDefined(SLUB_STATS)) {
    const area = cpu_area();
    write_once(changetype<usize>(area) + offsetof<CpuArea>("ops"), area.ops + 1);
  }
}

/** @returns operations of all CPUs so far, modulo 2^32: the clock of ages. */
function ops_clock(): u32 {
  let sum: u32 = 0;
  const cpus = header().nr_cpu_ids;
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    sum += read_once(changetype<usize>(per_cpu(cpu)) + offsetof<CpuArea>("ops"));
  }
  return sum;
}

/** Remember when a deferred list stopped being empty, at `stamp`. */
export function stamp_deferred(stamp: usize): void {
  if (isDefined(SLUB_STATS)) write_once(stamp, ops_clock());
}

/** @returns what stamp_deferred() wrote; 0, without looking, in builds that do not count. */
export function deferred_since(stamp: usize): u32 {
  return isDefined(SLUB_STATS) ? read_once(stamp) : 0;
}

/** Account one drained list of `length` objects whose first came in at `stamp`. */
export function stat_drained(cache: KmemCache, length: u32, stamp: u32): void {
  stat_add(cache, DEFER_DRAINED, length);
  if (isDefined(SLUB_STATS)) {
    stat_max(cache, DEFER_HIGH_WATER, length);
    stat_max(cache, DEFER_MAX_AGE, ops_clock() - stamp);
    const bucket = min(ilog2(length), DEFER_LENGTH_BUCKETS - 1);
    const address = this_cpu_lengths() + ((<usize>bucket) << 3);
    store<u64>(address, load<u64>(address) + 1);
  }
}

function this_cpu_lengths(): usize {
  return changetype<usize>(cpu_area()) + offsetof<CpuArea>("defer_lengths");
}
