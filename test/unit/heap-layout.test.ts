/**
 * Goal: what the harness knows by heart about the allocator cannot go stale.
 * Method: each constant it repeats is compared with the allocator's source and, where the module
 * exports it, with the module; the field table is compared with a heap that is at work.
 */
import * as library from "slablab";
import { armNumbers, armOf, DEFER_ARMS, DEFER_PLACES } from "slablab/internal/heap/arms.js";
import * as constants from "slablab/internal/heap/constants.js";
import { readFieldTable } from "slablab/internal/heap/fields.js";
import { findHeap } from "slablab/internal/heap/find.js";
import * as flags from "slablab/internal/heap/flags.js";
import { compileBuild } from "slablab/internal/heap/load.js";
import { STAT_ITEMS, VERBOSE_ITEMS } from "slablab/internal/heap/stat-items.js";
import { describe, expect, test } from "vitest";
import { numbersIn, readSource } from "./support/counters.js";

const SOURCE = new Map(
  ["config", "layout", "layout_percpu", "layout_sheaf", "bug"]
    .map((name) => `base/${name}`)
    .concat("sync/context")
    .flatMap((file) => [...numbersIn(readSource(`assembly/${file}.ts`))]),
);

describe("constants", () => {
  test("every number in constants.ts is the allocator's", () => {
    const numbers = Object.entries(constants).filter(([, value]) => typeof value === "number");
    expect(numbers.length).toBeGreaterThan(30);
    for (const [name, value] of numbers) {
      expect([name, SOURCE.get(name)]).toEqual([name, value]);
    }
  });

  test("the places of deferral are numbered as the allocator numbers them", () => {
    const names = {
      ...{ nowhere: "NOWHERE", slab: "SLAB", cpu: "CPU", "cpu and cache": "CPU_CACHE" },
      ...{ node: "NODE", cache: "CACHE", "cache line": "CACHE_LINE" },
    };
    DEFER_PLACES.forEach((place, index) => {
      expect([place, SOURCE.get(`DEFER_TO_${names[place]}`)]).toEqual([place, index]);
    });
    expect(SOURCE.get("NR_DEFER_PLACES")).toBe(DEFER_PLACES.length);
  });

  test("each arm has numbers of its own, by which a header names it", () => {
    for (const arm of DEFER_ARMS) {
      const [defer_place, defer_trigger] = armNumbers(arm);
      expect(armOf({ defer_place, defer_trigger })).toBe(arm);
    }
    expect(armOf({ defer_place: 40, defer_trigger: 41 })).toBeNull();
  });

  test("the kinds of pages are named in their order", () => {
    constants.PAGE_KINDS.forEach((kind, index) => {
      const name = kind === "plain" ? "PG_NONE" : `PG_${kind.toUpperCase()}`;
      expect([name, SOURCE.get(name)]).toEqual([name, index]);
    });
  });

  test("flags have the allocator's values, in the source and in the module", async () => {
    const { allConstants } = readFieldTable(await compileBuild("release"));
    const ours = {
      GFP_ZERO: library.__GFP_ZERO,
      GFP_ACCOUNT: library.__GFP_ACCOUNT,
      SLAB_HWCACHE_ALIGN: library.SLAB_HWCACHE_ALIGN,
      SLAB_TYPESAFE_BY_RCU: library.SLAB_TYPESAFE_BY_RCU,
    };
    for (const [name, value] of Object.entries(ours)) {
      expect(SOURCE.get(name)).toBe(value);
      expect(allConstants[name]).toBe(value);
    }
    expect(SOURCE.get("GFP_KERNEL")).toBe(flags.GFP_KERNEL);
    expect(SOURCE.get("NUMA_NO_NODE")).toBe(flags.NUMA_NO_NODE);
    expect(SOURCE.get("ZERO_SIZE_PTR")).toBe(flags.ZERO_SIZE_PTR);
  });
});

describe("counters", () => {
  const source = readSource("assembly/sync/stat.ts");

  test("they are listed in the allocator's order", () => {
    const theirs = [...numbersIn(source)].filter(([name]) => name !== "NR_STAT_ITEMS");
    expect(STAT_ITEMS.map((name, index) => [name, index])).toEqual(theirs);
  });

  test("those that a release build leaves out are not in its stats, the others are", async () => {
    for (const build of ["release", "stats"] as const) {
      const heap = await library.createHeap({ cpus: 1, maximumBytes: 2 ** 24, build });
      const kept = Object.keys(heap.stats()["kmalloc-64"] ?? {});
      const expected = STAT_ITEMS.filter((item) => build === "stats" || !VERBOSE_ITEMS.has(item));
      expect(kept).toEqual(expected);
    }
  });

  test("a verbose counter stays at 0 in a release build however much is done", async () => {
    const heap = await library.createHeap({ cpus: 1, maximumBytes: 2 ** 24, defer: "global" });
    const cpu = heap.cpu();
    const objects = cpu.kmallocBulk(64, 1000);
    cpu.nmi(() => {
      for (const object of objects) cpu.kfree(object);
    });
    cpu.kfree(cpu.kmalloc(64));
    const base = heap.stats()["kmalloc-64"] ?? {};
    expect(base.DEFER_ADD?.[0]).toBeGreaterThan(0);
    for (const item of VERBOSE_ITEMS) expect(base[item]).toBeUndefined();
  });
});

describe("the field table", () => {
  test.each(["release", "stats", "debug", "model"] as const)("is complete in %s", async (build) => {
    const table = readFieldTable(await compileBuild(build));
    const structs = new Set(table.fields.map(({ struct }) => struct));
    // The report of cpu_reap() is known where that is: for release, in the module `reap`.
    expect(structs.has("reap_report")).toBe(build !== "release");
    expect(structs.size).toBe(build === "release" ? 15 : 16);
    expect(table.build.debugs).toBe(build === "debug");
    expect(table.build.counts).toBe(build === "stats" || build === "debug");
    expect(table.build.models).toBe(build === "model");
  });

  test("fields of a struct do not overlap and come in order", async () => {
    const { fields } = readFieldTable(await compileBuild("release"));
    fields.forEach((field, index) => {
      const next = fields[index + 1];
      if (next?.struct !== field.struct) return;
      expect(field.offset + field.sizeBytes).toBeLessThanOrEqual(next.offset);
    });
  });

  test("it survives being cloned to a Worker", async () => {
    const table = readFieldTable(await compileBuild("release"));
    expect(structuredClone(table)).toEqual(table);
  });

  test("a module without one is refused", async () => {
    const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    expect(() => readFieldTable(new WebAssembly.Module(empty))).toThrow(
      /with a table of fields .* got none of ABI_VERSION, PAGE_SHIFT/,
    );
  });
});

describe("finding a heap in a memory", () => {
  test("it is found above whatever is reserved, and a copy elsewhere is no heap", async () => {
    for (const reserveBytes of [0, 1, 4097, 2 ** 20]) {
      const heap = await library.createHeap({ cpus: 1, maximumBytes: 2 ** 24, reserveBytes });
      const table = readFieldTable(await compileBuild("release"));
      const { buffer } = heap.handle.memory;
      const found = findHeap(buffer, table);
      const base = Math.ceil(reserveBytes / 4096) * 4096 + 4096;
      expect(found).toEqual({ state: "ready", base });
      const moved = new Uint8Array(buffer.byteLength + 4096);
      moved.set(new Uint8Array(buffer), 4096);
      expect(findHeap(moved.buffer, table)).toEqual({ state: "none" });
    }
  });
});
