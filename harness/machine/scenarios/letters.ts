/** What the letters of a program mean: one call each, with its arguments and who owns what then. */
import { type Argument, type Operation, type Role, operation } from "../core/program.js";

const NODE_ANY = -1;
/** The node that `n` and `N` ask for. */
const OTHER_NODE = 1;
const GFP_ZERO = 1;
const GFP_ACCOUNT = 2;
const LOCK_WAIT = 2;
/** More than any bucket holds. */
const LARGE_BYTES = 9000;
/** A block so large that no CPU keeps a list of its kind. */
const BLOCK_BYTES = 70_000;
/** More than the largest block of pages. */
const RUN_BYTES = 4_200_000;
/** Objects of a bulk call, and the slots that it uses from the one it names on. */
export const BULK_OBJECTS = 3;

/** Names of caches and groups, each in 32 bytes that belong to nobody, from here on. */
const NAMES_AT = 64;
const NAME_BYTES = 32;
/** The first is that of the scenario's own cache. */
const NAMES = ["own", "two", "grp"] as const;
/** Arrays of bulk calls come behind the names, below the stacks. */
const ARRAYS_AT = NAMES_AT + NAMES.length * NAME_BYTES;

/** Where cpu_reap() counts what it found: a place for each task. */
const REPORT_AT = 2048;
const REPORT_BYTES = 128;

/** One step of a program. */
export interface Step {
  /** A letter, or "." for a call by its name. */
  readonly letter: string;
  /** -1: none. */
  readonly slot: number;
  /** For a call by its name: that and its arguments, as text. */
  readonly words?: readonly string[];
}

/** What calls are about. */
export interface Around {
  /** Address of the scenario's own cache. */
  readonly cache: number;
  /** Bytes of its objects. */
  readonly bytes: number;
  readonly heapBase: number;
  /** By task: its CPU. */
  readonly cpus: readonly number[];
  /** The CPU that the step is for, which is also its instance. */
  readonly cpu: number;
  /** The task that the step is for. */
  readonly fibre: number;
}

interface Letter {
  readonly call: string;
  readonly role: Role;
  /** For frees: those before the object. */
  readonly args?: (around: Around) => readonly number[];
  /** For frees: those behind it. */
  readonly after?: (around: Around) => readonly number[];
  readonly nolock?: boolean;
  readonly bytes?: (around: Around) => number;
  readonly count?: number;
  readonly refusal?: Operation["refusal"];
  readonly mustReturn?: number;
  readonly waits?: boolean;
  /** It names a task, which must have died before, and no slot. */
  readonly reaps?: boolean;
}

const alloc = (call: string, args: Letter["args"], more: Partial<Letter> = {}): Letter => ({
  ...{ call, role: "alloc", ...(args === undefined ? {} : { args }) },
  ...more,
});
const free = (call: string, args?: Letter["args"], more: Partial<Letter> = {}): Letter => ({
  ...{ call, role: "free", ...(args === undefined ? {} : { args }) },
  ...more,
});
const alone = (call: string, args?: Letter["args"], mustReturn?: number): Letter => ({
  ...{ call, role: "other", ...(args === undefined ? {} : { args }) },
  ...(mustReturn === undefined ? {} : { mustReturn }),
});
const CACHE = ({ cache }: Around) => [cache];

/** Those that do not wait for a death: they are skipped if it has not come yet. */
const SKIPS = ["E", "G"];

/** Every letter. Those with the role "other" stand alone, all others name a slot; some a task. */
export const LETTERS: Readonly<Record<string, Letter>> = {
  k: alloc("kmalloc", ({ bytes }) => [bytes, 0]),
  K: alloc("kmalloc_nolock", ({ bytes }) => [bytes, 0, NODE_ANY], { nolock: true }),
  z: alloc("kzalloc", ({ bytes }) => [bytes]),
  a: alloc("kmalloc", ({ bytes }) => [bytes, GFP_ACCOUNT]),
  A: alloc("kmalloc_nolock", ({ bytes }) => [bytes, GFP_ACCOUNT, NODE_ANY], { nolock: true }),
  n: alloc("kmalloc_node", ({ bytes }) => [bytes, 0, OTHER_NODE]),
  N: alloc("kmalloc_nolock", ({ bytes }) => [bytes, 0, OTHER_NODE], { nolock: true }),
  q: alloc("kcalloc", ({ bytes }) => [2, bytes >>> 1]),
  y: alloc("aligned_alloc", ({ bytes }) => [bytes & -bytes, bytes]),
  l: alloc("kmalloc", () => [LARGE_BYTES, 0], { bytes: () => LARGE_BYTES }),
  g: alloc("kmalloc", () => [BLOCK_BYTES, 0], { bytes: () => BLOCK_BYTES }),
  m: alloc("kmalloc", () => [RUN_BYTES, 0], { bytes: () => RUN_BYTES }),
  f: free("kfree"),
  F: free("kfree_nolock", undefined, { nolock: true }),
  r: free("kfree_rcu", undefined, { refusal: "zero", waits: true }),
  j: free("kfree_checked", undefined, { refusal: "other" }),
  J: free("kfree_nolock_checked", undefined, { refusal: "other", nolock: true }),
  u: {
    ...{ call: "krealloc", role: "realloc", refusal: "zero" },
    ...{ after: ({ bytes }) => [bytes * 2, 0], bytes: ({ bytes }) => bytes * 2 },
  },
  v: {
    ...{ call: "krealloc", role: "realloc", refusal: "zero" },
    ...{ after: ({ bytes }) => [bytes >>> 1, GFP_ZERO], bytes: ({ bytes }) => bytes >>> 1 },
  },
  c: alloc("kmem_cache_alloc", ({ cache }) => [cache, 0]),
  C: alloc("kmem_cache_alloc_nolock", ({ cache }) => [cache, 0, NODE_ANY], { nolock: true }),
  x: free("kmem_cache_free", CACHE),
  X: free("kmem_cache_free_nolock", CACHE, { nolock: true }),
  B: alloc("kmem_cache_alloc_bulk", ({ cache }) => [cache, 0, BULK_OBJECTS], {
    count: BULK_OBJECTS,
  }),
  U: free("kmem_cache_free_bulk", ({ cache }) => [cache, BULK_OBJECTS], { count: BULK_OBJECTS }),
  V: free("kfree_bulk_checked", ({ cache }) => [cache, BULK_OBJECTS], {
    ...{ count: BULK_OBJECTS, refusal: "other" },
  }),
  p: alone("poll"),
  b: alone("defer_free_barrier"),
  s: alone("kmem_cache_shrink", CACHE),
  w: alone("synchronize_rcu"),
  W: alone("rcu_barrier", undefined, 1),
  i: alone("rcu_read_lock"),
  o: alone("rcu_read_unlock"),
  d: alone("kmem_cache_destroy", CACHE, 0),
  E: { ...alone("cpu_died"), reaps: true },
  e: { ...alone("cpu_died"), reaps: true },
  D: { ...alone("cpu_reap"), reaps: true },
  T: { ...alone("cpu_reap_as"), reaps: true },
  G: { ...alone("cpu_reaper_died"), reaps: true },
  h: alone("cpu_offline"),
  H: alone("cpu_attach", ({ heapBase, cpu }) => [heapBase, cpu, LOCK_WAIT]),
};

/** Whether a letter comes without a number. */
export function standsAlone(letter: string): boolean {
  const { role, reaps = false } = LETTERS[letter] ?? {};
  return role === "other" && !reaps;
}

/** The slots that a step uses. */
export function slotsOf({ letter, slot }: Step): number[] {
  if (slot < 0 || LETTERS[letter]?.reaps === true) return [];
  return Array.from({ length: LETTERS[letter]?.count ?? 1 }, (_, at) => slot + at);
}

/** Whether a step takes something out of its slot. */
export function takes({ letter }: Step): boolean {
  const role = LETTERS[letter]?.role;
  return role === "free" || role === "realloc";
}

/** Write what calls expect where nobody owns anything. */
export function writeNames(words: Int32Array): void {
  const bytes = new Uint8Array(words.buffer);
  for (const [at, name] of NAMES.entries()) {
    for (const [index, letter] of [...name].entries()) {
      bytes[NAMES_AT + at * NAME_BYTES + index] = letter.charCodeAt(0);
    }
  }
}

export function nameAddress(name: (typeof NAMES)[number]): number {
  return NAMES_AT + NAMES.indexOf(name) * NAME_BYTES;
}

/** Makes operations of steps; arrays of bulk calls are each step's own. */
export class OperationMaker {
  #arrays = ARRAYS_AT;

  make(step: Step, around: Around): Operation {
    const letter = LETTERS[step.letter];
    if (letter === undefined) return byName(step, around);
    if (letter.reaps === true) return reap(step, letter.call, around);
    const { call, role, count = 1, nolock = false, waits = false } = letter;
    const before = letter.args?.(around) ?? [];
    const bytes = letter.bytes?.(around) ?? around.bytes;
    const array = count > 1 ? this.#newArray() : 0;
    const object: Argument[] = role === "free" || role === "realloc" ? [{ slot: step.slot }] : [];
    const args = count > 1 ? [...before, array] : [...before, ...object];
    return {
      ...operation(call, ...args, ...(letter.after?.(around) ?? [])),
      ...{ role, nolock, count, array, object: before.length, waits },
      into: role === "free" && count === 1 ? -1 : step.slot,
      bytes: role === "alloc" || role === "realloc" ? bytes : 0,
      refusal: letter.refusal ?? null,
      mustReturn: letter.mustReturn ?? null,
    };
  }

  #newArray(): number {
    const array = this.#arrays;
    // A checked free tells the index of a bad object in the word behind.
    this.#arrays += (BULK_OBJECTS + 1) * 4;
    return array;
  }
}

function reap({ letter, slot }: Step, call: string, around: Around): Operation {
  const { cpus, fibre, heapBase } = around;
  const [task = 0, as = task] = tasksOf({ letter, slot });
  const cpu = cpus[as] ?? 0;
  const base = letter === "D" ? [] : [heapBase];
  const report = letter === "D" || letter === "T" ? [REPORT_AT + fibre * REPORT_BYTES] : [];
  const args = [...base, cpu, ...report];
  return { ...operation(call, ...args), awaits: task, skips: SKIPS.includes(letter) };
}

/** The task whose death a step is about; of `G`, also that as whose CPU it recovered. */
export function tasksOf({ letter, slot }: Step): number[] {
  return letter === "G" ? [Math.floor(slot / 10), slot % 10] : [slot];
}

/** `.call:argument:argument.` with its result into a slot, if one follows. */
function byName({ words = [], slot }: Step, around: Around): Operation {
  const [call = "", ...texts] = words;
  return { ...operation(call, ...texts.map((text) => argument(text, around))), into: slot };
}

function argument(text: string, { cache, bytes, heapBase, cpu }: Around): Argument {
  const [, slot] = /^s(\d+)$/.exec(text) ?? [];
  if (slot !== undefined) return { slot: Number(slot) };
  const known: Readonly<Record<string, number>> = { cache, bytes, base: heapBase, cpu, any: -1 };
  if (text in known) return known[text] as number;
  const name = NAMES.find((each) => each === text);
  return name === undefined ? Number(text) : nameAddress(name);
}

/** Whether an argument of a call by its name is one. */
export function isArgument(text: string): boolean {
  const around = { cache: 1, bytes: 1, heapBase: 1, cpu: 1, cpus: [], fibre: 0 };
  const value = argument(text, around);
  return typeof value === "object" || Number.isInteger(value);
}
