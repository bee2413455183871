/**
 * What the optimiser may copy into its callers although several call it, by whole file or function.
 *
 * An entry that ends in "/" is a file, or a folder of files; any other is one function. A test
 * holds that each is there (test/tidy/inlining.test.ts).
 */

/** The steps of the fast paths and of slow frees. */
export const INLINABLE = [
  "assembly/sync/atomic/",
  "assembly/sync/percpu/",
  "assembly/sync/local_lock/is_rt",
  "assembly/sync/local_lock/local_lock_is_locked",
  "assembly/slab/alloc_hooks/has_post_alloc_hook",
  "assembly/slab/check/zero_or_null",
  "assembly/slab/cpu_freelist/",
  "assembly/slab/defer/deferred_list",
  "assembly/slab/defer/list_of",
  "assembly/slab/drain/drains_at",
  "assembly/slab/fast/",
  "assembly/slab/flush/is_asked_to_flush",
  "assembly/slab/free/",
  "assembly/slab/free_hooks/slab_free_hook",
  "assembly/slab/nolock/",
  "assembly/slab/object/",
  "assembly/slab/pcs_fast/",
  "assembly/slab/put/",
  "assembly/slab/sheaf/has_sheaves",
  "assembly/slab/slab/",
  "assembly/kmalloc/size_class/kmalloc_slab",
  "assembly/page/page/",
  "assembly/workload/",
];

/**
 * The one function that sleeps. Node 20's baseline compiler loses a local of a function across
 * memory.atomic.wait32, so nothing of anybody else's may stand around it: test/tidy/rules/waits.ts
 * looks at what was emitted.
 */
const WAIT = "assembly/sync/atomic/wait_on";

/** Exceptions from the above, and functions that are never worth a copy, however small. */
export const NEVER_INLINABLE = [
  WAIT,
  "assembly/slab/alloc_hooks/charge_or_free",
  "assembly/slab/memcg/memcg_uncharge_object",
  "assembly/page/hand/claim_move",
  "assembly/kmalloc/large/free_large",
  "assembly/slab/slab/update_slow",
];

/** In the model build this one is an instruction, which a copy would let the machine split. */
export const OUT_OF_LINE_IN_MODEL = "assembly/sync/percpu/this_cpu_cmpxchg_double";

/** With sheaves, what fast paths call when they are not enough: of kmalloc(), kfree(), by hand. */
export const NEVER_INLINABLE_WITH_SHEAVES = [
  "assembly/workload/sheaf_loops/pop_slow",
  "assembly/workload/sheaf_loops/push_slow",
  "assembly/kmalloc/slow/kmalloc_slow",
  "assembly/kmalloc/slow/kfree_slow",
];

/** @returns whether an entry of these lists means the function of that name in a module */
export function means(entry, name) {
  return entry.endsWith("/") ? name.startsWith(entry) : name === entry;
}
