/**
 * The published shape of `slablab explore --json`: docs/schema/explore-v1.schema.json is made from
 * it, and a test holds both against each other and against a real document.
 *
 * A key that others rely on keeps its name and meaning within a version.
 */
import * as v from "valibot";
import type { BenchResults } from "../../machine/machine-speed.js";
import type { CampaignResults } from "../../machine/campaign.js";
import type { ExploreFinding } from "../../machine/explore.js";
import { TIERS } from "../../machine/plan.js";
import { FAMILIES } from "../../machine/scenarios/generated.js";
import { count, described, documentOf, positive } from "../common/schema.js";
import { merged, shard } from "../common/shard-schema.js";

const scenario = v.object({
  name: v.string(),
  about: v.string(),
  policy: v.string(),
  bound: described(v.nullable(count), "preemptions in a schedule; null: any number"),
  nmi: described(count, "NMIs on each task"),
  nmiDepth: described(count, "how deep they nest"),
  deathBound: described(count, "tasks that may die in a schedule, each before any access"),
  learned: described(v.boolean(), "choices only before accesses that were seen to conflict"),
  schedules: described(count, "schedules that were run, rounds that only learned included"),
  complete: described(v.boolean(), "every schedule within the bounds, modulo what was learned"),
  missProbability: described(v.nullable(positive), "pct: to have missed a bug, at most"),
  accesses: count,
  states: described(count, "different memories at the ends of schedules"),
  deaths: described(count, "tasks that died, in all schedules"),
  losses: v.object({
    argument: described(count, "objects lost that an interrupted free was given, over all ends"),
    result: described(count, "objects lost that an interrupted allocation would have returned"),
    allowance: described(count, "objects lost that neither explains, where that is allowed"),
    functions: described(v.record(v.string(), count), "the last, by the function that died"),
  }),
  nolockSteps: described(count, "the most accesses that a nolock call made by itself"),
  sites: v.object({
    total: described(count, "instructions that were reached"),
    injected: described(count, "of these, with a switch or an NMI right before"),
  }),
  findings: count,
  seconds: positive,
});

const finding = v.object({
  scenario: v.string(),
  kind: v.string(),
  message: v.string(),
  operation: v.string(),
  function: v.string(),
  source: described(v.string(), "the line of the source, as file:line; empty if not known"),
  schedule: described(v.string(), "the string that replays it"),
});

const family = v.object({
  family: v.picklist(FAMILIES),
  about: v.string(),
  policy: v.string(),
  bound: described(count, "the most preemptions that were asked for"),
  nmi: described(count, "NMIs on each task"),
  nmiDepth: described(count, "how deep they nest"),
  total: described(count, "programs of the family"),
  planned: described(count, "of these in the campaign, in all shards"),
  share: described(count, "of these in this shard"),
  run: described(count, "of these run before time was over"),
  complete: described(
    v.array(v.object({ bound: count, programs: count })),
    "programs with every schedule run within each bound on preemptions, modulo what was learned",
  ),
  incomplete: described(v.array(v.string()), "programs that were run and are not, by name"),
  schedules: count,
  accesses: count,
  states: described(count, "different memories at the ends of schedules, of all programs"),
  nolockSteps: described(count, "the most accesses that a nolock call made by itself"),
  missProbability: described(v.nullable(positive), "pct: the worst of all programs"),
  findings: count,
  seconds: positive,
});

const learning = v.object({
  scenario: v.string(),
  bound: count,
  schedules: described(count, "with choices only before accesses that were seen to conflict"),
  schedulesWithout: described(count, "with choices before every access"),
  states: described(count, "different memories at the ends"),
  statesWithout: count,
  complete: described(v.boolean(), "both were"),
  same: described(v.boolean(), "false: learning left something out"),
  seconds: positive,
});

const bits = v.pipe(v.string(), v.regex(/^[0-9a-f]*$/));

const campaign = v.object({
  build: described(v.string(), "hash of the instrumented model build"),
  plan: described(v.string(), "hash of what was to be explored, in all shards"),
  planned: described(v.array(v.string()), "names of its scenarios, in all shards"),
  merged,
});

const results = v.object({
  campaign,
  scenarios: v.array(scenario),
  generated: v.array(family),
  learning: v.array(learning),
  findings: v.array(finding),
  sites: v.object({
    total: described(count, "instructions with an access in the model build"),
    reached: count,
    injected: count,
    unreached: v.array(v.object({ function: v.string(), kind: v.string(), reason: v.string() })),
    reachedBits: described(bits, "a bit for each instruction, four in a digit, the lowest first"),
    injectedBits: bits,
  }),
  bench: v.nullable(
    v.object({
      twoPushPerSecond: described(count, "schedules of two list pushes a second"),
      kmallocKfreePerSecond: described(count, "schedules of a kmalloc/kfree scenario, all judges"),
      kmallocKfreeAccesses: described(count, "accesses of one of them"),
      nsPerSwitch: count,
      nsPerAccess: described(count, "an access at which nothing happens"),
    }),
  ),
  interrupted: v.boolean(),
});

/** The whole document. */
export const exploreReportSchema = documentOf(
  "explore",
  v.object({
    scenario: v.nullable(v.string()),
    policy: v.nullable(v.string()),
    bound: v.nullable(count),
    nmi: v.nullable(count),
    durationMs: v.nullable(positive),
    tier: v.picklist(TIERS),
    families: described(
      v.nullable(v.array(v.string())),
      "of generated programs; null: by the tier",
    ),
    budgetMs: described(v.nullable(positive), "for all together"),
    shard,
  }),
  results,
);

export type ExploreReport = v.InferOutput<typeof exploreReportSchema>;

export type ExploreDocument = ExploreReport["results"];

/** Results as the document has them. */
export function exploreResults(
  results: CampaignResults,
  bench: BenchResults | null,
): ExploreDocument {
  const { build, plan, planned, sites, learning: proofs, interrupted } = results;
  const rows = results.scenarios.map(({ finding: found, losses, ...row }) => ({
    ...row,
    losses: { ...losses, functions: { ...losses.functions } },
    findings: Number(found !== null),
  }));
  const families = results.generated.map(({ findings: found, ...row }) => ({
    ...row,
    complete: [...row.complete],
    incomplete: [...row.incomplete],
    findings: found.length,
  }));
  const findings = [
    ...results.scenarios.flatMap(({ name, finding: found }) => findingRow(name, found)),
    ...results.generated.flatMap((row) =>
      row.findings.flatMap(({ name, finding: found }) => findingRow(name, found)),
    ),
  ];
  return {
    campaign: { build, plan, planned: [...planned], merged: null },
    ...{ scenarios: rows, generated: families, learning: [...proofs], findings },
    sites: { ...sites, unreached: [...sites.unreached] },
    bench: bench === null ? null : { ...bench },
    interrupted,
  };
}

function findingRow(name: string, found: ExploreFinding | null): ExploreDocument["findings"] {
  if (found === null) return [];
  const { kind, message, operation, function: where, source, schedule } = found;
  return [{ scenario: name, kind, message, operation, function: where, source, schedule }];
}

/** Whether anything in it is a reason for exit status 1. */
export function hasFinding({ findings, learning: proofs }: ExploreDocument): boolean {
  return findings.length > 0 || proofs.some(({ same }) => !same);
}
