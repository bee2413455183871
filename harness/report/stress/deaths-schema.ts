/**
 * The published shape of `slablab stress --kill --json`: docs/schema/stress-kill-v1.schema.json is
 * made from it, and a test holds both against each other and against a real document.
 *
 * A key that others rely on keeps its name and meaning within a version.
 */
import * as v from "valibot";
import type { DeathCounts, DeathResults } from "../../workload/deaths/deaths-run.js";
import { count, described, documentOf } from "../common/schema.js";
import { findingCount, kind, reproduce, setupEntries, stressParameters } from "./setup-schema.js";

const counts = v.object({
  deaths: described(count, "Workers that were terminated in the middle of their work"),
  reaps: described(count, "CPUs that were reaped"),
  inherited: described(count, "objects of the dead: each as its owner left it, freed afterwards"),
  lost: described(count, "objects that nobody can have any more"),
  inHand: described(count, "objects that the dead had in their hands: the most that may be lost"),
  locks: described(count, "locks of the dead that were broken"),
  slabs: described(count, "slabs that were taken back"),
  pages: described(count, "pages that were taken back"),
  objects: described(count, "objects whose free the dead had put off"),
  operations: described(count, "operations that were begun"),
  validations: described(count, "walks over the whole heap that checked every invariant"),
});

const finding = v.object({
  kind,
  message: v.string(),
  cpu: described(count, "the CPU that died last"),
  deaths: described(count, "deaths before it"),
  reproduce,
});

const row = v.object({
  ...setupEntries,
  ...counts.entries,
  finding: v.nullable(finding),
});

const results = v.object({
  arms: v.array(row),
  total: counts,
  findings: findingCount,
  interrupted: v.boolean(),
});

/** The whole document. */
export const deathsReportSchema = documentOf("stress-kill", stressParameters, results);

export type DeathsReport = v.InferOutput<typeof deathsReportSchema>;

/** Results as the document has them. */
export function deathsResults(found: DeathResults): DeathsReport["results"] {
  const arms = found.rows.map(({ setup, counts: counted, finding: what, elapsedMs }) => ({
    ...{ arm: setup.arm, percpu: setup.percpu, elapsedMs, ...counted },
    finding: what && documented(what),
  }));
  const findings = arms.filter(({ finding: what }) => what !== null).length;
  return { arms, total: totalOf(found), findings, interrupted: found.interrupted };
}

function documented(what: NonNullable<DeathResults["rows"][number]["finding"]>) {
  const { kind, message, cpu, operation: deaths, reproduce } = what;
  return { kind, message, cpu, deaths, reproduce };
}

/** All arms together. */
export function totalOf({ rows }: DeathResults): DeathCounts {
  const names = Object.keys(counts.entries) as (keyof DeathCounts)[];
  const sum = (name: keyof DeathCounts) => rows.reduce((all, each) => all + each.counts[name], 0);
  return Object.fromEntries(names.map((name) => [name, sum(name)])) as unknown as DeathCounts;
}
