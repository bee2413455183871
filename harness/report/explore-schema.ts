/**
 * The published shape of `slablab explore --json`: docs/schema/explore-v1.schema.json is made from
 * it, and a test holds both against each other and against a real document.
 *
 * A key that others rely on keeps its name and meaning within a version.
 */
import * as v from "valibot";
import type { BenchResults } from "../machine/bench.js";
import type { CampaignResults } from "../machine/campaign.js";

/** A value with what its schema says about it. */
function described<T extends v.GenericSchema>(schema: T, text: string) {
  return v.pipe(schema, v.description(text));
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const positive = v.pipe(v.number(), v.minValue(0));

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
  schedule: described(v.string(), "the string that replays it"),
});

const results = v.object({
  scenarios: v.array(scenario),
  findings: v.array(finding),
  sites: v.object({
    total: described(count, "instructions with an access in the model build"),
    reached: count,
    injected: count,
    unreached: v.array(v.object({ function: v.string(), kind: v.string(), reason: v.string() })),
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
export const exploreReportSchema = v.object({
  schema: v.literal("slablab/explore/v1"),
  command: v.literal("explore"),
  environment: v.looseObject({}),
  seed: count,
  parameters: v.object({
    scenario: v.nullable(v.string()),
    policy: v.nullable(v.string()),
    bound: v.nullable(count),
    nmi: v.nullable(count),
    durationMs: v.nullable(positive),
  }),
  results,
});

export type ExploreReport = v.InferOutput<typeof exploreReportSchema>;

/** Results as the document has them. */
export function exploreResults(
  { scenarios, sites, interrupted }: CampaignResults,
  bench: BenchResults | null,
): ExploreReport["results"] {
  const rows = scenarios.map(({ finding: found, losses, ...row }) => ({
    ...row,
    losses: { ...losses, functions: { ...losses.functions } },
    findings: Number(found !== null),
  }));
  const findings = scenarios.flatMap(({ name, finding: found }) => {
    if (found === null) return [];
    const { kind, message, operation, function: where, schedule } = found;
    return [{ scenario: name, kind, message, operation, function: where, schedule }];
  });
  const { total, reached, injected, unreached } = sites;
  return {
    ...{ scenarios: rows, findings, interrupted },
    sites: { total, reached, injected, unreached: [...unreached] },
    bench: bench === null ? null : { ...bench },
  };
}
