/**
 * One group charged by real Workers at once: after any race its counts are exact.
 *
 * Goal: page_counter, stocks and nr_charged_bytes lose nothing and give nothing twice. Method:
 * Workers allocate at the group's limit and free what others allocated; then nothing is charged.
 */
import { expect, test } from "vitest";
import type { MemcgReport } from "./jobs/memcg.js";
import { makeArena } from "./support/arena.js";
import { effort, nextSeed } from "../support/tier.js";
import { jobOf } from "./support/jobs.js";

test.each([2, 4])("%i Workers storm one group and leave it balanced and empty", async (cpus) => {
  const seed = nextSeed();
  const { heap, cpu, run, rest } = await makeArena(cpus, { maximumBytes: 2 ** 25 });
  const limitBytes = 64 * 4096;
  const group = cpu.memcgCreate({ name: "storm", limitBytes });
  const slots = new SharedArrayBuffer(4 * 400);
  const args = { seed, turns: effort(10_000), group: "storm", slots };
  const reports = await run<MemcgReport>(jobOf("memcg", "storm"), seed, { args });
  for (const { allocations, refusals } of reports) {
    expect(allocations).toBeGreaterThan(0);
    expect(refusals).toBeGreaterThan(0);
  }
  const stat = group.stat();
  expect(stat).toMatchObject({ objectBytes: 0 });
  expect(stat.maxUsageBytes).toBeLessThanOrEqual(limitBytes);
  expect(stat.failures).toBeGreaterThanOrEqual(reports.reduce((n, each) => n + each.refusals, 0));
  expect(heap.validate()).toEqual([]);
  group.remove();
  await rest();
});
