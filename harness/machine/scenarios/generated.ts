/**
 * Small programs, all of them: every pair and triple of API operations on one to three CPUs, in
 * every reachable state of a tiny heap, for every arm of deferral, both kinds of local locks, and
 * with cmpxchg and without.
 *
 * A program has a number in its family, and a name that holds it (`two-pairs-1234`). Nothing is
 * built before it is asked for: a family is a row of blocks, one for each state of each heap; a
 * block is a list of skeletons (programs.ts) times the heaps' words (arm, local locks, cmpxchg).
 * The numbers change only when this file, programs.ts, or small-states.ts do.
 */
import { armRow, DEFER_ARMS, MERGED_ARM } from "../../heap/arms.js";
import type { ExploreOptions } from "../explore.js";
import { type Place, type Skeleton, countSkeletons, skeletons, variants } from "./programs.js";
import { type SmallState, type TinyHeap, smallStates } from "./small-states.js";

/** Slabs of 2, 3 and 4 objects; the last is a bucket of kmalloc. */
export const TINY_HEAPS: readonly TinyHeap[] = [
  { bytes: 16000, objects: 2, slabs: 3, cpuPartial: 1, kind: "c" },
  { bytes: 16000, objects: 2, slabs: 3, cpuPartial: 0, kind: "c" },
  { bytes: 10000, objects: 3, slabs: 2, cpuPartial: 1, kind: "c" },
  { bytes: 8000, objects: 4, slabs: 2, cpuPartial: 1, kind: "c" },
  { bytes: 8192, objects: 4, slabs: 2, cpuPartial: 1, kind: "k" },
];

export const FAMILIES = [
  ...(["one-pairs", "one-triples", "two-pairs", "two-triples", "two-nmi", "three"] as const),
] as const;
export type FamilyName = (typeof FAMILIES)[number];

export interface Family {
  readonly name: FamilyName;
  readonly about: string;
  /** Where the operations are, for each form of its programs. */
  readonly forms: readonly (readonly Place[])[];
  readonly options: Partial<ExploreOptions>;
  /** Bounds on preemptions that are explored one after the other, as far as time goes. */
  readonly bounds: readonly number[];
  /** Of `pct`: each program once for each depth. */
  readonly depths: readonly number[];
}

const NMI: Partial<ExploreOptions> = { nmi: 2, nmiDepth: 2, learns: false };

const TABLE: readonly Family[] = [
  {
    name: "one-pairs",
    about: "an operation, and another in NMIs before every access of it, two deep",
    forms: [["task0", "nmi"]],
    ...{ options: NMI, bounds: [0], depths: [0] },
  },
  {
    name: "one-triples",
    about: "two operations and one in NMIs, or one and two in NMIs, two deep",
    forms: [
      ["task0", "task0", "nmi"],
      ["task0", "nmi", "nmi"],
    ],
    ...{ options: NMI, bounds: [0], depths: [0] },
  },
  {
    name: "two-pairs",
    about: "an operation on each of two CPUs, at most two preemptions",
    forms: [["task0", "task1"]],
    ...{ options: {}, bounds: [2], depths: [0] },
  },
  {
    name: "two-triples",
    about: "two operations on one CPU and one on the other, at most two preemptions",
    forms: [
      ["task0", "task0", "task1"],
      ["task0", "task1", "task1"],
    ],
    ...{ options: {}, bounds: [2], depths: [0] },
  },
  {
    name: "two-nmi",
    about:
      "an operation on each of two CPUs and a third in an NMI on each, at most two preemptions",
    forms: [["task0", "task1", "nmi"]],
    ...{ options: { nmi: 1, nmiDepth: 1 }, bounds: [0, 1, 2], depths: [0] },
  },
  {
    name: "three",
    about: "an operation on each of three CPUs, at random to depth 3, 4 and 5",
    forms: [["task0", "task1", "task2"]],
    options: { policy: "pct", schedules: 1000 },
    ...{ bounds: [0], depths: [3, 4, 5] },
  },
];

export interface GeneratedProgram {
  readonly name: string;
  /** Its scenario. */
  readonly text: string;
  readonly options: Partial<ExploreOptions>;
  readonly bounds: readonly number[];
}

/** The words of a heap that a program is run with. */
interface Words {
  readonly text: string;
  readonly depth: number;
}

interface Block {
  readonly heap: TinyHeap;
  readonly state: SmallState;
  /** The number of its first program. */
  readonly first: number;
  readonly count: number;
}

export class Programs {
  readonly family: Family;
  /** How many there are. */
  readonly count: number;
  readonly #blocks: readonly Block[];
  /** The block that was used last, with its skeletons. */
  #last: { readonly block: Block; readonly list: readonly Skeleton[] } | undefined;

  constructor(name: FamilyName) {
    this.family = TABLE.find((each) => each.name === name) as Family;
    const blocks: Block[] = [];
    let first = 0;
    for (const heap of TINY_HEAPS) {
      for (const state of smallStates(heap).flatMap((each) => variants(heap, each))) {
        const count = this.#countOf(heap, state);
        blocks.push({ heap, state, first, count });
        first += count;
      }
    }
    this.#blocks = blocks;
    this.count = first;
  }

  /** @param number 0 .. count-1 @throws RangeError beyond */
  at(number: number): GeneratedProgram {
    const block = this.#blockOf(number);
    const list = this.#listOf(block);
    let left = number - block.first;
    for (const skeleton of list) {
      const words = wordsOf(skeleton.nolock, block.state, this.family);
      const chosen = words[left];
      if (chosen !== undefined) return this.#program(number, block, skeleton, chosen);
      left -= words.length;
    }
    throw new RangeError(`expected a program below ${this.count}, got ${number}`);
  }

  #program(number: number, block: Block, skeleton: Skeleton, words: Words): GeneratedProgram {
    const { name, options, bounds } = this.family;
    const { heap, state } = block;
    const parts = [
      ...["model", `${heap.bytes}`, words.text],
      ...(heap.cpuPartial === 0 ? ["part0"] : []),
      ...(state.setup === "" ? [] : [`setup:${state.setup}`]),
      ...skeleton.tasks.map((task) => `task:${task}`),
      ...(skeleton.handler === "" ? [] : [`nmi:${skeleton.handler}`]),
    ];
    const depth = words.depth === 0 ? {} : { depth: words.depth };
    const own = { ...options, ...depth, bound: bounds.at(-1) ?? 0 };
    return { name: `${name}-${number}`, text: parts.join("/"), options: own, bounds };
  }

  #countOf(heap: TinyHeap, state: SmallState): number {
    let sum = 0;
    for (const places of this.family.forms) {
      const { nolock, others } = countSkeletons(heap, state, places);
      sum += nolock * wordsOf(true, state, this.family).length;
      sum += others * wordsOf(false, state, this.family).length;
    }
    return sum;
  }

  #skeletons(heap: TinyHeap, state: SmallState): Skeleton[] {
    return this.family.forms.flatMap((places) => skeletons(heap, state, places));
  }

  #listOf(block: Block): readonly Skeleton[] {
    if (this.#last?.block === block) return this.#last.list;
    const list = this.#skeletons(block.heap, block.state);
    this.#last = { block, list };
    return list;
  }

  #blockOf(number: number): Block {
    let [low, high] = [0, this.#blocks.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#blocks[middle] as Block).first <= number) low = middle;
      else high = middle - 1;
    }
    return this.#blocks[low] as Block;
  }
}

const made = new Map<FamilyName, Programs>();

/** All programs of a family. */
export function programsOf(name: FamilyName): Programs {
  const known = made.get(name) ?? new Programs(name);
  made.set(name, known);
  return known;
}

/** A program by name, or null if it is no name of one. */
export function findProgram(name: string): GeneratedProgram | null {
  const [, family = "", digits = ""] = /^([a-z-]+)-(\d{1,15})$/.exec(name) ?? [];
  const known = FAMILIES.find((each) => each === family);
  if (known === undefined) return null;
  const programs = programsOf(known);
  return Number(digits) < programs.count ? programs.at(Number(digits)) : null;
}

/** What a heap differs in beside its arm: local locks, and what changes a slab word. */
const LOCKING = ["", "/rt", "/nocmpxchg", "/rt/nocmpxchg"];
/** A number is a name, which an arm that comes must not move. */
const NUMBERED_ARMS = DEFER_ARMS.filter((arm) => armRow(arm).isNumbered);
/** Those in which a nolock free of the setup waits: where it is done at once, it adds no state. */
const WAITING_ARMS = NUMBERED_ARMS.filter((arm) => {
  const { place } = armRow(arm);
  return place !== "nowhere" && place !== "slab";
});
const ONE_ARM = [MERGED_ARM];

const wordsCache = new Map<string, readonly Words[]>();

/** Arms matter only where something can be deferred. */
function wordsOf(nolock: boolean, { setup }: SmallState, { depths }: Family): readonly Words[] {
  const defers = /[XF]/.test(setup);
  const key = `${nolock} ${defers} ${depths.length}`;
  const known = wordsCache.get(key);
  if (known !== undefined) return known;
  const arms = defers ? WAITING_ARMS : nolock ? NUMBERED_ARMS : ONE_ARM;
  const words = arms.flatMap((arm) =>
    LOCKING.flatMap((locking) => depths.map((depth) => ({ text: `${arm}${locking}`, depth }))),
  );
  wordsCache.set(key, words);
  return words;
}
