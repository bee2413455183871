/**
 * The published shape of `slablab fuzz --json`: docs/schema/fuzz-v1.schema.json is made from it,
 * and a test holds both against each other and against a real document.
 *
 * A key that others rely on keeps its name and meaning within a version.
 */
import * as v from "valibot";
import type { CampaignResults } from "../../workload/reentry/reentry-campaign.js";
import { FINDING_KINDS } from "../../workload/verify/finding.js";
import { featureNames } from "../../workload/reentry/reentry-setup.js";
import { count, described, documentOf, positive } from "../common/schema.js";

const finding = v.object({
  kind: v.picklist(FINDING_KINDS),
  message: v.string(),
  operation: described(count, "operations that the CPU had begun"),
  reproduce: described(v.string(), "the command that finds it again"),
});

const tally = v.object({
  operations: count,
  events: described(count, "trace points that were passed"),
  reentries: described(v.tuple([count, count, count]), "re-entries at depth 1, 2 and 3"),
  reentriesAsNmi: described(count, "of these, flagged as NMI; the others come as a kprobe does"),
  nolockOk: described(count, "nolock allocations that gave an object"),
  nolockNull: described(count, "nolock allocations that returned NULL"),
  ordinaryNull: described(count, "ordinary allocations that returned NULL"),
  busyFirst: described(count, "kmalloc_nolock() found the lock of its bucket held"),
  busySecond: described(count, "and that of the next bucket too"),
  deferred: described(count, "objects that had to wait"),
  deferredSlabs: described(count, "slabs that had to wait"),
  drained: described(count, "objects on lists that were taken, those that waited again included"),
  drains: described(count, "lists that were taken"),
  longest: described(count, "the longest list that was taken during the load, in objects"),
  longestAtEnd: described(count, "the longest list that was left to the end"),
  lengths: described(v.array(count), "lists by length: bucket b counts 2^b .. 2^(b+1)-1 objects"),
  slabsAllocated: count,
  contentions: described(count, "locks that were not free at once"),
  objectsChecked: described(count, "objects whose stamp was compared over their whole size"),
  validations: described(count, "walks over the whole heap that checked every invariant"),
  handedOver: described(count, "objects that went from one CPU to another"),
});

const row = v.object({
  arm: v.string(),
  features: described(v.array(v.string()), "what the heap has beside its arm"),
  cpus: count,
  depth: count,
  elapsedMs: positive,
  ...tally.entries,
  findings: v.array(finding),
});

const results = v.object({
  setups: v.array(row),
  total: tally,
  findings: described(count, "findings of all setups"),
  interrupted: v.boolean(),
});

const parameters = v.object({
  cpus: v.array(count),
  arm: v.string(),
  percpu: v.string(),
  depth: count,
  durationMs: v.nullable(positive),
  operations: v.nullable(count),
});

/** The whole document. */
export const fuzzReportSchema = documentOf("fuzz", parameters, results);

export type FuzzReport = v.InferOutput<typeof fuzzReportSchema>;

/** Results as the document has them. */
export function fuzzResults({ rows, total, interrupted }: CampaignResults): FuzzReport["results"] {
  const setups = rows.map(({ setup, tally: of, findings, elapsedMs }) => {
    const { arm, cpus, depth } = setup;
    const named = { arm, features: featureNames(setup), cpus, depth, elapsedMs };
    return { ...named, ...of, findings: [...findings] };
  });
  const findings = setups.reduce((sum, each) => sum + each.findings.length, 0);
  return { setups, total, findings, interrupted };
}
