/** What the documents of `slablab stress`, with and without deaths, have in common. */
import * as v from "valibot";
import { FINDING_KINDS } from "../../workload/verify/finding.js";
import { count, described, positive } from "../common/schema.js";

/** Before the counts of a setup. */
export const setupEntries = { arm: v.string(), percpu: v.string(), elapsedMs: positive };

export const kind = v.picklist(FINDING_KINDS);
export const reproduce = described(
  v.string(),
  "the command that does the same; it need not meet the same",
);
export const findingCount = described(count, "findings of all arms");

export const stressParameters = v.object({
  cpus: count,
  arm: v.string(),
  percpu: v.string(),
  build: v.string(),
  durationMs: positive,
});
