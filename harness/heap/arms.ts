/**
 * The arms of deferral: a row an arm, and the one place where an arm has a name.
 *
 * To the allocator an arm is two numbers of the heap's header: where an object waits that a nolock
 * call cannot free right away (assembly/base/config.ts, DEFER_TO_*), and what drains it: the
 * counter of the lists that were taken so (assembly/sync/stat.ts, DEFER_DRAIN_*). An arm of a place
 * and a trigger that are there is a row here and nothing else: options, commands, scenarios and
 * tests have their lists of arms, and what they say of one, from the rows. An object that a place
 * does not take, an arm of "nowhere" or "slab" leaves on the list of its CPU.
 */
import { STAT_ITEMS, type StatItem } from "./stat-items.js";

/** Where objects wait; the index is what the header holds. */
export const DEFER_PLACES = [
  /** Freed at once, as an ordinary call would. */
  "nowhere",
  /** Freed to its slab without a lock; the slab waits, where it was full. */
  "slab",
  "cpu",
  "cpu and cache",
  "node",
  "cache",
  "cache line",
] as const;
/** One of DEFER_PLACES. */
export type DeferPlace = (typeof DEFER_PLACES)[number];

/** What drains them, by the counter that counts it. */
export const DEFER_TRIGGERS = {
  "slow free": "DEFER_DRAIN_SLOW_FREE",
  deactivate: "DEFER_DRAIN_DEACTIVATE",
  switch: "DEFER_DRAIN_SWITCH",
  "irq work": "DEFER_DRAIN_IRQ_WORK",
} as const satisfies Record<string, StatItem>;
/** A key of DEFER_TRIGGERS. */
export type DeferTrigger = keyof typeof DEFER_TRIGGERS;

/** Where objects wait and what drains them: all that the allocator knows of an arm. */
export interface ArmWay {
  readonly place: DeferPlace;
  readonly trigger: DeferTrigger;
}

interface ArmRow extends ArmWay {
  readonly name: string;
  /** The two columns of the table in README.md: where a nolock free waits, and who drains it. */
  readonly waits: string;
  readonly drained: string;
  /** What the comparison takes it for; absent: one of those that are compared. */
  readonly role?: ArmRole;
  /**
   * Whether numbered programs run in it (machine/scenarios/generated.ts). A number is a name, which
   * a row that comes must not move: it has false, and runs in the named scenarios.
   */
  readonly isNumbered: boolean;
}

/**
 * - floor: nothing is deferred; every ratio is to it.
 * - merged: what the kernel has, and a heap that names no arm; the second base of ratios.
 * - version 1: what was proposed first, and the question is about.
 * - rival: the other list per CPU: verdicts say from which price of irq_work on it wins.
 */
export type ArmRole = "floor" | "merged" | "version 1" | "rival";

/** The arms, in the order in which they are shown. */
export const ARMS = [
  {
    name: "none",
    place: "nowhere",
    trigger: "irq work",
    role: "floor",
    isNumbered: true,
    waits: "nowhere: ordinary frees, the floor",
    drained: "-",
  },
  {
    name: "global",
    place: "cache",
    trigger: "slow free",
    role: "version 1",
    waits: "one list per cache, in its hot line (version 1 of the kernel patch)",
    drained: "every slow `kfree()` of that cache",
    isNumbered: true,
  },
  {
    name: "global-line",
    place: "cache line",
    trigger: "slow free",
    isNumbered: true,
    waits: "the same, on a line of its own",
    drained: "the same",
  },
  {
    name: "node",
    place: "node",
    trigger: "slow free",
    isNumbered: true,
    waits: "one list per cache and node",
    drained: "slow `kfree()` on that node",
  },
  {
    name: "percpu-slow-free",
    place: "cpu and cache",
    trigger: "slow free",
    role: "rival",
    waits: "per cache and CPU",
    drained: "that CPU's slow frees",
    isNumbered: true,
  },
  {
    name: "percpu-deactivate",
    place: "cpu and cache",
    trigger: "deactivate",
    waits: "the same (the reviewer's proposal)",
    drained: "`deactivate_slab()`",
    isNumbered: true,
  },
  {
    name: "percpu-switch",
    place: "cpu and cache",
    trigger: "switch",
    isNumbered: true,
    waits: "the same",
    drained: "whoever replaces the cpu slab",
  },
  {
    name: "irq-work",
    place: "cpu",
    trigger: "irq work",
    role: "merged",
    isNumbered: true,
    waits: "one per CPU (merged, Linux 6.18)",
    drained: "irq_work",
  },
  {
    name: "direct",
    place: "slab",
    trigger: "irq work",
    isNumbered: true,
    waits: "ours: straight to the slab; the *slab* is deferred when it was full",
    drained: "irq_work",
  },
] as const satisfies readonly ArmRow[];

/** The arms of deferral by their public names. */
export const DEFER_ARMS = ARMS.map(({ name }) => name) as readonly DeferArm[];
/** One of DEFER_ARMS: where an object waits that a nolock call cannot free right away. */
export type DeferArm = (typeof ARMS)[number]["name"];

export const FLOOR_ARM = armFor("floor");
export const MERGED_ARM = armFor("merged");
export const VERSION_1_ARM = armFor("version 1");
export const RIVAL_ARM = armFor("rival");

/** Arms that differ in more than where a shared list lies: the first of each kind of place. */
export const KIND_ARMS: readonly DeferArm[] = ARMS.filter(
  (arm, index) => ARMS.findIndex((other) => kindOf(other) === kindOf(arm)) === index,
).map(({ name }) => name);

/** What the header holds of an arm. */
export interface ArmNumbers {
  readonly defer_place: number;
  readonly defer_trigger: number;
}

/** @returns the row of an arm */
export function armRow(name: DeferArm): ArmRow {
  return ARMS.find((arm) => arm.name === name) as ArmRow;
}

/** @returns what heap_init() is given, in that order */
export function wayNumbers({ place, trigger }: ArmWay): [place: number, trigger: number] {
  return [DEFER_PLACES.indexOf(place), STAT_ITEMS.indexOf(DEFER_TRIGGERS[trigger])];
}

/** @returns the same of an arm */
export function armNumbers(name: DeferArm): [place: number, trigger: number] {
  return wayNumbers(armRow(name));
}

/** @returns whether a place and a trigger go together (assembly/kmalloc/boot.ts arm_fits()) */
export function wayFits({ place, trigger }: ArmWay): boolean {
  return trigger !== "irq work" || listOf({ place }) === "cpu";
}

/** Every place with every trigger that it goes together with. */
export const ARM_WAYS: readonly ArmWay[] = DEFER_PLACES.flatMap((place) =>
  (Object.keys(DEFER_TRIGGERS) as DeferTrigger[]).map((trigger) => ({ place, trigger })),
).filter(wayFits);

/** @returns the way of a heap by its header, or null: there is none with these numbers */
export function wayOf({ defer_place, defer_trigger }: ArmNumbers): ArmWay | null {
  const isIt = (way: ArmWay) => {
    const [place, trigger] = wayNumbers(way);
    return place === defer_place && trigger === defer_trigger;
  };
  return ARM_WAYS.find(isIt) ?? null;
}

/** @returns the arm of a heap by its header, or null: no arm has these numbers */
export function armOf(numbers: ArmNumbers): DeferArm | null {
  const way = wayOf(numbers);
  const isIt = ({ place, trigger }: ArmWay) => place === way?.place && trigger === way.trigger;
  return ARMS.find(isIt)?.name ?? null;
}

/** @returns the list on which objects wait: a place that is a list */
export function listOf({ place }: Pick<ArmWay, "place">): DeferPlace {
  return place === "nowhere" || place === "slab" ? "cpu" : place;
}

/** What tells places apart; lists that all CPUs share differ in where they lie alone. */
function kindOf({ place }: Pick<ArmWay, "place">): DeferPlace | "shared" {
  return place === "cache" || place === "cache line" || place === "node" ? "shared" : place;
}

function armFor(role: ArmRole): DeferArm {
  const rows: readonly ArmRow[] = ARMS;
  return (rows.find((row) => row.role === role) as (typeof ARMS)[number]).name;
}
