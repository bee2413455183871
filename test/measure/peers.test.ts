/**
 * Goal: loads run on heaps of others as on ours, on real Workers, and a heap that breaks what a
 * load put into it is shown as corrupt. Method: the fewest rounds there are, of ours, of the peer
 * that is compiled with this package and of no heap; no heap, believed to be one, is the planted
 * fault: it hands the same block out again and again.
 */
import { compileBuild } from "slablab/internal/heap/load.js";
import {
  type Contender,
  OWN_HEAPS,
  nullContender,
  ownContender,
  peerContender,
} from "slablab/internal/measure/peers/contenders.js";
import { type PeersRequest, runPeers } from "slablab/internal/measure/peers/peers-run.js";
import { loadNamed } from "slablab/internal/workload/loads/catalogue.js";
import { expect, test } from "vitest";
import { nextSeed, rows as rowsOf } from "../support/tier.js";

const PLANTED: Contender = { ...nullContender(), name: "planted", kind: "peer" };
/** One that runs without a heap, too, and one for two CPUs alone; in the deep run a third. */
const LOADS = rowsOf(["larson", "xmalloc-test", "mstress"], (name) => name !== "mstress");

async function run(
  names: readonly string[],
  more: readonly Contender[] = [],
  changes: Partial<PeersRequest> = {},
) {
  const own = await Promise.all(OWN_HEAPS.map(ownContender));
  const tlsf = peerContender("tlsf", await compileBuild("tlsf"));
  const found = await runPeers({
    loads: names.map(loadNamed),
    contenders: [...own, tlsf, ...more, nullContender()],
    ...{ ours: own.at(-1)?.name ?? "", cpuCounts: [1, 2], scale: 0.1, seed: nextSeed() },
    ...{
      states: ["fresh", "aged"],
      calls: ["wasm", "js"],
      durationMs: 1,
      windowMs: 2,
      agedVisits: 50,
    },
    signal: new AbortController().signal,
    ...changes,
  });
  return { ...found, own: own.map(({ name }) => name) };
}

test("ours and TLSF run loads fresh and aged, from wasm and through JavaScript", async () => {
  const { rows, own, interrupted } = await run(LOADS);
  expect(interrupted).toBe(false);
  const heaps = [...own, "tlsf"];
  for (const heap of heaps) {
    const places = rows
      .filter((row) => row.heap === heap)
      .map(({ load, cpus, state, calls }) => `${load} ${cpus} ${state} ${calls}`);
    // xmalloc-test needs two CPUs.
    const counts = LOADS.map((load) => (load === "xmalloc-test" ? 1 : 2));
    expect(new Set(places).size, heap).toBe(4 * counts.reduce((sum, count) => sum + count, 0));
  }
  for (const row of rows) {
    const what = JSON.stringify([row.load, row.cpus, row.state, row.heap, row.note]);
    expect(row.nsPerOp?.median, what).toBeGreaterThan(0);
    if (row.heap === "null") continue;
    expect(row.peakBytes, what).toBeGreaterThan(0);
    expect(row.note === null, what).toBe(row.ratioToOurs !== null);
    // On a machine that does other things a heap may be less than a tenth of its time.
    if (row.ratioToOurs === null) continue;
    const isNet = row.cpus === 1 && row.load === "larson";
    expect([row.basis, row.netNs === null], what).toEqual([
      isNet ? "net" : "gross",
      row.load !== "larson",
    ]);
  }
});

test("a heap that hands a block out twice is shown as corrupt and not timed", async () => {
  // It is looked at before anything is aged or timed, once for all ways to call it.
  const few = { states: ["fresh"], calls: ["wasm"] } as const;
  const { rows } = await run(["larson"], [PLANTED], few);
  const planted = rows.filter(({ heap }) => heap === "planted");
  expect(planted.length).toBe(2);
  for (const { nsPerOp, ratioToOurs, note } of planted) {
    expect({ nsPerOp, ratioToOurs }).toEqual({ nsPerOp: null, ratioToOurs: null });
    expect(note).toMatch(/^corrupt: \d+ objects were not as their owner left them$/);
  }
  const others = rows.filter(({ heap }) => heap !== "planted");
  expect(others.every(({ nsPerOp }) => nsPerOp !== null)).toBe(true);
});
