/**
 * Goal: what is said of heaps side by side follows from the rounds, and nothing is said that they
 * do not show. Method: rounds written by hand.
 */
import type { PeerRow, PeerSite } from "slablab/internal/measure/peers/peer-row.js";
import type { PeerVariant } from "slablab/internal/measure/peers/peer-variant.js";
import { NET_SHARE_MIN, peerRows } from "slablab/internal/measure/peers/peers-rows.js";
import { expect, test } from "vitest";
import { variantOf } from "./support/bench.js";

const OPTIONS = { ours: "slab", seed: 7 };
const ROUNDS = 9;
const OPERATIONS = 1000;

/** Rounds in which each CPU took `ns` per operation. */
function planted(heap: string, ns: number, more: Partial<PeerSite> = {}): PeerVariant {
  const site = { load: "larson", cpus: 1, state: "fresh", heap, calls: "wasm", ...more } as const;
  const elapsedNs = ns * OPERATIONS;
  const record = { operations: OPERATIONS, elapsedNs, idleNs: 0, chunks: 10, spanNs: elapsedNs };
  const window = Array.from({ length: site.cpus }, () => record);
  const windows = Array.from({ length: ROUNDS }, () => window);
  const kind = heap === "null" ? "null" : heap === "slab" ? "ours" : "peer";
  const times = variantOf(kind === "null" ? "null" : "imports", windows);
  return { contender: { name: heap, kind, ownPages: 3 }, site, times, findings: [] };
}

function rowOf(variants: readonly PeerVariant[], heap: string): PeerRow | undefined {
  return peerRows(variants, OPTIONS).find((row) => row.heap === heap);
}

const exactly = (value: number) => ({ median: value, low: value, high: value });

test("on one CPU the ratio is of times without what the load costs", () => {
  const row = rowOf([planted("slab", 15), planted("other", 45), planted("null", 5)], "other");
  expect(row).toMatchObject({ nsPerOp: exactly(45), netNs: exactly(40), basis: "net", note: null });
  expect(row?.ratioToOurs).toEqual(exactly(4));
});

test("on two CPUs it is of throughputs, which hold what the load costs", () => {
  const two = { cpus: 2 };
  const variants = [planted("slab", 10, two), planted("other", 40, two), planted("null", 5, two)];
  const row = rowOf(variants, "other");
  expect(row).toMatchObject({ basis: "gross", note: null, ratioToOurs: exactly(4) });
});

test("a load that runs on no heap is judged with all that it costs", () => {
  const row = rowOf([planted("slab", 10), planted("other", 40)], "other");
  expect(row).toMatchObject({ netNs: null, ratioToOurs: exactly(4), basis: "gross" });
});

test.each([
  ["of the other", 200, 1001],
  ["of ours", 1001, 200],
])("no ratio where the part of the heap %s is below a tenth", (_, ours, other) => {
  expect(NET_SHARE_MIN).toBe(0.1);
  for (const cpus of [1, 2]) {
    const of = (heap: string, ns: number) => planted(heap, ns, { cpus });
    const row = rowOf([of("slab", ours), of("other", other), of("null", 190)], "other");
    expect(row).toMatchObject({ ratioToOurs: null, basis: null });
    expect(row?.note).toContain("5 % of what was measured");
  }
});

test("a heap is held against ours in the same state, called in the same way", () => {
  const aged = { state: "aged" } as const;
  const js = { calls: "js" } as const;
  const variants = [
    ...[planted("slab", 15), planted("slab", 25, aged), planted("slab", 55, js)],
    ...[planted("other", 45), planted("other", 45, aged), planted("other", 45, js)],
    ...[planted("null", 5), planted("null", 35, js)],
  ];
  const ratios = peerRows(variants, OPTIONS).filter(({ heap }) => heap === "other");
  expect(ratios.map(({ ratioToOurs }) => ratioToOurs?.median)).toEqual([4, 2, 0.5]);
});

test("a heap that corrupts, runs out of memory or is not sound is not timed", () => {
  const end = { variant: 0, steps: 1, pagesWritten: 9, remote: 0, damaged: 0 };
  const ended = (more: object, findings: string[] = []): PeerVariant => {
    const variant = planted("other", 45);
    const ends = [{ ...end, isOutOfMemory: false, ...more }];
    return { ...variant, times: { ...variant.times, ends }, findings };
  };
  const noteOf = (variant: PeerVariant) => {
    const row = rowOf([planted("slab", 15), variant], "other");
    expect(row).toMatchObject({ nsPerOp: null, ratioToOurs: null, peakBytes: null });
    return row?.note;
  };
  expect(noteOf(ended({ damaged: 2 }))).toMatch(/^corrupt: 2 objects/);
  expect(noteOf(ended({ isOutOfMemory: true }))).toBe("ran out of memory");
  expect(noteOf(ended({}, ["a list has no end"]))).toContain("a list has no end");
  const sound = rowOf([planted("slab", 15), ended({})], "other");
  expect(sound?.peakBytes).toBe((9 - 3) * 4096);
});

test("without a time of ours there is no ratio, and the row says why", () => {
  const slab = { ...planted("slab", 15), findings: ["a list has no end"] };
  const row = rowOf([slab, planted("other", 45)], "other");
  expect(row).toMatchObject({ nsPerOp: exactly(45), ratioToOurs: null });
  expect(row?.note).toBe("slab has no time");
});

test("no ratio of a load that times how CPUs are born", () => {
  const lives = { load: "mleak" };
  const row = rowOf([planted("slab", 10, lives), planted("other", 40, lives)], "other");
  expect(row).toMatchObject({ nsPerOp: exactly(40), ratioToOurs: null, basis: null });
  expect(row?.note).toContain("a new CPU is another thing in every heap");
});

test("a round in which one of them did nothing is left out on both sides", () => {
  const slab = planted("slab", 10);
  const windows = [null, ...slab.times.windows.slice(1)];
  const row = rowOf(
    [{ ...slab, times: { ...slab.times, windows } }, planted("other", 40)],
    "other",
  );
  expect(row?.rounds).toBe(ROUNDS);
  expect(row?.ratioToOurs).toEqual(exactly(4));
});
