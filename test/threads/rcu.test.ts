/**
 * Goal: on real Workers no reader sees an object change under it, and no type. Method: all CPUs
 * read and replace the same few objects, go offline and come back; then everything must be free.
 */
import { SLAB_TYPESAFE_BY_RCU } from "slablab";
import { expect, test } from "vitest";
import type { RcuArgs, RcuResult } from "./jobs/rcu.js";
import { makeArena } from "./support/arena.js";
import { effort, nextSeed } from "../support/tier.js";
import { jobOf } from "./support/jobs.js";

const MAXIMUM_BYTES = 64 * 2 ** 20;

test("readers see whole objects while writers replace them", async () => {
  const seed = nextSeed();
  const { run, rest, cpu } = await makeArena(3, {
    maximumBytes: MAXIMUM_BYTES,
    initialBytes: MAXIMUM_BYTES,
  });
  const typed = cpu.kmemCacheCreate({ name: "typed", size: 700, flags: SLAB_TYPESAFE_BY_RCU });
  const args: RcuArgs = { seed, turns: effort(6000), slots: new SharedArrayBuffer(16 * 4) };
  const results = await run<RcuResult>(jobOf("rcu", "readAndReplace"), seed, { args });
  for (const { reads, frees } of results) {
    expect(reads).toBeGreaterThan(args.turns / 3);
    expect(frees).toBeGreaterThan(args.turns / 10);
  }
  expect(typed.destroy()).toMatchObject({ released: true });
  cpu.rcuBarrier();
  await rest();
});
