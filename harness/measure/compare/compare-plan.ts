/**
 * The plan of a comparison: which slots there are, how long they last, and in which order.
 *
 * A *slot* is one arm under one condition for some 100 ms; a *round* is every slot of every arm
 * once, in a seeded random order, arms side by side under the same condition. A slot of an arm is
 * only ever compared with slots of the same condition and round.
 */
import type { DeferArm } from "../../heap/arms.js";
import type { PercpuLayer } from "../../heap/options.js";
import type { LoadName } from "../../workload/comparison-loads.js";
import { LIFETIMES } from "../../workload/lifetimes.js";
import type { Traffic } from "../../workload/traffic.js";
import { createRandom, type Random } from "../../workload/random.js";

/** What `slablab compare` is asked for; everything that a run's numbers depend on. */
export interface CompareParameters extends Traffic {
  /** Measured arms, `none` first: the floor is always among them. */
  readonly arms: readonly DeferArm[];
  /** Shares of nolock frees, 0..1, ascending. */
  readonly shares: readonly number[];
  /** Measured time of one arm, summed over rounds. Null: what the rounds need. */
  readonly durationMs: number | null;
  /** Null: as many as the duration allows. */
  readonly rounds: number | null;
  /** Added to an arm's times for every raise of irq_work. */
  readonly irqCostNs: number;
  /** What CPUs allocate from: cpu slabs, as where the question comes from, or sheaves. */
  readonly percpu: PercpuLayer;
  /** One load alone; null: the main load of the layer, and a short version of the others. */
  readonly load: CompareLoad | null;
}

export const COMPARE_LOADS = ["slow-free", "surplus", ...LIFETIMES] as const;
export type CompareLoad = (typeof COMPARE_LOADS)[number];

/** A condition under which arms are compared. */
export interface Condition {
  /** Names it in tables of results. */
  readonly key: string;
  readonly load: LoadName;
  readonly share: number;
  /** Whether one CPU runs fast-path pairs while the others run the load. */
  readonly hasVictim: boolean;
  /** How long a slot lasts, in slots. */
  readonly weight: number;
  /** Nolock frees in one NMI, if not what the run has. */
  readonly burst?: number;
  /** Whether the answer is made of it: no nolock frees, and the largest share of them. */
  readonly isHeadline: boolean;
}

export interface Plan {
  readonly conditions: readonly Condition[];
  readonly rounds: number;
  /** Measured time of a slot of weight 1. */
  readonly slotMs: number;
  /** Measured time of one arm, over all rounds. */
  readonly durationMs: number;
}

/** A slot shorter than this is at the mercy of single interruptions. */
export const SLOT_MS = 100;
/** Fewer rounds make no interval. */
const ROUNDS_MIN = 3;
/** Slots beside the slope: one number each, all far from the noise. */
const SIDE_WEIGHT = 1 / 3;

export function slopeKey(share: number): string {
  return `share ${share}`;
}

export const NOLOCK_KEY = "nolock frees";
export const ALLOC_KEY = "nolock allocations";
export const VICTIM_KEY = "fast path";

/** The share at which single numbers of an arm are taken. */
export function largestShare({ shares }: Pick<CompareParameters, "shares">): number {
  return shares[shares.length - 1] ?? 0;
}

/** In phases of these there are frees alone, which is what an ordinary free's price is taken of. */
const MAIN_LOADS: Readonly<Record<PercpuLayer, CompareLoad>> = {
  slab: "slow-free",
  sheaf: "surplus",
};

/** The load of the main table. */
export function mainLoad({
  load,
  percpu,
}: Pick<CompareParameters, "load" | "percpu">): CompareLoad {
  return load ?? MAIN_LOADS[percpu];
}

/** Whether a phase of it is frees alone. */
export function isOfFrees(load: CompareLoad): boolean {
  return Object.values(MAIN_LOADS).includes(load);
}

/**
 * The conditions of the main table. Under a lifetime there is the slope alone: the others need
 * slabs that nobody else allocates from.
 */
export function mainConditions(parameters: CompareParameters): Condition[] {
  const load = mainLoad(parameters);
  const side = { load, hasVictim: false, weight: SIDE_WEIGHT, isHeadline: false } as const;
  const ends = [parameters.shares[0], largestShare(parameters)];
  const slope = parameters.shares.map((share) => {
    const isHeadline = ends.includes(share);
    return { key: slopeKey(share), load, share, hasVictim: false, weight: 1, isHeadline };
  });
  if (!isOfFrees(load)) return slope;
  const victim = { ...side, key: VICTIM_KEY, share: largestShare(parameters), hasVictim: true };
  return [
    ...slope,
    { ...side, key: NOLOCK_KEY, share: 1 },
    { ...side, key: ALLOC_KEY, load: "nolock-alloc", share: 0 },
    // Alone, nobody is there to disturb it.
    ...(parameters.cpus > 1 ? [victim] : []),
  ];
}

/** Lengths of bursts that are counted with sheaves, beside what the run has. */
export const SWEPT_BURSTS = [1, 16, 256] as const;

export function burstKey(burst: number): string {
  return `burst ${burst}`;
}

/**
 * With sheaves, conditions that are counted and not timed: where nolock frees go at the largest
 * share, by the length of a burst. The load is set up anew for each.
 */
export function burstConditions(parameters: CompareParameters): Condition[] {
  const load = mainLoad(parameters);
  if (parameters.percpu !== "sheaf" || !isOfFrees(load)) return [];
  const common = { load, share: largestShare(parameters), hasVictim: false, weight: 0 };
  return SWEPT_BURSTS.map((burst) => ({
    ...{ ...common, key: burstKey(burst), burst, isHeadline: false },
  }));
}

/** The conditions of the second table: the other loads at the largest share. */
export function lifetimeConditions(parameters: CompareParameters): Condition[] {
  if (parameters.load !== null) return [];
  const share = largestShare(parameters);
  const common = { share, hasVictim: false, weight: 1, isHeadline: false };
  return LIFETIMES.map((name) => ({ key: name, load: name, ...common }));
}

/** Measured time per arm where neither a duration nor rounds are asked for. */
export const DEFAULT_DURATION_MS = 2400;

/** Plan rounds of `conditions`: by the time they may take, by their number, or by both. */
export function makePlan(
  conditions: readonly Condition[],
  { durationMs, rounds }: Pick<CompareParameters, "durationMs" | "rounds">,
): Plan {
  const weight = conditions.reduce((sum, condition) => sum + condition.weight, 0);
  const roundMs = weight * SLOT_MS;
  const wanted = durationMs ?? (rounds === null ? DEFAULT_DURATION_MS : rounds * roundMs);
  const count = rounds ?? Math.max(ROUNDS_MIN, Math.round(wanted / roundMs));
  return { conditions, rounds: count, slotMs: wanted / (weight * count), durationMs: wanted };
}

/** Stream of the run's seed that orders the slots. */
const ORDER_STREAM = 0x0d;

/** What puts the slots of each round into their order. */
export function createOrder(seed: number): Random {
  return createRandom(seed, ORDER_STREAM);
}

/** About how long a piece of a slot lasts: shorter than most moods of a machine. */
const PIECE_MS = 20;

/**
 * In how many pieces a slot is run. Under the same condition a piece of every arm comes before the
 * next piece of any, so that what disturbs the machine for half a second disturbs all arms alike.
 * A lifetime is not cut: what piles up until its end is what it shows.
 */
export function piecesOf({ slotMs }: Plan, { load, weight }: Condition): number {
  const isWhole = LIFETIMES.some((name) => name === load);
  return isWhole ? 1 : Math.max(1, Math.round((slotMs * weight) / PIECE_MS));
}
