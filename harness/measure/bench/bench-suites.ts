/** The suites of `slablab bench`, and which of them a filter means. */
import { FASTPATH_TASKS } from "../../workload/fastpath.js";
import { OPTION_HEAPS, OPTION_LOADS } from "../../workload/option-tasks.js";
import { LOADS } from "../../workload/loads/catalogue.js";
import type { LoadDefinition } from "../../workload/loads/definition.js";
import { rowKey } from "./bench-row.js";

const MICRO_SUITES = {
  fastpath: "the fast path against a loop by hand, and calls from JavaScript",
  options: "what each option of a heap costs",
} as const;
type MicroSuite = keyof typeof MICRO_SUITES;

interface SuiteHead {
  readonly name: string;
  readonly about: string;
  /** Rows that are shown; null: all. */
  readonly only: readonly string[] | null;
}

export type Suite =
  | (SuiteHead & { readonly kind: "micro"; readonly name: MicroSuite })
  | (SuiteHead & { readonly kind: "load"; readonly load: LoadDefinition });

/** Every load, and of a sweep what is not optional, as a filter. */
const ALL_LOADS = "loads";
/** Everything there is, as a filter. */
const ALL = "all";
/** What runs without a filter, if it exists: at most a minute with the default duration. */
const DEFAULTS = ["fastpath", "larson", "xmalloc-test", "mstress", "glibc-thread", "malloc-large"];

export function allSuites(): Suite[] {
  const micros = Object.entries(MICRO_SUITES).map(
    ([name, about]): Suite => ({ kind: "micro", name: name as MicroSuite, about, only: null }),
  );
  const loads = LOADS.map((load): Suite => {
    return { kind: "load", name: load.name, about: load.model, only: null, load };
  });
  return [...micros, ...loads];
}

/** Rows of a micro-benchmark; those of a load depend on flavours and CPUs. */
export function rowsOf(suite: Suite): string[] {
  if (suite.kind === "load") return [];
  if (suite.name === "fastpath") return [...FASTPATH_TASKS];
  return Object.keys(OPTION_HEAPS).flatMap((each) => OPTION_LOADS.map((load) => `${each} ${load}`));
}

export function defaultSuites(suites: readonly Suite[]): Suite[] {
  return suites.filter(({ name }) => DEFAULTS.includes(name));
}

/**
 * Suites that `filter` means: one of that name; else all whose names have it in them; else those
 * that have rows with it, and these rows alone. @returns none if nothing fits
 */
export function matchSuites(suites: readonly Suite[], filter: string): Suite[] {
  if (filter === ALL) return [...suites];
  if (filter === ALL_LOADS) return suites.filter(isNoOption);
  const same = suites.filter(({ name }) => name === filter);
  if (same.length > 0) return same;
  const like = suites.filter(({ name }) => name.includes(filter));
  if (like.length > 0) return like;
  return suites.flatMap((suite) => {
    const only = rowsOf(suite).filter((row) =>
      rowKey({ suite: suite.name, name: row }).includes(filter),
    );
    return only.length > 0 ? [{ ...suite, only }] : [];
  });
}

function isNoOption(suite: Suite): boolean {
  return suite.kind === "load" && suite.load.isOptional !== true;
}

/** The name that is closest to what was typed, or null if none is close. */
export function closestName(names: readonly string[], typed: string): string | null {
  const ranked = names
    .map((name) => ({ name, distance: editDistance(name, typed) }))
    .sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  return best !== undefined && best.distance <= Math.max(2, typed.length / 3) ? best.name : null;
}

/** Letters to change, add or leave out. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [index, letter] of [...a].entries()) {
    const next = [index + 1];
    for (let column = 1; column <= b.length; column++) {
      const [left = 0, above = 0, corner = 0] = [next[column - 1], row[column], row[column - 1]];
      next.push(Math.min(left + 1, above + 1, corner + (letter === b[column - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
