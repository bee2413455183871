/**
 * Races of the raw exports: a few hundred thousand operations a second and CPU, into few slabs.
 *
 * Goal: whatever two CPUs do to one slab at one moment, no object is handed out twice or lost.
 * Method: Workers allocate, stamp, exchange, check and free without anything in between, for each
 * arm with slabs of few large and of many small objects.
 */
import { describe, expect, test } from "vitest";
import { SOME_HEAPS } from "../support/arms.js";
import type { RawArgs, RawReport } from "./jobs/raw.js";
import { makeArena } from "./support/arena.js";
import { effort, nextSeed } from "../support/tier.js";
import { jobOf } from "./support/jobs.js";

/** Four objects a slab, so that slabs are full and empty all the time; and the usual. */
const SHAPES = [
  { name: "few large", sizes: [4096, 8192], slots: 4, nolock: 3, cpus: 2 },
  { name: "many small", sizes: [8, 16, 64], slots: 8, nolock: 5, cpus: 2 },
  { name: "mixed, mostly nolock", sizes: [16, 192, 1024, 4096], slots: 16, nolock: 8, cpus: 3 },
];

/** Of 4000 turns each: some hundred milliseconds. */
const CHUNKS = 12;

describe.each(SOME_HEAPS)("on a heap of $percpu, arm $defer", (options) => {
  test.each(SHAPES)("$name objects survive races of $cpus Workers", async (shape) => {
    const { sizes, nolock, cpus } = shape;
    const seed = nextSeed();
    const { run, rest } = await makeArena(cpus, { ...options, maximumBytes: 32 * 2 ** 20 });
    const slots = new SharedArrayBuffer(shape.slots * Int32Array.BYTES_PER_ELEMENT);
    const args: RawArgs = { seed, chunks: effort(CHUNKS), sizes, slots, nolock };
    const reports = await run<RawReport>(jobOf("raw", "race"), seed, { args });
    for (const { operations } of reports) expect(operations).toBeGreaterThan(1000 * CHUNKS);
    await rest();
  });
});
