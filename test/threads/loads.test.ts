/**
 * Goal: every load runs on real Workers in every flavour, loses and damages nothing, and every CPU
 * gets work. Method: short windows of all loads on two Workers, in the
 * ordinary run of a few.
 */
import { runLoad } from "slablab/internal/measure/bench/load-run.js";
import { LOADS, loadNamed } from "slablab/internal/workload/loads/catalogue.js";
import { expect, test } from "vitest";
import { nextSeed, rows, someRows } from "../support/tier.js";

/** Five windows of 25 ms in each flavour, the least there are. */
const DURATION_MS = 1;

const SOME = LOADS.filter(({ isOptional, cpusMax }) => isOptional !== true && cpusMax >= 2);

test.each(someRows(SOME, 4))("$name runs on two Workers and leaves an empty heap", async (load) => {
  const options = { load, flavours: load.flavours, cpuCounts: [2], scale: 0.1 };
  const run = await runLoad({ ...options, seed: nextSeed(), durationMs: DURATION_MS });
  expect(run.variants.map(({ flavour }) => flavour)).toEqual(load.flavours);
  for (const { flavour, windows, ends, findings } of run.variants) {
    expect(findings, flavour).toEqual([]);
    expect(windows.length, flavour).toBeGreaterThanOrEqual(5);
    for (const cpu of [0, 1]) {
      const done = windows.map((records) => records?.[cpu]?.operations ?? 0);
      expect(Math.max(...done), `${flavour}, CPU ${cpu}`).toBeGreaterThan(0);
    }
    const clean = ends.map(({ damaged, isOutOfMemory }) => [damaged, isOutOfMemory]);
    expect(clean, flavour).toEqual([
      [0, false],
      [0, false],
    ]);
  }
});

test.each(rows(["xmalloc-test", "rptest"], (name) => name === "xmalloc-test"))(
  "%s hands over between four Workers",
  async (name) => {
    const load = loadNamed(name);
    const options = { load, flavours: ["fused"] as const, cpuCounts: [4], scale: 0.01 };
    const run = await runLoad({ ...options, seed: nextSeed(), durationMs: DURATION_MS });
    const [variant] = run.variants;
    expect(variant?.findings).toEqual([]);
    const remote = variant?.ends.map((end) => end.remote) ?? [];
    expect(remote.filter((count) => count > 0).length).toBeGreaterThanOrEqual(2);
  },
);

test("a run that is interrupted frees everything too", async () => {
  const stop = new AbortController();
  const running = runLoad({
    ...{ load: loadNamed("xmalloc-test"), flavours: ["fused"], cpuCounts: [2], scale: 0.1 },
    ...{ seed: nextSeed(), durationMs: 60_000, signal: stop.signal },
    onProgress: (share) => {
      if (share > 0.01) stop.abort();
    },
  });
  const { isInterrupted, variants } = await running;
  expect(isInterrupted).toBe(true);
  expect(variants[0]?.windows.length).toBeGreaterThan(0);
  expect(variants[0]?.findings).toEqual([]);
});
