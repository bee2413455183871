/**
 * Why an instruction of the allocator is in no scenario: no program leads to it on CPUs with one
 * task each. There is a reason for every instruction that `explore --all` does not reach, and none
 * for one that it does (test/machine/reached.test.ts).
 */
interface Reason {
  readonly function: string;
  /** Instructions of it that this is about. */
  readonly sites: number;
  readonly because: string;
}

const OTHER_TASK =
  "asks who owns a local lock that is held while its CPU may wait: with rt that is another task " +
  "of the same CPU, and a Worker is one task (test/unit/rt.test.ts has two)";
const TWO_TAKERS =
  "misses the lock of whoever takes the slabs of the same CPU, where it may not wait: a drain " +
  "with preemption off beside a barrier, which no scenario has yet";
const RECOVERED_ELSEWHERE =
  "recovers slabs of slab_debug, which the model build has none of (test/unit/reap-moves.test.ts " +
  "lets CPUs die there), or waits for a CPU that is in the middle of the same thing";

const MANY =
  "frees more addresses at once than a scenario has slots for, or refuses one of them " +
  "(test/unit/heap-bulk.test.ts)";
const SHEAF_STATE =
  "needs a state of sheaves that no scenario comes to: a sheaf with room below a full main, " +
  "or memory that comes back by the flush of sheaves alone (test/unit/sheaf-stack.test.ts, " +
  "sheaf.test.ts)";

const BOUNDED =
  "needs a refill on a CPU that may not sleep, and only reads an option that never changes " +
  "(test/unit/sheaf-refill.test.ts)";
const PREFILLED =
  "needs a call that no scenario makes of prefilled sheaves: of their size, of two that are out, " +
  "or when memory is out (test/unit/sheaf-prefill.test.ts has them)";
const WAITING =
  "needs a checked free of what kfree_rcu() was given last, or a charged object in a sheaf that " +
  "waits for readers (test/unit/sheaf-rcu.test.ts has both)";
const BY_DESCRIPTOR =
  "needs many frees at once in a heap whose pages have no class, of several nodes or charged " +
  "(test/unit/sheaf-bulk.test.ts, sheaf-charge.test.ts)";

export const REASONS: readonly Reason[] = [
  { function: "assembly/kmalloc/checked_bulk/kfree_bulk_checked", sites: 7, because: MANY },
  { function: "assembly/kmalloc/checked_bulk/refuse_first_bad", sites: 5, because: MANY },
  { function: "assembly/slab/kmem_cache/kmem_cache_destroy", sites: 1, because: SHEAF_STATE },
  { function: "assembly/slab/nolock_alloc/slab_take_nolock", sites: 1, because: SHEAF_STATE },
  { function: "assembly/slab/pcs_alloc/alloc_from_pcs", sites: 1, because: BOUNDED },
  { function: "assembly/slab/pcs/exchange_full_main", sites: 2, because: SHEAF_STATE },
  { function: "assembly/slab/pcs/keep_sheaf", sites: 1, because: SHEAF_STATE },
  { function: "assembly/slab/check/check_free", sites: 3, because: WAITING },
  { function: "assembly/slab/rcu_serve/advance", sites: 1, because: WAITING },
  { function: "assembly/slab/pcs_bulk/pcs_cache_of", sites: 2, because: BY_DESCRIPTOR },
  { function: "assembly/slab/prefill/kmem_cache_prefill_sheaf", sites: 1, because: PREFILLED },
  { function: "assembly/slab/prefill/kmem_cache_return_sheaf", sites: 5, because: PREFILLED },
  { function: "assembly/slab/prefill/kmem_cache_sheaf_size", sites: 2, because: PREFILLED },
  { function: "assembly/slab/prefill/top_up", sites: 1, because: PREFILLED },
  { function: "assembly/slab/section/lock_cpu_slab", sites: 4, because: OTHER_TASK },
  { function: "assembly/slab/nolock_alloc/slab_take_nolock", sites: 2, because: OTHER_TASK },
  { function: "assembly/slab/nolock_free/slab_free_nolock", sites: 2, because: OTHER_TASK },
  { function: "assembly/kmalloc/nolock/kmalloc_nolock", sites: 5, because: OTHER_TASK },
  { function: "assembly/slab/drain/drain_cpu", sites: 1, because: TWO_TAKERS },
];

/** Recovery is what scenarios with deaths are about; each leaves something else to repair. */
export const RECOVERY = "assembly/reap/";

/** What reasonFor() says where there is none. */
export const NO_REASON = "no scenario leads there yet";

/** @returns why an instruction of `name` that was not reached cannot be */
export function reasonFor(name: string): string {
  if (name.startsWith(RECOVERY)) return RECOVERED_ELSEWHERE;
  return REASONS.find((each) => each.function === name)?.because ?? NO_REASON;
}
