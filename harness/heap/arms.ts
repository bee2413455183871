/**
 * The arms of deferral: a row an arm, and the one place where an arm has a name.
 *
 * To the allocator an arm is two numbers of the heap's header: where an object waits that a nolock
 * call cannot free right away (assembly/base/config.ts, DEFER_TO_*), and what drains it: the
 * counter of the lists that were taken so (assembly/sync/stat.ts, DEFER_DRAIN_*). An arm of a place
 * and a trigger that are there is a row here and nothing else. An object that a place does not
 * take, an arm of "nowhere" or "slab" leaves on the list of its CPU.
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

interface ArmRow {
  readonly name: string;
  readonly place: DeferPlace;
  /** "irq work" goes with the places of a CPU alone: "nowhere", "slab" and "cpu". */
  readonly trigger: DeferTrigger;
}

/** The arms, in the order in which they are shown. */
export const ARMS = [
  { name: "none", place: "nowhere", trigger: "irq work" },
  { name: "global", place: "cache", trigger: "slow free" },
  { name: "global-line", place: "cache line", trigger: "slow free" },
  { name: "node", place: "node", trigger: "slow free" },
  { name: "percpu-slow-free", place: "cpu and cache", trigger: "slow free" },
  { name: "percpu-deactivate", place: "cpu and cache", trigger: "deactivate" },
  { name: "percpu-switch", place: "cpu and cache", trigger: "switch" },
  { name: "irq-work", place: "cpu", trigger: "irq work" },
  { name: "direct", place: "slab", trigger: "irq work" },
] as const satisfies readonly ArmRow[];

/** The arms of deferral by their public names. */
export const DEFER_ARMS = ARMS.map(({ name }) => name) as readonly DeferArm[];
/** One of DEFER_ARMS: where an object waits that a nolock call cannot free right away. */
export type DeferArm = (typeof ARMS)[number]["name"];

/** What the header holds of an arm. */
export interface ArmNumbers {
  readonly defer_place: number;
  readonly defer_trigger: number;
}

/** @returns the row of an arm */
export function armRow(name: DeferArm): ArmRow {
  return ARMS.find((arm) => arm.name === name) as ArmRow;
}

/** @returns what heap_init() is given for an arm, in that order */
export function armNumbers(name: DeferArm): [place: number, trigger: number] {
  const { place, trigger } = armRow(name);
  return [DEFER_PLACES.indexOf(place), STAT_ITEMS.indexOf(DEFER_TRIGGERS[trigger])];
}

/** @returns the arm of a heap by its header, or null: no arm has these numbers */
export function armOf({ defer_place, defer_trigger }: ArmNumbers): DeferArm | null {
  const isIt = ({ name }: { readonly name: DeferArm }) => {
    const [place, trigger] = armNumbers(name);
    return place === defer_place && trigger === defer_trigger;
  };
  return ARMS.find(isIt)?.name ?? null;
}

/** @returns the list on which an arm's objects wait: a place that is a list */
export function listOfArm(name: DeferArm): DeferPlace {
  const { place } = armRow(name);
  return place === "nowhere" || place === "slab" ? "cpu" : place;
}
