/** The memory map, continued: what the recovery of a dead CPU reports (reap/). */

/** What cpu_reap() found and did; counts. */
@unmanaged
export class ReapReport {
  /** Locks that the dead CPU held. */
  locks: u32;
  /** Slabs that it held: cpu slabs, percpu partial slabs, deferred ones, those in its hand. */
  slabs: u32;
  /** Pages of 4 KiB that it held and that are free again, its page lists included. */
  pages: u32;
  /** Objects freed that it had deferred, or was about to free for another. */
  objects: u32;
  /** Free objects of its slabs that no list had, put back. */
  freelists: u32;
  /** Pages and sheaves that wait for a grace period, handed over. */
  rcu_pages: u32;
  /** Bytes charged to memory control groups for nothing, given back. */
  charges: u32;
  /**
   * Objects that may be lost, at most: one for each drain, 16 for one of kfree_rcu(); with sheaves
   * one, and what the sheaf had room for that was being refilled or flushed.
   */
  lost: u32;
  /** Objects in use that the dead CPU allocated, of caches that note so (SLAB_STORE_USER). */
  tracked: u32;
}
