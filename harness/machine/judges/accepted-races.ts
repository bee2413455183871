/**
 * The races that are part of the design: each by its field and by the two places in the sources
 * that meet there, so that a third place is a finding.
 *
 * Most of them need a task that is moved to another CPU in the middle of a fast path. As long as
 * none is, they are not accepted.
 */
import type { HeapView } from "../../heap/view.js";
import type { Machine } from "../core/machine.js";
import type { Site, SiteKind } from "../instrument/sites.js";
import { isMove } from "../policies/policy.js";
import { nameAddress } from "../timeline/address-name.js";
import type { Race } from "./races.js";

/** One side: a kind of access in a function of the sources; or a user's write. */
type Side = Place | "user" | "any";

interface Place {
  /** null: any that looks, a cmpxchg among them, which does no more until it succeeds. */
  readonly kind: SiteKind | null;
  /** Functions of the sources; null: any. */
  readonly in: readonly string[] | null;
  /** The function of the binary that they were inlined into; undefined: any. */
  readonly inside?: RegExp;
  /** Only accesses that a task survives a move before. */
  readonly onFastPath?: boolean;
}

interface AcceptedRace {
  /** Name of the field, as a timeline has it. */
  readonly field: RegExp;
  readonly one: Side;
  readonly other: Side;
  readonly because: string;
  /** It happens to tasks that stay on their CPUs, too. */
  readonly always?: boolean;
}

/** Where a descriptor's hand is written; the token's own function is the place of its operand. */
const TAKES_IN_HAND = [
  ...["link_partial", "push", "hold", "prepare_page", "thaw", "defer_slab", "cpu_token"],
  "set_cpu_slab",
];

const LOOKS: ReadonlySet<SiteKind> = new Set([
  ...(["load", "atomicLoad", "relax", "cmpxchg"] as const),
]);

const POP_LINK: Side = { kind: "load", in: ["get_freepointer"] };
const WORD_READS = [
  ...["try_pop", "try_push", "try_push_checked", "alloc_from_cpu_freelist", "free_to_cpu_slab"],
];
const CPU_WORD = /\.kmem_cache_cpu\[[^\]]*\]\.(?:freelist|tid)$/;
const CPU_SLAB = /\.kmem_cache_cpu\[[^\]]*\]\.(?:freelist|tid|slab)$/;
const LINK = / free pointer$/;
const NR_PARTIAL_ASKED = /\/(?:get_partial|debug_cache_alloc)\/|\/kmem_cache_node\/nr_partial$/;

export const ACCEPTED_RACES: readonly AcceptedRace[] = [
  {
    field: LINK,
    one: POP_LINK,
    other: "user",
    because:
      "the first object of the CPU that the task was on may be somebody's by now: what a pop " +
      "read there counts only if its cmpxchg then finds the word of its new CPU unchanged",
  },
  {
    field: LINK,
    one: POP_LINK,
    other: { kind: "store", in: ["set_freepointer"] },
    because: "the same object, freed once more by whoever had it",
  },
  {
    field: CPU_WORD,
    one: { kind: "load", in: WORD_READS },
    other: { kind: "cmpxchg", in: ["cmpxchg_double"] },
    because:
      "a task that was moved reads the word of its old CPU, perhaps torn; its own cmpxchg is on " +
      "the new CPU's word, whose tid is another",
  },
  {
    field: CPU_SLAB,
    one: { kind: "load", in: null, onFastPath: true },
    other: { kind: "store", in: null },
    because:
      "the same, where the CPU that the task was on is inside a section by now: it ends with " +
      "another tid, and so does not matter either",
  },
  {
    field: /\bin_hand$/,
    one: { kind: "cmpxchg", in: ["cmpxchg"], inside: /\/deactivate\/thaw$/ },
    other: {
      kind: "store",
      in: [...TAKES_IN_HAND],
    },
    because: "who lets go of a thawed slab looks for its own mark, and any other store is kept",
    always: true,
  },
  {
    field: /\.nr_partial$/,
    // Where it is not inlined, who asks with the lock held is ordered by that.
    one: { kind: "atomicLoad", in: ["read_once", "nr_partial"], inside: NR_PARTIAL_ASKED },
    other: { kind: "store", in: ["add_partial", "remove_partial", "rebuild_node"] },
    because:
      "who asks before it takes list_lock asks for a hint: it finds the count of now or of a " +
      "moment ago, and what happened before the question in any case",
    always: true,
  },
  {
    field: /\.drains$/,
    one: { kind: null, in: ["read_once", "wait_for_drain"], inside: /\/barrier\// },
    other: { kind: "store", in: ["this_cpu_add"] },
    because:
      "who waits for a drain has found its list empty, by an exchange that came after this " +
      "store, and finds a later one if it came by itself (sync/percpu.ts this_cpu_add())",
    always: true,
  },
  {
    field: /./,
    one: { kind: null, in: null, inside: /^assembly\/reap\// },
    other: "any",
    because:
      "reaping looks at every descriptor, also at those that live CPUs change; what it acts on " +
      "it takes by a cmpxchg, which any other store undoes, or judges again under the lock",
    always: true,
  },
];

/** @returns whether a race that a schedule showed is one of them. */
export function acceptRaces(machine: Machine, view: HeapView): (race: Race) => boolean {
  const { sites } = machine.module.table;
  const known = new Map<number, readonly AcceptedRace[]>();
  const candidates = (site: number, other: number) => {
    const key = (site + 1) * 65536 + other + 1;
    const found = known.get(key);
    if (found !== undefined) return found;
    const all = ACCEPTED_RACES.filter(
      (race) =>
        (matches(race.one, sites[site]) && matches(race.other, sites[other])) ||
        (matches(race.one, sites[other]) && matches(race.other, sites[site])),
    );
    known.set(key, all);
    return all;
  };
  return ({ site, other, address }) => {
    const all = candidates(site, other);
    if (all.length === 0) return false;
    const isMoved = machine.deviations.some(({ code }) => isMove(code));
    const name = nameAddress(view, address);
    return all.some(({ field, always = false }) => (always || isMoved) && field.test(name));
  };
}

function matches(side: Side, site: Site | undefined): boolean {
  if (side === "any") return true;
  if (side === "user" || site === undefined) return side === "user" && site === undefined;
  const { kind, in: names, inside, onFastPath = false } = side;
  return (
    (kind === null ? LOOKS.has(site.kind) : site.kind === kind) &&
    // Builds of mutants know no places.
    (names === null || site.place === null || names.includes(site.place.function)) &&
    (!onFastPath || site.survivesMove) &&
    (inside === undefined || inside.test(site.function))
  );
}
