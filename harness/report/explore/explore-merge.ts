/** One document of the documents of all shards of a campaign. */
import { unite } from "../../machine/coverage.js";
import type { ExploreDocument, ExploreReport } from "./explore-schema.js";
import { type ShardDocument, orderShards } from "../common/merge.js";

export interface ExploreFile {
  readonly file: string;
  readonly report: ExploreReport;
}

type Family = ExploreDocument["generated"][number];

/** @throws MergeError */
export function mergeExplore(files: readonly ExploreFile[]): ExploreReport {
  const parts = orderShards(files.map(describeFile));
  const reports = parts.map(({ report }) => report);
  const [first] = reports as [ExploreReport];
  const all = reports.map(({ results }) => results);
  const { build, plan, planned } = first.results.campaign;
  const place = new Map(planned.map((name, at) => [name, at]));
  const at = (name: string) => place.get(name) ?? planned.length;
  const partial = all.flatMap(({ interrupted }, index) => (interrupted ? [index] : []));
  const sites = unite(all.map((each) => each.sites));
  return {
    ...first,
    parameters: { ...first.parameters, shard: null },
    results: {
      campaign: { build, plan, planned, merged: { shards: all.length, partial } },
      scenarios: all.flatMap((each) => each.scenarios).sort((a, b) => at(a.name) - at(b.name)),
      generated: mergeFamilies(all.flatMap((each) => each.generated)),
      learning: all.flatMap((each) => each.learning),
      findings: all
        .flatMap((each) => each.findings)
        .sort((a, b) => at(a.scenario) - at(b.scenario)),
      sites: { ...sites, unreached: [...sites.unreached] },
      bench: all.find(({ bench }) => bench !== null)?.bench ?? null,
      interrupted: partial.length > 0,
    },
  };
}

function describeFile({ file, report }: ExploreFile): ShardDocument & ExploreFile {
  const { slablab } = report.environment as { slablab?: { version?: string | null } };
  const { build, plan } = report.results.campaign;
  const { seed, parameters } = report;
  return { file, report, version: slablab?.version ?? null, build, plan, seed, parameters };
}

function mergeFamilies(all: readonly Family[]): Family[] {
  const merged = new Map<string, Family>();
  for (const each of all) {
    const before = merged.get(each.family);
    merged.set(each.family, before === undefined ? each : mergeTwo(before, each));
  }
  return [...merged.values()];
}

function mergeTwo(a: Family, b: Family): Family {
  const [one, other] = [a.missProbability, b.missProbability];
  const missProbability = one === null || other === null ? (one ?? other) : Math.max(one, other);
  return {
    ...a,
    share: a.share + b.share,
    run: a.run + b.run,
    complete: a.complete.map(({ bound, programs }) => {
      const more = b.complete.find((each) => each.bound === bound)?.programs ?? 0;
      return { bound, programs: programs + more };
    }),
    incomplete: [...a.incomplete, ...b.incomplete],
    schedules: a.schedules + b.schedules,
    accesses: a.accesses + b.accesses,
    states: a.states + b.states,
    nolockSteps: Math.max(a.nolockSteps, b.nolockSteps),
    missProbability,
    findings: a.findings + b.findings,
    seconds: a.seconds + b.seconds,
  };
}
