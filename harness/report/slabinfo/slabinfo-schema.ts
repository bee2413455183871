/**
 * The published shape of `slablab slabinfo --json`: docs/schema/slabinfo-v1.schema.json is made
 * from it, and a test holds both against each other and against a real document.
 *
 * A key that others rely on keeps its name and meaning within a version.
 */
import * as v from "valibot";
import type { Finding } from "../../heap/validate/invariants.js";
import { STAT_ITEMS, type StatItem } from "../../heap/stat-items.js";
import { lossOf, type SlabCache, sizeOf } from "./slabinfo-caches.js";
import { count, described, documentOf } from "../common/schema.js";

const counters = Object.fromEntries(STAT_ITEMS.map((item) => [item, count])) as Record<
  StatItem,
  typeof count
>;

const cache = v.object({
  name: v.string(),
  aliases: count,
  objectSize: described(count, "bytes that a user asked for"),
  slabSize: described(count, "bytes from one object to the next"),
  align: count,
  order: count,
  slabBytes: described(count, "bytes of a slab of that order"),
  objsPerSlab: count,
  objects: described(count, "allocated objects, those that a CPU keeps included"),
  objectsPartial: described(count, "of these, on the nodes' partial slabs"),
  objectsTotal: described(count, "places for objects"),
  slabs: count,
  partial: described(count, "slabs on the nodes' partial lists"),
  cpuSlabs: described(count, "slabs that CPUs keep"),
  hwcacheAlign: v.boolean(),
  destroyByRcu: v.boolean(),
  sanityChecks: v.boolean(),
  redZone: v.boolean(),
  poison: v.boolean(),
  storeUser: v.boolean(),
  trace: v.boolean(),
  stats: described(
    v.object(counters),
    "counters, summed over CPUs; 0 for one that the build leaves out",
  ),
  sizeBytes: described(count, "bytes of all slabs"),
  lossBytes: described(v.pipe(v.number(), v.integer()), "of these, outside of allocated objects"),
});

const finding = v.object({
  invariant: v.string(),
  where: described(v.string(), "what it was found at"),
  address: described(count, "of that thing, or 0"),
  message: v.string(),
});

const results = v.object({
  caches: described(v.array(cache), "in the order in which the text shows them"),
  counts: described(v.boolean(), "whether the heap's build counts fast paths"),
  shrunk: described(v.nullable(count), "slabs that -s gave back; null without it"),
  findings: described(v.nullable(v.array(finding)), "what -v found broken; null without it"),
});

const parameters = v.object({
  load: v.nullable(v.string()),
  operations: v.nullable(count),
  percpu: v.nullable(v.string()),
  snapshot: v.nullable(v.string()),
});

/** The whole document. */
export const slabinfoReportSchema = documentOf("slabinfo", parameters, results);

export type SlabinfoReport = v.InferOutput<typeof slabinfoReportSchema>;

export interface SlabinfoOutcome {
  readonly caches: readonly SlabCache[];
  readonly counts: boolean;
  readonly shrunk: number | null;
  readonly findings: readonly Finding[] | null;
}

/** Results as the document has them. */
export function slabinfoResults(outcome: SlabinfoOutcome): SlabinfoReport["results"] {
  const { counts, shrunk, findings } = outcome;
  const caches = outcome.caches.map((each) => ({
    ...each,
    sizeBytes: sizeOf(each),
    lossBytes: lossOf(each),
  }));
  return { caches, counts, shrunk, findings: findings === null ? null : [...findings] };
}
