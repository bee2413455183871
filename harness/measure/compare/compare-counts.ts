/**
 * The counting pass: the same traffic on a build that counts everything, apart from the clock.
 *
 * Counters would disturb what they count if they ran beside the timing. So every arm runs the same
 * number of phases with the same seed on the `bench-stats` build, and only numbers of events are
 * taken from it: what was deferred, drained by whom, how long lists grew, how old objects got.
 */
import type { DeferArm } from "../../heap/arms.js";
import type { HeapStats } from "../../heap/stats.js";
import type { StatItem } from "../../heap/stat-items.js";

/** Events of one arm in the phases that were counted. */
export interface DeferCounts {
  /** Nolock frees that deferred their object. */
  readonly adds: number;
  /** Of these, to another CPU's list. */
  readonly remoteAdds: number;
  /** irq_work raised: a list stopped being empty. */
  readonly raises: number;
  readonly drains: {
    /** Non-empty lists that were taken. */
    readonly total: number;
    readonly byTrigger: Readonly<Record<DrainTrigger, number>>;
  };
  /** The longest list that was taken, the one a barrier found at the end of a phase included. */
  readonly highWater: number;
  /** The greatest age at a drain, in operations of all CPUs. */
  readonly maxAgeOps: number;
  /** Nolock frees that went straight to their slab (arm direct). */
  readonly directFrees: number;
  /** Slabs that waited for irq_work. */
  readonly slabs: number;
}

/** Where nolock frees went: all of them in a heap with sheaves. */
export interface NolockOutcomes {
  readonly main: number;
  readonly spare: number;
  readonly barn: number;
  readonly slab: number;
  readonly deferred: number;
}

export const DRAIN_TRIGGERS = {
  slowFree: "DEFER_DRAIN_SLOW_FREE",
  deactivate: "DEFER_DRAIN_DEACTIVATE",
  switch: "DEFER_DRAIN_SWITCH",
  irqWork: "DEFER_DRAIN_IRQ_WORK",
  barrier: "DEFER_DRAIN_BARRIER",
} as const satisfies Readonly<Record<string, StatItem>>;
export type DrainTrigger = keyof typeof DRAIN_TRIGGERS;

/** What the counting pass knows of one condition of one arm. */
export interface ConditionCounts {
  /** Phases that were counted, and frees in all of them. */
  readonly phases: number;
  readonly frees: number;
  readonly nolockFrees: number;
  readonly deferred: DeferCounts;
  readonly outcomes: NolockOutcomes;
  /** Slow frees among all frees, 0..1; a free straight to a slab is a slow one. */
  readonly slowFreeShare: number;
  /** Part of the deferred objects that waited still when the phases were over, 0..1. */
  readonly leftShare: number;
}

/** By arm, then by the key of the condition. */
export type CompareCounts = ReadonlyMap<DeferArm, ReadonlyMap<string, ConditionCounts>>;

/** Sums over all CPUs and caches, and the two maxima as they stand. */
export function readTotals(stats: HeapStats): (item: StatItem) => number {
  const caches = Object.values(stats);
  return (item) => {
    const values = caches.flatMap((cache) => cache[item] ?? []);
    return MAXIMA.has(item) ? Math.max(0, ...values) : values.reduce((sum, each) => sum + each, 0);
  };
}

/** These are maxima: two readings of them cannot be subtracted. */
const MAXIMA: ReadonlySet<StatItem> = new Set(["DEFER_HIGH_WATER", "DEFER_MAX_AGE"]);

/** The events between two readings of a heap's counters. */
export function countBetween(
  before: HeapStats,
  after: HeapStats,
): Pick<ConditionCounts, "deferred" | "outcomes" | "slowFreeShare" | "leftShare"> {
  const early = readTotals(before);
  const late = readTotals(after);
  const count = (item: StatItem) => (MAXIMA.has(item) ? late(item) : late(item) - early(item));
  const triggers = Object.entries(DRAIN_TRIGGERS).map(
    ([trigger, item]) => [trigger, count(item)] as const,
  );
  const slow = count("FREE_SLOWPATH") + count("DEFER_DIRECT_FREE");
  const fast = count("FREE_FASTPATH") + count("NOLOCK_FREE_FASTPATH") + count("FREE_PCS");
  const adds = count("DEFER_ADD");
  const left = Math.max(0, adds - count("DEFER_DRAINED"));
  return {
    deferred: {
      adds,
      remoteAdds: count("DEFER_ADD_REMOTE"),
      raises: count("DEFER_RAISE"),
      drains: {
        total: triggers.reduce((sum, [, drains]) => sum + drains, 0),
        byTrigger: Object.fromEntries(triggers) as Record<DrainTrigger, number>,
      },
      highWater: count("DEFER_HIGH_WATER"),
      maxAgeOps: count("DEFER_MAX_AGE"),
      directFrees: count("DEFER_DIRECT_FREE"),
      slabs: count("DEFER_SLAB"),
    },
    outcomes: {
      main: count("NOLOCK_FREE_MAIN"),
      spare: count("NOLOCK_FREE_SPARE"),
      barn: count("NOLOCK_FREE_BARN"),
      slab: count("NOLOCK_FREE_SLAB"),
      deferred: adds,
    },
    slowFreeShare: slow + fast === 0 ? 0 : slow / (slow + fast),
    leftShare: adds === 0 ? 0 : left / adds,
  };
}
