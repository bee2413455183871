/**
 * Goal: the loads of slab_test, the bulk tests, cache-scratch, glibc, the ladder of false sharing
 * and core-to-core do what their models say, and give everything back. Method: simulated CPUs in
 * this one thread on the build `bench`, so that every count is exact.
 */
import { LOADS, loadNamed } from "slablab/internal/workload/loads/catalogue.js";
import { describe, expect, test } from "vitest";
import { MIB } from "./support/heap.js";
import { type LoadBench, openLoad, readWord } from "./support/load-bench.js";

/** Loads of this file: one name of each thing a load can do. */
const MINE = /^(slab_|cache-|glibc-|malloc-large|false-sharing|core-to-core)/;
const ALL = LOADS.filter(({ name }) => MINE.test(name));
const ONE_SIZE = /\/(8|16|32|128|256|512|2048)$|test01\/(1|2|3|4|8|30|32|34|48|64|128|158)\//;
const SOME = ALL.filter(({ name }) => !ONE_SIZE.test(name) || name.startsWith("core"));
/** Where Load has what (assembly/workload/load/load.ts): words from its start. */
const STATE0 = 8 * 4;
const STATE1 = STATE0 + 4;
const STATE6 = STATE0 + 6 * 4;
const STATE7 = STATE0 + 7 * 4;

/** No address. */
const MARK = 0xffff_ffff;

function stateOf({ heap, sites }: LoadBench, cpu: number, offset: number): number {
  return readWord(heap, (sites[cpu]?.block ?? 0) + offset);
}

function remoteOf({ sites }: LoadBench): number[] {
  return sites.map(({ calls, block }) => calls.remote(block));
}

describe("every load", () => {
  test.each(SOME.map(({ name }) => name))("%s gives back what it took", async (name) => {
    const { cpusMin } = loadNamed(name);
    for (const cpus of new Set([cpusMin, 3])) {
      const bench = await openLoad(name, { cpus, scale: 0.05 });
      let done = 0;
      for (const steps of [1, 7, 64, 1000, 333]) {
        for (const site of bench.sites) done += site.phase(steps);
      }
      expect(done).toBeGreaterThan(0);
      for (const { calls, block } of bench.sites) expect(calls.failed(block)).toBe(0);
      bench.end();
    }
  });

  test.each(SOME.map(({ name }) => name))("%s can end before it began", async (name) => {
    const bench = await openLoad(name, { cpus: 2, scale: 0.01 });
    bench.end();
  });

  test("keeps its bounds at any scale and number of CPUs", () => {
    for (const load of ALL) {
      for (const cpus of [load.cpusMin, 2, 16, 64]) {
        for (const scale of [0.01, 1, 4]) {
          expect(load.liveBytes(scale, cpus), load.name).toBeLessThan(1.5 * 2 ** 30);
          const parameters = load.parameters(scale, cpus);
          expect(parameters.length).toBeLessThanOrEqual(8);
          for (const { value } of parameters) expect(value >>> 0, load.name).toBe(value);
        }
      }
    }
  });

  test("has a name of its own, and few run unless asked for", () => {
    expect(new Set(LOADS.map(({ name }) => name)).size).toBe(LOADS.length);
    expect(ALL.filter(({ isOptional }) => isOptional !== true).length).toBeLessThan(35);
  });

  test.each([
    ["slab_test/alloc-free/4096", 2],
    ["slab_test/fan-out/4096", 2],
    ["slab_test/fan-in/4096", 2],
    ["slab_bulk_test02/32768/bulk", 2],
    ["slab_bulk_test02/32768/loop", 2],
    ["malloc-large", 1],
  ] as const)("%s ends, and gives back all, when memory is out", async (name, cpus) => {
    const bench = await openLoad(name, { cpus, maximumBytes: 8 * MIB });
    for (let round = 0; round < 50; round++) for (const site of bench.sites) site.phase(4000);
    expect(bench.sites.some(({ calls, block }) => calls.failed(block) !== 0)).toBe(true);
    bench.end();
  });
});

describe("slab_test", () => {
  test("alloc-free fills all slots, then frees them in the order of allocation", async () => {
    const bench = await openLoad("slab_test/alloc-free/64", { cpus: 1, scale: 0.01 });
    const [site] = bench.sites;
    // 50 pairs are 100 calls: just all of the allocations. The next free the first half.
    expect(site?.phase(50)).toBe(50);
    expect([stateOf(bench, 0, STATE0), stateOf(bench, 0, STATE1)]).toEqual([0, 1]);
    const objects = [...(site?.cpu.view(site.arrays, Uint32Array, 100) ?? [])];
    expect(new Set(objects).size).toBe(100);
    // A free writes the free pointer, which lies in the middle.
    for (const object of objects) site?.cpu.view(object + 32, Uint32Array, 1).fill(MARK);
    expect(site?.phase(25)).toBe(25);
    expect([stateOf(bench, 0, STATE0), stateOf(bench, 0, STATE1)]).toEqual([50, 1]);
    const isFree = objects.map((object) => readWord(bench.heap, object + 32) !== MARK);
    expect(isFree).toEqual(objects.map((_, index) => index < 50));
    bench.end();
  });

  test.each(["fan-out", "fan-in"])("%s: every free is remote", async (direction) => {
    const bench = await openLoad(`slab_test/${direction}/64`, { cpus: 3, scale: 0.1 });
    const producers = direction === "fan-out" ? [0] : [1, 2];
    const done = [0, 0, 0];
    for (let round = 0; round < 20; round++) {
      for (const [cpu, site] of bench.sites.entries()) {
        done[cpu] = (done[cpu] ?? 0) + site.phase(100);
      }
    }
    const remote = remoteOf(bench);
    for (const cpu of [0, 1, 2]) {
      expect(done[cpu]).toBeGreaterThan(0);
      expect(remote[cpu]).toBe(producers.includes(cpu) ? 0 : done[cpu]);
    }
    // What was allocated and not freed lies in the rings, and is freed remotely in the end.
    const sum = (cpus: readonly number[], of: readonly number[]) =>
      cpus.reduce((total, cpu) => total + (of[cpu] ?? 0), 0);
    const produced = sum(producers, done);
    for (const { calls, block } of bench.sites) calls.release(block);
    expect(sum([0, 1, 2], remoteOf(bench))).toBe(produced);
    bench.end();
  });

  test("a full ring, and an empty one, are no work", async () => {
    const bench = await openLoad("slab_test/fan-out/64", { cpus: 2, scale: 0.01 });
    const [producer, consumer] = bench.sites;
    expect(consumer?.phase(10)).toBe(0);
    expect(producer?.phase(100_000)).toBe(128);
    expect(producer?.phase(1)).toBe(0);
    expect(consumer?.phase(100_000)).toBe(128);
    bench.end();
  });
});

describe("slab_bulk_test", () => {
  test.each(["1/bulk", "250/loop", "16/bulk"])("%s does whole arrays", async (kind) => {
    const bench = await openLoad(`slab_bulk_test01/${kind}`, { cpus: 2 });
    const bulk = Number.parseInt(kind, 10);
    for (const site of bench.sites) expect(site.phase(1000)).toBe(Math.floor(1000 / bulk) * bulk);
    expect(bench.heap.slabinfo().map(({ name }) => name)).toContain("bulk");
    bench.end();
    expect(bench.heap.slabinfo().map(({ name }) => name)).not.toContain("bulk");
  });

  test.each(["bulk", "loop"])("03/worst/%s: no two neighbours lie in one slab", async (way) => {
    const bench = await openLoad(`slab_bulk_test03/worst/${way}`, { cpus: 2 });
    for (let round = 0; round < 20; round++) for (const site of bench.sites) site.phase(64 * 50);
    for (const cpu of [0, 1]) {
      expect(stateOf(bench, cpu, STATE6)).toBe(20 * 50 * 63);
      expect(stateOf(bench, cpu, STATE7)).toBe(0);
    }
    bench.end();
  });

  test("03/best: most neighbours come from one bucket", async () => {
    const bench = await openLoad("slab_bulk_test03/best/bulk", { cpus: 2 });
    for (let round = 0; round < 20; round++) for (const site of bench.sites) site.phase(64 * 50);
    for (const cpu of [0, 1]) {
      expect(stateOf(bench, cpu, STATE7) / stateOf(bench, cpu, STATE6)).toBeGreaterThan(0.8);
    }
    bench.end();
  });
});

describe("cache-scratch", () => {
  test("hands out objects of one line, and each CPU frees its own", async () => {
    let lines: number[] = [];
    const bench = await openLoad("cache-scratch", {
      cpus: 4,
      onShared: ([site], shared) => {
        const objects = site?.cpu.view(shared, Uint32Array, 4) ?? [];
        lines = [...objects].map((object) => Math.floor(object / 64));
      },
    });
    expect(lines).toHaveLength(4);
    expect(new Set(lines).size).toBe(1);
    expect(remoteOf(bench)).toEqual([0, 1, 1, 1]);
    for (const site of bench.sites) expect(site.phase(1000)).toBe(1000);
    // The claim about this heap: what a CPU allocates then lies on a line of its own.
    const own = bench.sites.map((_, cpu) => Math.floor(stateOf(bench, cpu, STATE0) / 64));
    expect(new Set(own).size).toBe(4);
    bench.end();
  });

  test("allocates anew after as many writes as it says", async () => {
    const bench = await openLoad("cache-thrash", { cpus: 1, scale: 0.000_01 });
    expect(loadNamed("cache-thrash").parameters(0.000_01, 1)[0]?.value).toBe(20);
    expect(bench.sites[0]?.phase(30)).toBe(30);
    expect(remoteOf(bench)).toEqual([0]);
    expect(stateOf(bench, 0, STATE1)).toBe(10);
    bench.end();
  });
});

describe("glibc", () => {
  test("thread: sizes keep to their range, most are small, the mean is near 36", async () => {
    const bench = await openLoad("glibc-thread", { cpus: 1 });
    const [site] = bench.sites;
    const words = site?.cpu.view(site.arrays, Uint32Array, 1024 + 8000 + 4096) ?? [];
    const sizes = [...words].slice(1024, 9024).sort((a, b) => a - b);
    expect(sizes[0]).toBe(4);
    expect(sizes.at(-1)).toBeLessThanOrEqual(32_768);
    // 1/size is even: half of all are below twice the smallest.
    expect(sizes[4000]).toBeLessThanOrEqual(9);
    const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
    expect(mean).toBeGreaterThan(20);
    expect(mean).toBeLessThan(72);
    expect([...words].slice(9024).every((slot) => slot < 1024)).toBe(true);
    bench.end();
  });

  test("simple: whole rounds, and every object written", async () => {
    const bench = await openLoad("glibc-simple/32/100", { cpus: 1 });
    expect(bench.sites[0]?.phase(250)).toBe(200);
    const [site] = bench.sites;
    const objects = [...(site?.cpu.view(site.arrays, Uint32Array, 100) ?? [])];
    expect(new Set(objects).size).toBe(100);
    const written = objects.map((object) => readWord(bench.heap, object + 8));
    expect(written).toEqual(objects.map((_, index) => index));
    bench.end();
  });
});

describe("lines between CPUs", () => {
  test.each([4, 64, 256])("false-sharing: counters lie %d bytes apart", async (stride) => {
    const bench = await openLoad(`false-sharing/${stride}`, { cpus: 3 });
    for (const [cpu, site] of bench.sites.entries()) site.phase(100 + cpu);
    for (const cpu of [0, 1, 2]) {
      expect(readWord(bench.heap, bench.shared + cpu * stride)).toBe(100 + cpu);
    }
    expect(bench.shared % 4096).toBe(0);
    bench.end();
  });

  test("false-sharing: an addition that is lost is seen", async () => {
    const bench = await openLoad("false-sharing/4", { cpus: 1 });
    const [site] = bench.sites;
    site?.phase(10);
    site?.cpu.view(bench.shared, Uint32Array, 1).fill(9);
    site?.calls.release(site.block);
    expect(site?.calls.damaged(site.block)).toBe(1);
  });

  test("ping-pong: a CPU waits for its turn, and not for ever", async () => {
    const bench = await openLoad("core-to-core/ping-pong", { cpus: 3 });
    const [first, second, third] = bench.sites;
    expect(second?.phase(10)).toBe(0);
    expect(first?.phase(10)).toBe(2);
    expect(first?.phase(10)).toBe(0);
    expect(second?.phase(10)).toBe(2);
    expect(third?.phase(10)).toBe(0);
    bench.end();
  });

  test.each([
    ["never", 0],
    ["1", 100],
    ["16", 6],
  ])("read-mostly/%s: only CPU 0 writes, and so often", async (gap, writes) => {
    const bench = await openLoad(`core-to-core/read-mostly/${gap}`, { cpus: 2 });
    for (const site of bench.sites) expect(site.phase(100)).toBe(100);
    expect(readWord(bench.heap, bench.shared)).toBe(writes);
    bench.end();
  });
});
