/**
 * Tiers: what `slablab explore` runs in five minutes, in an hour, and in as many as there are.
 *
 * A plan holds the whole campaign, whatever the shard: documents of shards are merged only if the
 * hashes of their plans are the same.
 */
import { DEPTH_MAX } from "./core/fibre.js";
import { DEFAULT_EXPLORE, type ExploreOptions } from "./explore.js";
import { FAMILIES, type FamilyName } from "./scenarios/generated.js";
import { LEARNING_PROOF, type NamedScenario, SCENARIOS } from "./scenarios/named.js";

export const TIERS = ["some", "all", "deep", "generated"] as const;
export type Tier = (typeof TIERS)[number];

export interface FamilyShare {
  readonly family: FamilyName;
  /** Programs of it, from the first in the seed's order; null: all. */
  readonly programs: number | null;
  /** Its part of the time, against the others. */
  readonly weight: number;
}

export interface Plan {
  readonly tier: Tier;
  readonly scenarios: readonly NamedScenario[];
  readonly families: readonly FamilyShare[];
  /** Scenarios that are explored with and without learned conflicts. */
  readonly learning: readonly string[];
  /** Milliseconds for the scenarios together, for the programs together, and for one program. */
  readonly scenariosMs: number;
  readonly programsMs: number;
  readonly programMs: number;
}

const MINUTE_MS = 60_000;
/** No limit but its own on each scenario. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER;
const PROGRAM_MS = 20_000;

/**
 * What each family gets: programs of `--all`, which take about a minute together; and parts of the
 * time of `--deep`. More for those that can be complete.
 */
const WEIGHTS: Readonly<Record<FamilyName, { readonly sample: number; readonly weight: number }>> =
  {
    "one-pairs": { sample: 24, weight: 3 },
    "one-triples": { sample: 8, weight: 2 },
    "two-pairs": { sample: 80, weight: 3 },
    "two-triples": { sample: 60, weight: 2 },
    "two-nmi": { sample: 12, weight: 2 },
    three: { sample: 30, weight: 1 },
  };
/** A program of the sample that takes longer says that it is not complete. */
const SAMPLE_PROGRAM_MS = 2000;

const NOTHING = {
  ...{ scenarios: [], families: [], learning: [] },
  ...{ scenariosMs: NO_LIMIT, programsMs: NO_LIMIT, programMs: PROGRAM_MS },
};

/** Scenarios that somebody named. */
export function planOf(scenarios: readonly NamedScenario[]): Plan {
  return { ...NOTHING, tier: "some", scenarios };
}

/** Every scenario, and a sample of the generated programs: five minutes on one core. */
export function planAll(): Plan {
  const families = FAMILIES.map((family) => {
    const { sample: programs, weight } = WEIGHTS[family];
    return { family, programs, weight };
  });
  return {
    ...{ ...NOTHING, tier: "all", scenarios: SCENARIOS, families },
    programMs: SAMPLE_PROGRAM_MS,
  };
}

/**
 * Every scenario one bound higher, the proof that learning leaves nothing out, and generated
 * programs as far as time goes: half the time for each.
 */
export function planDeep(budgetMs = 60 * MINUTE_MS): Plan {
  return {
    tier: "deep",
    scenarios: SCENARIOS.map(deeper),
    families: familiesOf(FAMILIES),
    learning: LEARNING_PROOF,
    ...{ scenariosMs: budgetMs / 2, programsMs: budgetMs / 2, programMs: PROGRAM_MS },
  };
}

/** All generated programs of some families. */
export function planGenerated(families: readonly FamilyName[], budgetMs = NO_LIMIT): Plan {
  return {
    ...{ ...NOTHING, tier: "generated", families: familiesOf(families) },
    programsMs: budgetMs,
  };
}

function familiesOf(families: readonly FamilyName[]): FamilyShare[] {
  return families.map((family) => ({ family, programs: null, weight: WEIGHTS[family].weight }));
}

/** One preemption, or one NMI, more; at random, deeper and for as long as it may. */
function deeper(named: NamedScenario): NamedScenario {
  const before = { ...DEFAULT_EXPLORE, ...named.options };
  const { policy, bound, nmi, depth } = before;
  if (policy !== "dfs") {
    return { ...named, options: { ...named.options, depth: depth + 2, schedules: 1e9 } };
  }
  const more: Partial<ExploreOptions> =
    bound === 0 && nmi > 0
      ? { nmi: nmi + 1, nmiDepth: Math.min(DEPTH_MAX, before.nmiDepth + 1) }
      : { bound: bound === null ? null : bound + 1 };
  return { ...named, options: { ...named.options, ...more } };
}

/** Seconds: about when a scenario's time is over. */
const ESTIMATE_MAX = 30;

/**
 * Seconds that a scenario takes, roughly: what shards are balanced by. Accesses of a schedule grow
 * with the operations, and so do the places at which something can be injected.
 */
export function estimateSeconds({ text, options }: NamedScenario): number {
  const { policy, bound, nmi, learns, schedules } = { ...DEFAULT_EXPLORE, ...options };
  const programs = text.split("/").filter((word) => /^(task\d*|nmi):/.test(word));
  const operations = programs.join("").match(/[a-zA-Z](?=\d|[a-z]|$)/g)?.length ?? 1;
  const accesses = 40 * operations;
  const preempted = (learns ? operations * 8 : accesses) ** Math.min(3, bound ?? 3);
  const interrupted = (accesses / 2) ** nmi;
  const all = policy === "dfs" ? preempted * interrupted : schedules;
  return Math.min((all * accesses) / 2e6, ESTIMATE_MAX);
}

/** What was to be explored, whatever the shard and the time: 8 hexadecimal digits. */
export function hashOf(plan: Plan, options: Partial<ExploreOptions>): string {
  const { tier, scenarios, families, learning } = plan;
  const { durationMs, signal, ...rest } = options;
  const text = JSON.stringify([tier, scenarios, families, learning, rest]);
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, "0");
}
