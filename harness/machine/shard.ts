/**
 * A campaign spread over the jobs of an array: job `index` of `count` does its part and writes a
 * document; the documents are merged. Which part is whose depends on nothing but these numbers, the
 * seed and the build.
 */

/** `index` counts from 0, as JOB_COMPLETION_INDEX does. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** More than any array of jobs has. */
export const SHARDS_MAX = 100_000;

/** `2/8` as a shard, or null if the text is none. */
export function parseShard(text: string): Shard | null {
  const [, index = "", count = ""] = /^(\d{1,6})\/(\d{1,6})$/.exec(text.trim()) ?? [];
  const shard = { index: Number(index), count: Number(count) };
  const isRight = count !== "" && shard.index < shard.count && shard.count <= SHARDS_MAX;
  return isRight ? shard : null;
}

/** Whether the thing at `place` of a list of equally costly things is the shard's. */
export function isOfShard(place: number, shard: Shard | null): boolean {
  return shard === null || place % shard.count === shard.index;
}

/** How many of `total` equally costly things are the shard's. */
export function shareOf(total: number, shard: Shard | null): number {
  if (shard === null) return total;
  return Math.ceil(Math.max(0, total - shard.index) / shard.count);
}

/**
 * By place: whose each thing is, the dearest first to whoever has the least.
 *
 * @param costs of the same unit, any
 */
export function balance(costs: readonly number[], count: number): number[] {
  const owner = costs.map(() => 0);
  const load = Array.from({ length: Math.min(count, costs.length) }, () => 0);
  const dearest = [...costs.keys()].sort((a, b) => (costs[b] ?? 0) - (costs[a] ?? 0) || a - b);
  for (const place of dearest) {
    const least = load.indexOf(Math.min(...load));
    owner[place] = least;
    load[least] = (load[least] as number) + (costs[place] as number);
  }
  return owner;
}
