/**
 * What operations a small program may consist of, in canonical form: what nothing tells apart is
 * written once.
 *
 * - Slots are numbered in the order in which objects are allocated.
 * - Of objects in one slab the oldest is freed; of slabs that nothing tells apart, the first.
 * - Of CPUs that nothing tells apart, the one with the smaller program comes first.
 * - A free always has something to free: an object of the setup, or one that the same task, or the
 *   same NMI, allocated before.
 */
import type { SmallSlab, SmallState, TinyHeap } from "./small-states.js";

/** Where an operation is. */
export type Place = "task0" | "task1" | "task2" | "nmi";

/** A program without the words of its heap. */
export interface Skeleton {
  readonly tasks: readonly string[];
  readonly handler: string;
  /** It has a call that may have to defer. */
  readonly nolock: boolean;
}

interface Letters {
  readonly allocs: string;
  readonly frees: string;
  readonly alone: string;
}

const OF_TASKS: Readonly<Record<TinyHeap["kind"], Letters>> = {
  c: { allocs: "cC", frees: "xXr", alone: "spbw" },
  k: { allocs: "kKzl", frees: "fFr", alone: "" },
};
/** An NMI may call nothing else. */
const OF_NMIS: Readonly<Record<TinyHeap["kind"], Letters>> = {
  c: { allocs: "C", frees: "X", alone: "" },
  k: { allocs: "K", frees: "F", alone: "" },
};
const PLACES: readonly Place[] = ["task0", "task1", "task2", "nmi"];
/** Whole pages are freed by kfree() alone. */
const LARGE = "l";

interface Taken {
  readonly place: Place;
  readonly letter: string;
  /** Its number in the text; -1: none. */
  readonly slot: number;
  /** What it frees: a slab of the setup, by its place in the list; -1: its own; -2: nothing. */
  readonly slab: number;
}

const OWN = -1;
const NOTHING = -2;

/** A state, and those that differ from it in one object whose free was deferred. */
export function variants(heap: TinyHeap, state: SmallState): SmallState[] {
  const letter = heap.kind === "c" ? "X" : "F";
  const deferred = distinct(state.slabs, [])
    .filter((at) => state.slabs[at]?.place.startsWith("cpu") === false)
    .map((at) => {
      const slabs = state.slabs.map((slab, index) =>
        index === at ? { place: `${slab.place}, deferred`, live: slab.live.slice(1) } : slab,
      );
      const setup = `${state.setup}${letter}${state.slabs[at]?.live[0]}`;
      return { ...state, setup, slabs, signature: `${state.signature} - ${at}` };
    });
  return [state, ...deferred];
}

/** All canonical programs with an operation in each of `places`. */
export function skeletons(heap: TinyHeap, state: SmallState, places: readonly Place[]): Skeleton[] {
  const found: Skeleton[] = [];
  const taken: Taken[] = [];
  const alike = alikeTasks(state, places);
  const sharesHandler = places.includes("nmi") && places.includes("task1");
  const grow = (nextSlot: number): void => {
    const place = places[taken.length];
    if (place === undefined) {
      if (isCanonical(taken, alike)) found.push(skeletonOf(taken));
      return;
    }
    const { allocs, frees, alone } = (place === "nmi" ? OF_NMIS : OF_TASKS)[heap.kind];
    const add = (letter: string, slot: number, slab: number, next: number): void => {
      taken.push({ place, letter, slot, slab });
      grow(next);
      taken.pop();
    };
    for (const letter of allocs) add(letter, nextSlot, NOTHING, nextSlot + 1);
    for (const letter of alone) add(letter, -1, NOTHING, nextSlot);
    for (const { letter: how, slot } of ownObjects(taken, place)) {
      for (const letter of how === LARGE ? "f" : frees) add(letter, slot, OWN, nextSlot);
    }
    // All tasks have the same NMI: what one of them frees, another cannot.
    if (place === "nmi" && sharesHandler) return;
    for (const slab of distinct(state.slabs, taken)) {
      const slot = remaining(state.slabs, taken, slab)[0] as number;
      for (const letter of frees) add(letter, slot, slab, nextSlot);
    }
  };
  grow(state.nextSlot);
  return found;
}

/** How many there are, with calls that may have to defer and without. */
export interface SkeletonCount {
  readonly nolock: number;
  readonly others: number;
}

const counts = new Map<string, SkeletonCount>();

/** The number of skeletons(), which is the same for states with the same pattern of slabs. */
export function countSkeletons(
  heap: TinyHeap,
  state: SmallState,
  places: readonly Place[],
): SkeletonCount {
  const kinds = state.slabs.map(({ place }) => place);
  const pattern = state.slabs.map(({ place, live }) => [
    kinds.indexOf(place),
    Math.min(live.length, places.length),
  ]);
  const key = [heap.kind, state.setup === "", places.join(), JSON.stringify(pattern)].join(" ");
  const known = counts.get(key);
  if (known !== undefined) return known;
  const all = skeletons(heap, state, places);
  const nolock = all.filter((each) => each.nolock).length;
  const count = { nolock, others: all.length - nolock };
  counts.set(key, count);
  return count;
}

/** What was allocated in the same place and is not freed yet. */
function ownObjects(taken: readonly Taken[], place: Place): Taken[] {
  const freed = new Set(taken.filter(({ slab }) => slab === OWN).map(({ slot }) => slot));
  return taken.filter(
    (each) =>
      each.place === place && each.slab === NOTHING && each.slot >= 0 && !freed.has(each.slot),
  );
}

function remaining(slabs: readonly SmallSlab[], taken: readonly Taken[], slab: number): number[] {
  const gone = new Set(taken.filter((each) => each.slab === slab).map(({ slot }) => slot));
  return (slabs[slab]?.live ?? []).filter((slot) => !gone.has(slot));
}

/** Slabs with live objects, one of those that nothing tells apart. */
function distinct(slabs: readonly SmallSlab[], taken: readonly Taken[]): number[] {
  const seen = new Set<string>();
  return [...slabs.keys()].filter((slab) => {
    if (remaining(slabs, taken, slab).length === 0) return false;
    const uses = taken.flatMap((each, at) => (each.slab === slab ? [at] : [])).join(",");
    const key = `${slabs[slab]?.place} ${uses}`;
    const isNew = !seen.has(key);
    seen.add(key);
    return isNew;
  });
}

/** Tasks that nothing tells apart: all if the heap is empty, else those whose CPUs have no slab. */
function alikeTasks({ setup }: SmallState, places: readonly Place[]): Place[] {
  const from = setup === "" ? "task0" : "task1";
  return PLACES.filter((place) => place !== "nmi" && place >= from && places.includes(place));
}

function isCanonical(taken: readonly Taken[], alike: readonly Place[]): boolean {
  const keys = alike.map((place) =>
    taken
      .filter((each) => each.place === place)
      .map(({ letter, slab }) => `${letter}${slab}`)
      .join(" "),
  );
  return keys.every((key, at) => at === 0 || (keys[at - 1] as string) <= key);
}

function skeletonOf(taken: readonly Taken[]): Skeleton {
  const textOf = (place: Place): string =>
    taken
      .filter((each) => each.place === place)
      .map(({ letter, slot }) => `${letter}${slot < 0 ? "" : slot}`)
      .join("");
  const tasks = PLACES.filter((place) => place !== "nmi")
    .map(textOf)
    .filter((text) => text !== "");
  const nolock = taken.some(({ letter }) => "CKXF".includes(letter));
  return { tasks, handler: textOf("nmi"), nolock };
}
