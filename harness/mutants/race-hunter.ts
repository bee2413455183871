/**
 * Two CPUs on a few slabs: the hunter for steps that race with one other CPU.
 *
 * The stress spreads over everything a heap can do, so two CPUs seldom meet in one word. Here both
 * work on the same dozen slabs all the time: one frees what the other is about to refill from, both
 * free to one slab, both defer to one list. Short episodes, each on a heap of its own, end with
 * nothing left.
 */
import { JobError } from "../cpu/job-error.js";
import { type Pool, createPool } from "../cpu/pool.js";
import { ARMS, DEFER_ARMS, type DeferArm, FLOOR_ARM, KIND_ARMS, MERGED_ARM } from "../heap/arms.js";
import { createHeap } from "../heap/heap.js";
import { provideBuild } from "../heap/load.js";
import { type HuntOptions, type Hunter, timed } from "./hunter.js";
import type { RaceArgs } from "./race-job.js";

interface Shape {
  /** Of objects: few to a slab, so that slabs fill and empty all the time. */
  readonly sizeBytes: number;
  /** Whether half of the frees are nolock calls. */
  readonly nolock: boolean;
}

interface Episode extends Shape {
  readonly arm: DeferArm;
}

/** In the merged arm, and in the turns between in one of the others that defer. */
const MERGED_SHAPES: readonly Shape[] = [
  { sizeBytes: 1024, nolock: false },
  { sizeBytes: 4096, nolock: false },
  { sizeBytes: 256, nolock: true },
];
const OTHER_SHAPES: readonly Shape[] = [
  { sizeBytes: 1024, nolock: true },
  { sizeBytes: 512, nolock: true },
  { sizeBytes: 256, nolock: false },
  { sizeBytes: 512, nolock: true },
];
/**
 * Arms whose lists somebody empties while two CPUs work on a few slabs. What waits for a cpu slab
 * to be given up waits until memory is out there, and the original would be killed for it.
 */
const DRAINED: readonly DeferArm[] = ARMS.filter(
  ({ trigger }) => trigger === "slow free" || trigger === "irq work",
).map(({ name }) => name);
/** Those of a kind of their own come first. */
const OTHERS = [...new Set([...KIND_ARMS, ...DEFER_ARMS])].filter(
  (arm) => DRAINED.includes(arm) && arm !== MERGED_ARM && arm !== FLOOR_ARM,
);

function episodeOf(turn: number): Episode {
  const of = <T>(list: readonly T[]) => list[Math.floor(turn / 2) % list.length] as T;
  return turn % 2 === 0
    ? { arm: MERGED_ARM, ...of(MERGED_SHAPES) }
    : { arm: of(OTHERS), ...of(OTHER_SHAPES) };
}

const ROUNDS = 150;
const MAXIMUM_BYTES = 4 * 2 ** 20;
/** An episode lasts milliseconds; on a busy machine much longer. */
const TIMEOUT_MS = 15_000;

const JOB = { module: new URL("./race-job.js", import.meta.url).href, name: "raceJob" };

export const race: Hunter = {
  name: "race",
  unit: "frees",
  targetOf: () => "stats",
  hunt: ({ module }, options) =>
    timed(async () => {
      provideBuild("stats", module);
      const pool = await createPool([], { cpus: 2 });
      try {
        return await episodes(pool, options);
      } finally {
        await pool.close();
      }
    }),
};

async function episodes(pool: Pool, { budgetMs, seed, signal }: HuntOptions) {
  const deadlineMs = performance.now() + budgetMs;
  let schedules = 0;
  for (let turn = 0; signal?.aborted !== true && performance.now() < deadlineMs; turn++) {
    const episode = episodeOf(turn);
    try {
      schedules += await run(pool, episode, (seed + turn) >>> 0);
    } catch (error) {
      if (!(error instanceof JobError)) throw error;
      return { killed: true, what: `${episode.arm}: ${error.message}`, schedules };
    }
  }
  return { killed: false, what: "", schedules };
}

/** @returns how many objects were freed */
async function run(pool: Pool, { arm, sizeBytes, nolock }: Episode, seed: number): Promise<number> {
  const sizes = { maximumBytes: MAXIMUM_BYTES, maxCaches: 32 };
  const heap = await createHeap({
    build: "stats",
    percpu: "slab",
    cpus: 2,
    defer: arm,
    seed,
    ...sizes,
  });
  const args: RaceArgs = {
    ...{ heap: heap.handle, sizeBytes, nolock, rounds: ROUNDS },
    shared: new SharedArrayBuffer(4096),
  };
  const freed = await pool.run<number>(JOB, { args, heap: null, timeoutMs: TIMEOUT_MS });
  return freed.reduce((sum, count) => sum + count, 0);
}
