/** One document of the documents of all shards of a hunt. */
import { type ShardDocument, orderShards } from "../report/common/merge.js";
import type { MutantsReport } from "./mutants-schema.js";

export interface MutantsFile {
  readonly file: string;
  readonly report: MutantsReport;
}

/** @throws MergeError */
export function mergeMutants(files: readonly MutantsFile[]): MutantsReport {
  const reports = orderShards(files.map(describeFile)).map(({ report }) => report);
  const [first] = reports as [MutantsReport];
  const all = reports.map(({ results }) => results);
  const { sources, planned } = first.results.campaign;
  const place = new Map(planned.map((name, at) => [name, at]));
  const inOrder = (a: { name: string }, b: { name: string }) =>
    (place.get(a.name) ?? 0) - (place.get(b.name) ?? 0);
  const partial = all.flatMap(({ interrupted }, index) => (interrupted ? [index] : []));
  return {
    ...first,
    parameters: { ...first.parameters, shard: null },
    results: {
      campaign: { sources, planned, merged: { shards: all.length, partial } },
      mutants: all.flatMap(({ mutants }) => mutants).sort(inOrder),
      survivors: all.flatMap(({ survivors }) => survivors).sort(inOrder),
      interrupted: partial.length > 0,
    },
  };
}

function describeFile({ file, report }: MutantsFile): ShardDocument & MutantsFile {
  const { slablab } = report.environment as { slablab?: { version?: string | null } };
  const { sources: build, planned } = report.results.campaign;
  const { seed, parameters } = report;
  const version = slablab?.version ?? null;
  return { file, report, version, build, plan: planned.join(), seed, parameters };
}
