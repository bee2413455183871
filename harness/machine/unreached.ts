/**
 * Why an instruction of the allocator is in no scenario. Each reason is about instructions that no
 * program can lead to on CPUs with one task each; there is one for every instruction that
 * `explore --all` does not reach, and none that is about one it does (test/machine/reached.test.ts).
 */
import type { Site, SiteKind } from "./instrument/sites.js";

interface Reason {
  readonly function: RegExp;
  readonly kinds: readonly SiteKind[];
  /** Instructions that it is about. */
  readonly sites: number;
  readonly because: string;
}

const OTHER_TASK =
  "asks who owns a local lock that is held while its CPU may wait: with rt that is another task of " +
  "the same CPU, and a Worker is one task (test/unit/rt.test.ts has two)";
const OUTER_INTENT =
  "clears the intent that it noted itself, and its only caller, alloc_from_new_cpu_slab(), has " +
  "noted one before it";

export const REASONS: readonly Reason[] = [
  {
    function: /section\/lock_cpu_slab$/,
    kinds: ["load", "atomicLoad"],
    sites: 4,
    because: OTHER_TASK,
  },
  {
    function: /nolock\/(nolock_refuses|kmalloc_nolock|slab_free_nolock)$/,
    kinds: ["load", "atomicLoad"],
    sites: 8,
    because: OTHER_TASK,
  },
  {
    function: /alloc\/get_partial_node$|new_slab\/allocate_slab$/,
    kinds: ["store"],
    sites: 3,
    because: OUTER_INTENT,
  },
];

/** What reasonFor() says where there is none. */
export const NO_REASON = "no scenario leads there yet";

/** @returns why a site that was not reached cannot be */
export function reasonFor({ function: name, kind }: Pick<Site, "function" | "kind">): string {
  const found = REASONS.find((each) => each.function.test(name) && each.kinds.includes(kind));
  return found?.because ?? NO_REASON;
}
