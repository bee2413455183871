/**
 * The memory map, continued: what belongs to one CPU, beside its KmemCacheCpu; and the memory
 * control groups. The laws are those of layout.ts.
 */

/** CPU_* states of CpuArea.state. */
export const CPU_FREE: u32 = 0;
export const CPU_TAKEN: u32 = 1;
/** Its owner died; from bit CPU_REAPER_SHIFT on the number + 1 of who recovers it, or 0. */
export const CPU_REAPING: u32 = 2;
export const CPU_REAPER_SHIFT: u32 = 8;

/** One CPU: registers that must survive it, lists, and then KmemCacheCpu[max_caches]. */
@unmanaged
export class CpuArea {
  // --- line 0: own CPU only, read on every fast path.
  /**
   * Context of this CPU; 0 = a task, outside every section (sync/context.ts has the bits).
   */
  preempt_count: u32;
  cpu: u32;
  /** LOCK_WAIT, or LOCK_BOUNDED for a CPU made with `mayWait: false`. */
  task_mode: u32;
  node: u32;
  /** Operations of this CPU, modulo 2^32 (builds that count): the clock of ages. */
  ops: u32;
  /**
   * CPU + 1 whose deferred list the next deferral goes to, as if the task had been moved between
   * looking up the list and adding to it; 0 = this CPU's. Set by experiments, cleared by use.
   */
  migrate_to: u32;
  /** State of this CPU's generator (sync/random.ts); never 0 once used. */
  random: u32;
  /** The task that runs here, never 0; its owner token in local locks. One a CPU by default. */
  current: u32;
  /**
   * Address of the Memcg that __GFP_ACCOUNT charges, or 0. Written by its own CPU under
   * slab_mutex, atomically: memcg_destroy() asks all CPUs.
   */
  memcg: u32;
  /** failslab: allocations that could have failed, and those that did. */
  fail_seen: u32;
  fail_done: u32;
  /**
   * Sheaves whose memory is on its way between its slab and a place: for whoever recovers this
   * CPU.
   */
  sheaf_moves: u32;
  /** Counter of the first lock that the innermost nolock allocation missed, or 0; if it counts. */
  nolock_missed: u32;
  line0c: u32;
  line0d: u64;

  // --- line 1: any CPU, atomics; `drains` and `claiming` its own, which others read.
  /** CPU_*: passes by cmpxchg. */
  state: u32;
  /**
   * Drains this CPU is in the middle of, bits 0 to 5: objects are in its hands; above, those it has
   * finished, modulo 2^26. Destroy waits until that moves or the depth is 0.
   */
  drains: u32;
  /** Owner CPU + 1, or 0: held while a slab is taken off `defer_slabs`. */
  slabs_lock: u32;
  /** Frees of this CPU that may make a full slab partial and have not claimed it yet. */
  claiming: u32;
  /** Sign of the thread that is this CPU (harness), 0 = none: who is gone. Stays when it goes. */
  thread: u32;
  line1a: u32;
  line1b: u64;
  line1c: u64;
  line1d: u64;
  line1e: u64;
  line1f: u64;

  // --- line 2: deferral (kernel: struct defer_free). Any CPU, atomics.
  /** llist of objects, DEFER_TO_CPU and what falls back to it. */
  defer_objects: u32;
  /** Clock at its last empty-to-non-empty edge (builds that count). */
  defer_stamp: u32;
  /** llist of slabs by Page.llnode, every arm. */
  defer_slabs: u32;
  /** 1 when irq_work was raised and has not run yet. */
  irq_pending: u32;
  line2: u64;
  line2a: u64;
  line2b: u64;
  line2c: u64;
  line2d: u64;
  line2e: u64;

  // --- line 3: lists that this CPU drains, for who recovers it. Own CPU.
  /**
   * First link of what a drain has taken and not freed yet: MAX_DRAINS words, by the drain's depth.
   */
  drain_rest: u32;
  line3pad: u32;
  line3: u64;
  line3a: u64;
  line3b: u64;
  line3c: u64;
  line3d: u64;
  line3e: u64;
  line3f: u64;

  // --- line 4: per-CPU pages (kernel: struct per_cpu_pages). Under pcp_lock.
  /** Owner CPU + 1, or 0: another CPU takes it when memory runs out. */
  pcp_lock: u32;
  pcp_pad: u32;
  /** First page of each order 0..3. */
  pcp_list: u32;
  pcp_list1: u32;
  pcp_list2: u32;
  pcp_list3: u32;
  /** Blocks on each list. */
  pcp_count: u32;
  pcp_count1: u32;
  pcp_count2: u32;
  pcp_count3: u32;
  line4: u64;
  line4a: u64;
  line4b: u64;

  // --- line 5: the last refusal, read by the host to write its report. Own CPU.
  bug_code: u32;
  bug_cache: u32;
  bug_slab: u32;
  bug_object: u32;
  line5: u64;
  line5a: u64;
  line5b: u64;
  line5c: u64;
  line5d: u64;
  line5e: u64;

  // --- lines 6 to 9: lengths of deferred lists at drain, log2 buckets of u64 (builds that count).
  defer_lengths: u64;
}
if (offsetof<CpuArea>("state") !== 64) ERROR("CpuArea line 1");
if (offsetof<CpuArea>("defer_objects") !== 128) ERROR("CpuArea line 2");
if (offsetof<CpuArea>("drain_rest") !== 192) ERROR("CpuArea line 3");
if (offsetof<CpuArea>("pcp_lock") !== 256) ERROR("CpuArea line 4");
if (offsetof<CpuArea>("bug_code") !== 320) ERROR("CpuArea line 5");
if (offsetof<CpuArea>("defer_lengths") !== 384) ERROR("CpuArea line 6");
/** Buckets of defer_lengths: bucket b counts lists of 2^b .. 2^(b+1)-1 objects. */
export const DEFER_LENGTH_BUCKETS: u32 = 32;
/** In CpuArea.drains. */
export const DRAIN_DEPTH: u32 = 0x3f;
export const DRAIN_FINISHED: u32 = 0x40;
/** Drains that may run inside each other: slabs, what a slab leaves behind, both in irq_work. */
export const MAX_DRAINS: u32 = 8;
/** Offset of 64 bytes the host writes a cache's name to. */
export const CPU_SCRATCH: usize = 640;
/** Offset of 32 words: list heads by number of free objects while this CPU shrinks a node. */
export const CPU_SHRINK: usize = 704;
/** Offset of BULK_WORDS words the host writes addresses to that a small bulk call frees or made. */
export const CPU_BULK: usize = 1024;
export const BULK_WORDS: u32 = 48;
/** Offset of KmemCacheCpu[0] inside a CpuArea. */
export const CPU_CACHES: usize = 1216;
if (CPU_BULK + ((<usize>BULK_WORDS) << 2) !== CPU_CACHES) ERROR("CPU_BULK");

/** Offset of the MemcgStock inside a CpuArea. */
export const CPU_MEMCG_STOCK: usize = 832;
/** Offset of the RcuData. */
export const CPU_RCU: usize = 896;
/** Offset of the HeldLocks. */
export const CPU_HELD_LOCKS: usize = 960;

/**
 * Bytes that a CPU has taken from a memory control group in advance.
 *
 * ```
 *  63            32 31             0
 * |     bytes      |     memcg      |   one i64: written by its own CPU under `lock`, read by any
 * ```
 */
@unmanaged
export class MemcgStock {
  /** Local lock: the task that owns it, or 0. */
  lock: u32;
  /** Charges and discharges that this CPU began and ended: odd in the middle of one. */
  moves: u32;
  /** Address of the Memcg the bytes are of, or 0. */
  memcg: u32;
  /** Less than a page, charged but not used. */
  bytes: u32;
}
if (offsetof<MemcgStock>("memcg") !== 8) ERROR("memcg and bytes must be one i64");

/**
 * A memory control group. The counts by any CPU through atomics; the rest under slab_mutex.
 * Law: usage_pages * 4096 == nr_charged_bytes + the stocks of all CPUs + what its objects and
 * large allocations are charged.
 */
@unmanaged
export class Memcg {
  /** 1 while it exists. */
  state: u32;
  /** Pages that may be charged (kernel: page_counter.max). */
  limit_pages: u32;
  /** Pages charged. */
  usage_pages: u32;
  /** Most that ever were. */
  max_usage_pages: u32;
  /** Bytes of charged pages that nobody uses and no stock holds; less than a page. */
  nr_charged_bytes: u32;
  /** Charges refused. */
  failcnt: u32;
  /** How often this entry was created, modulo 2^32: tells a group from its predecessors. */
  generation: u32;
  pad: u32;
  name: u64;
  name1: u64;
  name2: u64;
  name3: u64;
}
if (offsetof<Memcg>() !== 64) ERROR("a memory control group is one line");
export const MEMCG_SHIFT: u32 = 6;
/** Groups 1 .. 63; 0 is none. */
export const MAX_MEMCGS: u32 = 64;

/**
 * A CPU's part in grace periods. Line of its own; `reader` is read by any CPU through atomics; from
 * `lock` on it is an RcuQueue.
 */
@unmanaged
export class RcuData {
  /** Grace period that was current when this CPU entered its read side; 0 = quiescent. */
  reader: u32;
  /** Read-side sections this CPU is in. */
  nesting: u32;
  lock: u32;
  open: u32;
  next: u32;
  wait: u32;
  wait_gp: u32;
  takingReserved: u32;
  sheavesReserved: u32;
  waitingReserved: u32;
  /** Nonzero where a cache of this CPU may have a `rcu_free`. Under `lock`, read early without. */
  has_rcu_free: u32;
  /** A sheaf that this CPU took off a queue, or moves to another, or 0. Written by itself. */
  sheaf_in_hand: u32;
}

/**
 * What waits for a grace period: pages by Page.llnode, sheaves by Sheaf.link. In RcuData and in
 * HeapHeader. Any CPU. A CPU's `lock` guards KmemCacheCpu.rcu_free of all its caches, too.
 */
@unmanaged
export class RcuQueue {
  /** Owner CPU + 1, or 0. Guards everything but adding to `next`. */
  lock: u32;
  /** Page of addresses that is being filled, never empty, or 0. */
  open: u32;
  /** llist of pages that no period has begun for. Atomic. */
  next: u32;
  /** The list that waits for `wait_gp`, or 0. */
  wait: u32;
  /** The period that `wait` and `sheaves_wait` wait for. */
  wait_gp: u32;
  /** The list that is on its way from `next` to `wait`, or 0. */
  taking: u32;
  /** First of the sheaves that no period has begun for, or 0. */
  sheaves: u32;
  /** First of those that wait for `wait_gp`, or 0. */
  sheaves_wait: u32;
}

/** lockdep: the locks this CPU holds, in order (SLUB_DEBUG builds). */
@unmanaged
export class HeldLocks {
  depth: u32;
  /** Address of each lock word, MAX_HELD_LOCKS of them. */
  first: u32;
}
export const MAX_HELD_LOCKS: u32 = 15;
