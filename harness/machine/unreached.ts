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
const OUTER_INTENT =
  "clears the intent that it noted itself, and its only caller, alloc_from_new_cpu_slab(), has " +
  "noted one before it";

export const REASONS: readonly Reason[] = [
  { function: "assembly/slab/section/lock_cpu_slab", sites: 4, because: OTHER_TASK },
  { function: "assembly/slab/nolock/nolock_refuses", sites: 2, because: OTHER_TASK },
  { function: "assembly/slab/nolock/slab_free_nolock", sites: 2, because: OTHER_TASK },
  { function: "assembly/kmalloc/nolock/kmalloc_nolock", sites: 4, because: OTHER_TASK },
  { function: "assembly/slab/alloc/get_partial_node", sites: 1, because: OUTER_INTENT },
  { function: "assembly/slab/new_slab/allocate_slab", sites: 2, because: OUTER_INTENT },
];

/** What reasonFor() says where there is none. */
export const NO_REASON = "no scenario leads there yet";

/** @returns why an instruction of `name` that was not reached cannot be */
export function reasonFor(name: string): string {
  return REASONS.find((each) => each.function === name)?.because ?? NO_REASON;
}
