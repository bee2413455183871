/**
 * What the documents of shards have in common: whether they belong together, and whether all are
 * there. What is in them is merged by explore-merge.ts and mutants-merge.ts.
 */
import { isDeepStrictEqual } from "node:util";
import type { Shard } from "../../machine/shard.js";

/** Thrown for documents that cannot be merged; the message says which and what to do. */
export class MergeError extends Error {}

/** Parameters that may differ: whose part it is, and how many processes a machine has room for. */
const NOT_COMPARED = ["shard", "jobs"];

/** What a document says about itself. */
export interface ShardDocument {
  readonly file: string;
  readonly version: string | null;
  /** Hash of what was run, and of what was to be run. */
  readonly build: string;
  readonly plan: string;
  readonly seed: number;
  readonly parameters: { readonly shard: Shard | null };
}

/**
 * The documents in the order of their shards.
 *
 * @throws MergeError if one is of something else, is there twice, or is missing
 */
export function orderShards<T extends ShardDocument>(documents: readonly T[]): T[] {
  const [first] = documents;
  if (first === undefined) throw new MergeError("expected documents of shards, got none");
  const byIndex = new Map<number, T>();
  for (const each of documents) {
    const { shard } = each.parameters;
    if (shard === null) {
      throw new MergeError(
        `expected documents of shards, got ${each.file}, which is of no shard; ` +
          "try files that were written with --shard i/n --output FILE",
      );
    }
    compare(first, each);
    const twin = byIndex.get(shard.index);
    if (twin !== undefined) {
      throw new MergeError(
        `expected each shard once, got shard ${shard.index} in ${twin.file} and in ${each.file}; ` +
          "leave one out",
      );
    }
    byIndex.set(shard.index, each);
  }
  const count = first.parameters.shard?.count ?? 0;
  const missing = Array.from({ length: count }, (_, index) => index).filter(
    (index) => !byIndex.has(index),
  );
  if (missing.length > 0) {
    const [one = 0] = missing;
    throw new MergeError(
      `expected all ${count} shards, got ${byIndex.size}: missing ${list(missing)}; ` +
        `run --shard ${one}/${count} with the same options, and name its file too`,
    );
  }
  return [...byIndex.entries()].sort(([a], [b]) => a - b).map(([, each]) => each);
}

function compare(a: ShardDocument, b: ShardDocument): void {
  const refuse = (what: string, one: unknown, other: unknown, advice: string) => {
    throw new MergeError(
      `expected shards of one ${what}, got ${show(one)} in ${a.file} and ${show(other)} in ` +
        `${b.file}; ${advice}`,
    );
  };
  const again = "run all shards with the same one";
  if (a.version !== b.version) refuse("version of slablab", a.version, b.version, again);
  if (a.build !== b.build) refuse("build", a.build, b.build, "run all shards from one build");
  if (a.seed !== b.seed) refuse("seed", a.seed, b.seed, "give all shards the same --seed");
  const [one, other] = [a.parameters.shard?.count, b.parameters.shard?.count];
  if (one !== other) refuse("number of shards", one, other, "merge those of one array of jobs");
  for (const key of new Set([...Object.keys(a.parameters), ...Object.keys(b.parameters)])) {
    if (NOT_COMPARED.includes(key)) continue;
    const [x, y] = [at(a.parameters, key), at(b.parameters, key)];
    if (!isDeepStrictEqual(x, y)) refuse(key, x, y, "give all shards the same options");
  }
  if (a.plan !== b.plan) refuse("plan", a.plan, b.plan, "run all shards from one version");
}

function at(parameters: object, key: string): unknown {
  return (parameters as Record<string, unknown>)[key];
}

function show(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** `0, 3..7, 12`. */
function list(numbers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const number of numbers) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else runs.push([number, number]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}..${to}`)).join(", ");
}
