/**
 * The published shape of `slablab mutants --json`: docs/schema/mutants-v1.schema.json is made from
 * it, and a test holds both against each other and against a real document.
 *
 * A key that others rely on keeps its name and meaning within a version.
 */
import * as v from "valibot";
import type { MutantsResults } from "./mutants-campaign.js";
import { ORIGINS } from "./mutant.js";
import { count, described, documentOf, positive } from "../report/common/schema.js";
import { merged, shard } from "../report/common/shard-schema.js";

const mutant = v.object({
  name: v.string(),
  origin: v.picklist(ORIGINS),
  killed: v.boolean(),
  by: described(v.nullable(v.string()), "the hunter that killed it"),
  schedules: described(
    count,
    "what the killer tried until then, what all tried for a survivor: operations, tests, schedules",
  ),
  seconds: described(positive, "of the killer's hunt; of all hunts for a survivor"),
});

const campaign = v.object({
  sources: described(v.string(), "hash of the allocator's sources and of the mutants"),
  planned: described(v.array(v.string()), "names of its mutants, in all shards"),
  merged,
});

const results = v.object({
  campaign,
  mutants: v.array(mutant),
  survivors: described(
    v.array(v.object({ name: v.string(), file: v.string(), what: v.string(), why: v.string() })),
    "what each changes below assembly/, and why it is believed to live",
  ),
  interrupted: v.boolean(),
});

const parameters = v.object({
  filter: v.nullable(v.string()),
  jobs: count,
  budgetMs: described(positive, "that each hunter gets for each mutant"),
  shard,
});

/** The whole document. */
export const mutantsReportSchema = documentOf("mutants", parameters, results);

export type MutantsReport = v.InferOutput<typeof mutantsReportSchema>;

export type MutantsDocument = MutantsReport["results"];

/** Results as the document has them. */
export function mutantsResults(
  { fates, interrupted }: MutantsResults,
  campaignOf: Pick<MutantsDocument["campaign"], "sources" | "planned">,
): MutantsDocument {
  const mutants = fates.map(({ mutant: { name, origin }, by, schedules, seconds }) => {
    const rounded = Math.round(seconds * 1000) / 1000;
    return { name, origin, killed: by !== null, by, schedules, seconds: rounded };
  });
  const survivors = fates
    .filter(({ by }) => by === null)
    .map(({ mutant: { name, file, what: changes }, what }) => ({
      ...{ name, file, what: changes, why: what },
    }));
  return { campaign: { ...campaignOf, merged: null }, mutants, survivors, interrupted };
}
