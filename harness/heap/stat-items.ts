/**
 * The counters of a cache by name, in the order in which each CPU keeps them.
 *
 * Kernel: mm/slub.c enum stat_item; ours begin with NOLOCK_ and DEFER_. What each one counts is
 * said where it is counted, in assembly/sync/stat.ts; a test compares the two lists.
 */
export const STAT_ITEMS = [
  "ALLOC_FASTPATH",
  "ALLOC_SLOWPATH",
  "FREE_FASTPATH",
  "FREE_SLOWPATH",
  "FREE_FROZEN",
  "FREE_ADD_PARTIAL",
  "FREE_REMOVE_PARTIAL",
  "ALLOC_FROM_PARTIAL",
  "ALLOC_SLAB",
  "ALLOC_REFILL",
  "ALLOC_NODE_MISMATCH",
  "FREE_SLAB",
  "CPUSLAB_FLUSH",
  "DEACTIVATE_FULL",
  "DEACTIVATE_EMPTY",
  "DEACTIVATE_TO_HEAD",
  "DEACTIVATE_TO_TAIL",
  "DEACTIVATE_REMOTE_FREES",
  "DEACTIVATE_BYPASS",
  "ORDER_FALLBACK",
  "CMPXCHG_DOUBLE_CPU_FAIL",
  "CMPXCHG_DOUBLE_FAIL",
  "CPU_PARTIAL_ALLOC",
  "CPU_PARTIAL_FREE",
  "CPU_PARTIAL_NODE",
  "CPU_PARTIAL_DRAIN",
  "NOLOCK_ALLOC_FASTPATH",
  "NOLOCK_ALLOC_SLOWPATH",
  "NOLOCK_BUSY_FIRST",
  "NOLOCK_BUSY_SECOND",
  "NOLOCK_NULL",
  "NOLOCK_FREE_FASTPATH",
  "DEFER_ADD",
  "DEFER_ADD_REMOTE",
  "DEFER_RAISE",
  "DEFER_DIRECT_FREE",
  "DEFER_SLAB",
  "DEFER_DRAINED",
  "DEFER_DRAIN_SLOW_FREE",
  "DEFER_DRAIN_DEACTIVATE",
  "DEFER_DRAIN_SWITCH",
  "DEFER_DRAIN_IRQ_WORK",
  "DEFER_DRAIN_BARRIER",
  "DEFER_LOOK_EMPTY",
  "DEFER_REQUEUE",
  "DEFER_HIGH_WATER",
  "DEFER_MAX_AGE",
] as const;
/** One of STAT_ITEMS. */
export type StatItem = (typeof STAT_ITEMS)[number];

/** Kept only by builds that count everything: the fast paths, and lengths and ages of lists. */
export const VERBOSE_ITEMS: ReadonlySet<StatItem> = new Set([
  "ALLOC_FASTPATH",
  "FREE_FASTPATH",
  "NOLOCK_ALLOC_FASTPATH",
  "NOLOCK_FREE_FASTPATH",
  "DEFER_LOOK_EMPTY",
  "DEFER_HIGH_WATER",
  "DEFER_MAX_AGE",
]);
