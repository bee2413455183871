/**
 * Goal: whatever a load allocates it frees, wherever it is stopped, and hands over what it says.
 * Method: the loads on CPUs of this one thread, stopped after few and after many steps; a heap that
 * is too small; a load that loses an object.
 */
import { inspect } from "slablab/internal/measure/bench/load-run.js";
import { LOADS, loadNamed } from "slablab/internal/workload/loads/catalogue.js";
import { scaled } from "slablab/internal/workload/loads/definition.js";
import { describe, expect, test } from "vitest";
import { rows } from "../support/tier.js";
import { beginLoad, endLoad, type LoadBench, turnLoad } from "./support/load.js";

const MIB = 2 ** 20;
/** Loads in which a CPU frees what another allocated, and counts it. */
const HANDING_OVER = ["xmalloc-test", "mstress", "rptest", "sh8bench", "mleak"];

/** MiB that a load does not get by with at scale 4. */
const TOO_FEW_MIB = new Map<string, number>([
  ["larson", 14],
  ["xmalloc-test", 14],
  ["mstress", 4],
  ["rptest", 14],
  ["alloc-test", 14],
  ["malloc-multithreading", 14],
]);

/** End it, go offline, and look at what is left. */
function findings(bench: LoadBench): string[] {
  const damaged = endLoad(bench);
  for (const { heap } of bench.cpus) heap.end();
  const found = inspect(bench.heap);
  return damaged === 0 ? found : [`${damaged} objects damaged`, ...found];
}

function sum(bench: LoadBench, count: "remote" | "damaged" | "failed"): number {
  return bench.cpus.reduce((total, { calls, block }) => total + calls[count](block), 0);
}

/**
 * Sizes of a sweep differ in a number; loads-kernel.test.ts has what needs CPUs in pairs, and the
 * bulk of 32,768 objects, of which many turns take too long here.
 */
const SOME = LOADS.filter(({ name, isOptional, cpusMax, prefix }) => {
  if (isOptional === true || name.startsWith("slab_bulk_test02")) return false;
  return cpusMax >= 64 && prefix !== "ping_pong";
});

describe.each(SOME)("$name", (load) => {
  const few = Math.max(1, load.cpusMin);

  test.each(rows([0, 1, 2, 5, 17], (steps) => steps % 17 === 0))(
    "frees everything after %i steps",
    async (steps) => {
      const bench = await beginLoad(load);
      turnLoad(bench, 1, steps);
      expect(findings(bench)).toEqual([]);
    },
  );

  test("works on every CPU, and damages nothing", async () => {
    const bench = await beginLoad(load);
    const operations = turnLoad(bench, 100, 301);
    expect(Math.min(...operations)).toBeGreaterThan(0);
    expect([sum(bench, "damaged"), sum(bench, "failed")]).toEqual([0, 0]);
    if (HANDING_OVER.includes(load.name)) expect(sum(bench, "remote")).toBeGreaterThan(100);
    expect(findings(bench)).toEqual([]);
  });

  const isMany = load.name === "larson";

  test.each(rows([few, 3, 64], (cpus) => isMany || cpus !== 64))(
    "works on %i CPUs",
    async (cpus) => {
      const bench = await beginLoad(load, { cpus, scale: 0.01 });
      const operations = turnLoad(bench, 30, 200);
      expect(Math.min(...operations)).toBeGreaterThan(0);
      expect([sum(bench, "damaged"), sum(bench, "failed")]).toEqual([0, 0]);
      expect(findings(bench)).toEqual([]);
    },
  );

  test("goes on with new CPUs, as between windows", async () => {
    const bench = await beginLoad(load);
    for (let round = 0; round < 3; round++) {
      expect(Math.max(...turnLoad(bench, 3, 500))).toBeGreaterThan(0);
      for (const { heap } of bench.cpus) heap.renew();
    }
    expect(findings(bench)).toEqual([]);
  });

  test("gives everything back when memory is out", async () => {
    const tooFew = TOO_FEW_MIB.get(load.name);
    const bench = await beginLoad(load, { scale: 4, maximumBytes: (tooFew ?? 14) * MIB });
    const [cpu] = bench.cpus;
    // CPU 0 alone first: in some loads the other would free what it allocates.
    for (let turn = 0; turn < 100; turn++) cpu?.calls.phase(cpu.block, 4000);
    turnLoad(bench, 5, 4000);
    if (tooFew !== undefined) expect(sum(bench, "failed")).toBeGreaterThan(0);
    expect(findings(bench)).toEqual([]);
  });

  test("has parameters that fit", () => {
    for (const scale of [0.01, 1, 4]) {
      for (const cpus of [few, 64]) {
        const values = load.parameters(scale, cpus).map(({ value }) => value);
        expect(values.length).toBeLessThanOrEqual(8);
        for (const value of values) expect(value).toSatisfy((v) => v === v >>> 0);
        expect(load.liveBytes(scale, cpus)).toBeLessThan(2 ** 31 - 64 * MIB);
      }
    }
  });
});

test("a load that loses one object is found", async () => {
  const bench = await beginLoad(loadNamed("larson"));
  turnLoad(bench, 1, 100);
  const [cpu] = bench.cpus;
  // The first slot of CPU 0 forgets what it holds.
  const arrays = cpu?.calls.arrays(cpu.block, 0) ?? 0;
  cpu?.calls.arrays(cpu.block, arrays);
  new Uint32Array(bench.heap.handle.memory.buffer)[arrays >>> 2] = 0;
  expect(findings(bench)).toEqual([expect.stringMatching(/^1 objects left in kmalloc-/)]);
});

test("mstress sees a word that is not what its owner wrote", async () => {
  const bench = await beginLoad(loadNamed("mstress"));
  turnLoad(bench, 1, 100);
  const [cpu] = bench.cpus;
  const arrays = (cpu?.calls.arrays(cpu.block, 0) ?? 0) >>> 2;
  cpu?.calls.arrays(cpu.block, arrays * 4);
  const words = new Uint32Array(bench.heap.handle.memory.buffer);
  const object = words.subarray(arrays, arrays + 100).find((p) => p !== 0) ?? 0;
  words[object >>> 2] = (words[object >>> 2] ?? 0) ^ (2 ** 31);
  expect(findings(bench)).toEqual(["1 objects damaged"]);
});

test("a count that is scaled never falls below its least", () => {
  expect([scaled(1000, 0.01), scaled(10, 0.01), scaled(10, 0.01, 4)]).toEqual([10, 1, 4]);
});

test("an unknown load is named, with those there are", () => {
  expect(() => loadNamed("larsen")).toThrow(/expected one of larson, .*, got larsen/);
});
