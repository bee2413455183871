/**
 * Goal: the loads of the comparison do what they say: a core slow free is one cmpxchg and nothing
 * else, nothing is lost, and a lost object would be seen. Method: two CPUs in this one thread on
 * the build that counts, so that every number of events is exact.
 */
import { createHeap, type DeferArm, type Heap } from "slablab";
import type { Cpu } from "slablab/internal/heap/cpu.js";
import { DEFER_ARMS, FLOOR_ARM, MERGED_ARM, VERSION_1_ARM } from "slablab/internal/heap/arms.js";
import { compileBuild } from "slablab/internal/heap/load.js";
import { countBetween, readTotals } from "slablab/internal/measure/compare/compare-counts.js";
import { heapBytes } from "slablab/internal/measure/compare/compare-stage.js";
import { loadExports } from "slablab/internal/workload/bench-exports.js";
import type { CpuLoad } from "slablab/internal/workload/cpu-load.js";
import { createLoad, type LoadName } from "slablab/internal/workload/comparison-loads.js";
import { LIFETIMES } from "slablab/internal/workload/lifetimes.js";
import type { Traffic } from "slablab/internal/workload/traffic.js";
import { describe, expect, test } from "vitest";
import { PARAMETERS } from "./support/compare.js";

interface Bench {
  readonly heap: Heap;
  readonly cpus: readonly Cpu[];
  readonly loads: readonly CpuLoad[];
}

const TRAFFIC: Traffic = PARAMETERS;
const SIZES = [8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192];

/** The layer that a load is of. */
function layerOf(load: LoadName): "slab" | "sheaf" {
  return load === "surplus" ? "sheaf" : "slab";
}

async function setUp(
  load: LoadName,
  defer: DeferArm,
  traffic = TRAFFIC,
  maximumBytes = heapBytes(traffic, layerOf(load)),
): Promise<Bench> {
  const module = await compileBuild("bench-stats");
  const options = {
    cpus: 2,
    module,
    percpu: layerOf(load),
    defer,
    maximumBytes,
    initialBytes: maximumBytes,
  };
  const heap = await createHeap({ ...options, maxCaches: 16 });
  const cpus = [heap.cpu(0), heap.cpu(1)];
  const loads = cpus.map((cpu) => createLoad(load, cpu, traffic));
  const steps = loads[0]?.steps.length ?? 0;
  for (let step = 0; step < steps; step++) for (const each of loads) each.steps[step]?.();
  for (const each of loads) each.clear?.();
  for (const each of loads) each.begin(1);
  return { heap, cpus, loads };
}

/** Let go of everything and check that nothing is left behind. */
function tearDown({ heap, cpus, loads }: Bench): void {
  for (const cpu of cpus) cpu.exports.defer_free_barrier();
  for (const load of loads) load.release();
  for (const cpu of cpus) cpu.exports.defer_free_barrier();
  expect(heap.validate()).toEqual([]);
  for (const cpu of cpus) cpu.offline();
  expect(heap.validate()).toEqual([]);
  // Sheaves stay in the barns, and what they are made of is in use.
  if (heap.options.percpu === "sheaf") return;
  expect(heap.slabinfo().map(({ active_objs }) => active_objs)).toEqual(SIZES.map(() => 0));
}

describe("the core slow free", () => {
  test.each(SIZES)("works with objects of %d bytes, and gives all of them back", async (size) => {
    const bench = await setUp("slow-free", "irq-work", { ...TRAFFIC, sizeBytes: size });
    for (let phase = 0; phase < 3; phase++) {
      for (const load of bench.loads) expect(load.phase(100)).toBe(true);
      for (const load of bench.loads) load.reset();
    }
    expect(bench.loads[0]?.operations).toBeGreaterThanOrEqual(4096);
    tearDown(bench);
  });

  test.each(DEFER_ARMS)("is one cmpxchg a free under %s: no list, no lock", async (arm) => {
    const bench = await setUp("slow-free", arm);
    const [load] = bench.loads;
    const before = bench.heap.stats();
    load?.phase(100);
    bench.cpus[1]?.exports.defer_free_barrier();
    const after = bench.heap.stats();
    const count = (item: Parameters<ReturnType<typeof readTotals>>[0]) =>
      readTotals(after)(item) - readTotals(before)(item);
    expect(count("FREE_SLOWPATH") + count("DEFER_DIRECT_FREE")).toBe(load?.operations);
    for (const item of [
      ...(["FREE_FASTPATH", "FREE_FROZEN", "FREE_ADD_PARTIAL", "FREE_REMOVE_PARTIAL"] as const),
      ...(["FREE_SLAB", "CPU_PARTIAL_FREE", "CPU_PARTIAL_DRAIN", "CMPXCHG_DOUBLE_FAIL"] as const),
    ]) {
      expect(count(item), item).toBe(0);
    }
    const { deferred, slowFreeShare } = countBetween(before, after);
    expect(slowFreeShare).toBe(1);
    expect(deferred.adds + deferred.directFrees).toBe(arm === "none" ? 0 : 400);
    load?.reset();
    tearDown(bench);
  });

  test("sees an object that is still deferred: the reset refuses", async () => {
    const bench = await setUp("slow-free", "percpu-deactivate");
    const [load, other] = bench.loads;
    load?.phase(1);
    expect(() => load?.reset()).toThrow("objects were lost, or freed twice");
    bench.cpus[0]?.exports.defer_free_barrier();
    // What was right had been taken back; the rest is right now, and counts as wrong for the same
    // reason: it is no longer what a phase left.
    expect(() => other?.reset()).toThrow("expected each of");
  });

  test("keeps each CPU to its own slabs", async () => {
    const bench = await setUp("slow-free", "none");
    for (const load of bench.loads) load.phase(0);
    const totals = readTotals(bench.heap.stats());
    expect(totals("CMPXCHG_DOUBLE_FAIL")).toBe(0);
    for (const load of bench.loads) load.reset();
    tearDown(bench);
  });

  test("sends a part of the deferrals to the other CPU's list", async () => {
    const bench = await setUp("slow-free", "irq-work", { ...TRAFFIC, migrate: 0.25 });
    const [load] = bench.loads;
    const before = bench.heap.stats();
    load?.phase(1000);
    const { deferred } = countBetween(before, bench.heap.stats());
    expect(deferred.adds).toBe(4000);
    expect(deferred.remoteAdds).toBeGreaterThan(800);
    expect(deferred.remoteAdds).toBeLessThan(1200);
    bench.cpus[1]?.exports.defer_free_barrier();
    load?.reset();
    tearDown(bench);
  });
});

describe("the surplus", () => {
  test.each([32, 96, 1024, 8192])(
    "works with objects of %d bytes, and gives all of them back",
    async (size) => {
      const bench = await setUp("surplus", "irq-work", { ...TRAFFIC, sizeBytes: size });
      for (let phase = 0; phase < 3; phase++) {
        for (const load of bench.loads) expect(load.phase(100)).toBe(true);
        for (const cpu of bench.cpus) cpu.exports.defer_free_barrier();
        for (const load of bench.loads) load.reset();
      }
      expect(readTotals(bench.heap.stats())("SHEAF_FLUSH"), "more than is kept").toBeGreaterThan(0);
      tearDown(bench);
    },
  );

  test.each(DEFER_ARMS)("every nolock free has one outcome under %s", async (arm) => {
    const bench = await setUp("surplus", arm);
    const [load] = bench.loads;
    const before = bench.heap.stats();
    load?.phase(400);
    const { main, spare, barn, slab, deferred } = countBetween(before, bench.heap.stats()).outcomes;
    expect(main + spare + barn + slab + deferred).toBe(400 * TRAFFIC.burst);
    expect(main).toBeGreaterThan(0);
    if (arm === "none") expect(deferred).toBe(0);
    tearDown(bench);
  });
});

test("the victim stays on the fast path, and a slow path would be seen", async () => {
  const bench = await setUp("slow-free", "global");
  const [cpu] = bench.cpus;
  if (cpu === undefined) throw new Error("expected a CPU");
  const exports = loadExports(cpu.exports);
  expect(exports.fast_victim(10_000, TRAFFIC.sizeBytes)).toBe(0);
  // Nothing of this size was ever allocated: the first allocation is a slow one.
  expect(exports.fast_victim(10_000, 2048)).toBe(1);
  tearDown(bench);
});

test("nolock allocations find their slabs half full again in every phase", async () => {
  const bench = await setUp("nolock-alloc", "irq-work");
  const slabsNow = () => bench.heap.slabinfo().map(({ num_slabs }) => num_slabs);
  const round = () => {
    for (const load of bench.loads) {
      expect(load.phase(0)).toBe(true);
      load.reset();
    }
  };
  round();
  const slabs = slabsNow();
  const before = readTotals(bench.heap.stats());
  for (let phase = 0; phase < 20; phase++) round();
  const after = readTotals(bench.heap.stats());
  expect(slabsNow()).toEqual(slabs);
  expect(after("NOLOCK_NULL")).toBe(0);
  const slow = after("NOLOCK_ALLOC_SLOWPATH") - before("NOLOCK_ALLOC_SLOWPATH");
  const fast = after("NOLOCK_ALLOC_FASTPATH") - before("NOLOCK_ALLOC_FASTPATH");
  expect(slow + fast).toBe(20 * 2 * 4096);
  expect(slow / (slow + fast)).toBeGreaterThan(0.01);
  expect(slow / (slow + fast)).toBeLessThan(0.1);
  tearDown(bench);
});

describe.each(LIFETIMES)("the lifetime %s", (name) => {
  test.each([FLOOR_ARM, VERSION_1_ARM, "percpu-switch", MERGED_ARM, "direct"] as const)(
    "gives every object back under %s",
    async (arm) => {
      const bench = await setUp(name, arm);
      const operations = bench.loads[0]?.operations ?? 0;
      const before = bench.heap.stats();
      for (let phase = 0; phase < 5; phase++) {
        for (const load of bench.loads) {
          expect(load.phase(operations / 40)).toBe(true);
          load.reset();
        }
      }
      const { deferred } = countBetween(before, bench.heap.stats());
      expect(deferred.adds + deferred.directFrees > 0).toBe(arm !== "none");
      tearDown(bench);
    },
  );

  test("ends where memory does, says so, and can be begun again", async () => {
    // Nobody drains: all that is freed is lost to the heap until a barrier.
    const bench = await setUp(name, "percpu-deactivate", TRAFFIC, 4 * 2 ** 20);
    const [load] = bench.loads;
    const bursts = Math.floor((load?.operations ?? 0) / TRAFFIC.burst);
    let phases = 0;
    while (load?.phase(bursts) === true && phases < 1000) phases++;
    expect(phases).toBeGreaterThan(0);
    expect(phases).toBeLessThan(1000);
    bench.cpus[0]?.exports.defer_free_barrier();
    load?.clear?.();
    load?.begin(2);
    expect(load?.phase(0)).toBe(true);
    tearDown(bench);
  });
});
