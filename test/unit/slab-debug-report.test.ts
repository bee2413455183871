/**
 * Goal: a kernel developer recognises a report at once, and every kind of report has its words.
 * Method: one report whole; the others made by the damage they are about, by their first lines.
 */
import { createHeap, SLAB_CONSISTENCY_CHECKS, SLAB_POISON, SLAB_RED_ZONE } from "slablab";
import * as flags from "slablab/internal/heap/flags.js";
import { writeReport } from "slablab/internal/heap/slab-report.js";
import { describe, expect, test, vi } from "vitest";
import { numbersIn, readSource } from "./support/counters.js";
import { TestHeap } from "./support/heap.js";

/** Addresses depend on the build's tables: only what is relative to the object stays. */
function relative(text: string, object: number): string {
  return text.replace(/0x[0-9a-f]{4,8}/g, (found) => {
    const distance = Number(found) - object;
    return Math.abs(distance) < 4096 ? `p${distance < 0 ? "" : "+"}${distance}` : "0x...";
  });
}

test("Right Redzone overwritten, whole", () => {
  const heap = new TestHeap({ build: "debug", slabDebug: "FZPU" });
  const cpu = heap.cpu(0);
  const object = cpu.kmalloc(8);
  heap.bytes.set(new TextEncoder().encode("1019.005"), object);
  heap.bytes[object + 8] = 0;
  cpu.kfree(object);
  expect(heap.reports.map((text) => relative(text, object))).toMatchInlineSnapshot(`
    [
      "BUG kmalloc-8 (Not tainted): Right Redzone overwritten
    -----------------------------------------------------------------------------

    INFO: p+8-p+8 @offset=16. First byte 0x00 instead of 0xcc
    INFO: Allocated in kmalloc age=1 cpu=0 pid=1
    INFO: Slab 0x... objects=64 used=1 fp=p+64 flags=partial
    INFO: Object p+0 @offset=8 fp=p+64

    Redzone  p-8: cc cc cc cc cc cc cc cc                          ........
    Object   p+0: 31 30 31 39 2e 30 30 35                          1019.005
    Redzone  p+8: 00 cc cc cc                                      ....
    Padding  p+52: 5a 5a 5a 5a                                      ZZZZ
    ",
      "FIX kmalloc-8: Restoring Right Redzone p+8-p+8=0xcc
    ",
      "FIX kmalloc-8: Object at p+0 not freed
    ",
    ]
  `);
});

describe("the words of", () => {
  const boot = (slabDebug: string) => {
    const heap = new TestHeap({ build: "debug", slabDebug });
    return { heap, cpu: heap.cpu(0), cache: heap.cache("kmalloc-64") };
  };
  const firsts = (heap: TestHeap) =>
    heap.reports.map((text) => (text.split("\n")[0] ?? "").replace(/0x[0-9a-f]{3,}/g, "0x..."));

  test("End Poison, Object padding, Slab padding", () => {
    const { heap, cpu } = boot("-");
    const poisoned = SLAB_POISON | SLAB_CONSISTENCY_CHECKS;
    const cache = cpu.createCache("padded", 96, { flags: poisoned });
    const object = cpu.cacheAlloc(cache);
    cpu.cacheFree(cache, object);
    const { start } = heap.slabOf(object);
    heap.bytes[object + 95] = 1;
    heap.bytes[object + cache.size - 1] = 2;
    heap.bytes[start + 4095] = 3;
    cpu.validateCache(cache);
    expect(firsts(heap)).toEqual([
      "BUG padded (Not tainted): Slab padding overwritten",
      "FIX padded: Restoring Slab padding 0x...-0x...=0x5a",
      "BUG padded (Tainted: G    B): End Poison overwritten",
      "FIX padded: Restoring End Poison 0x...-0x...=0xa5",
      "BUG padded (Tainted: G    B): Object padding overwritten",
      "FIX padded: Restoring Object padding 0x...-0x...=0x5a",
    ]);
    expect(cpu.validateCache(cache), "all is restored").toBe(0);
  });

  test("Alignment padding", () => {
    const { heap, cpu } = boot("-");
    const cache = cpu.createCache("odd", 61, { flags: SLAB_POISON });
    const object = cpu.cacheAlloc(cache);
    heap.bytes[object + 62] = 1;
    expect(cpu.validateCache(cache)).toBe(2);
    expect(firsts(heap)[0]).toBe("BUG odd (Not tainted): Alignment padding overwritten");
  });

  test("a freelist that starts nowhere, and one that is a circle", () => {
    const { heap, cpu, cache } = boot("FZPU,kmalloc-64");
    const [a = 0, b = 0] = cpu.take(64, 2);
    const slab = heap.slabOf(a);
    const freelist = slab.address + heap.table.offsets.page.freelist;
    heap.setU32(freelist, a + 4);
    cpu.validateCache(cache);
    expect(firsts(heap)).toEqual([
      "BUG kmalloc-64 (Not tainted): Freepointer corrupt",
      "FIX kmalloc-64: Freelist cleared",
    ]);
    expect(heap.slabOf(a)).toMatchObject({ freelist: 0, inuse: cache.objects });
    // Allocation goes on, in another slab.
    const other = cpu.kmalloc(64);
    expect(heap.slabOf(other).address).not.toBe(slab.address);
    cpu.kfree(a);
    heap.reports.length = 0;
    heap.setU32(a + cache.offset, a);
    cpu.validateCache(cache);
    expect(firsts(heap)[0]).toContain("Freelist cycle detected");
    cpu.kfree(b);
    cpu.kfree(other);
  });

  test("counters that cannot be", () => {
    const { heap, cpu, cache } = boot("FZPU,kmalloc-64");
    const object = cpu.kmalloc(64);
    const slab = heap.slabOf(object);
    const counters = slab.address + heap.table.offsets.page.counters;
    heap.setU32(counters, slab.counters + 0x10000);
    expect(cpu.validateCache(cache)).toBe(1);
    heap.setU32(counters, slab.counters + cache.objects);
    expect(cpu.validateCache(cache)).toBe(1);
    heap.setU32(counters, slab.counters - 0x10000);
    // The last object is then none, to which the list leads: that is told too.
    expect(cpu.validateCache(cache)).toBeGreaterThan(4);
    const { objects } = cache;
    const words = heap.reports.map((text) => (text.split("\n")[0] ?? "").split(": ").at(-1));
    expect(words.slice(0, 2)).toEqual([
      `objects ${objects + 1} > max ${objects}`,
      `inuse ${objects + 1} > max ${objects}`,
    ]);
    expect(words).toContain(
      `Wrong number of objects. Found ${objects - 1} but should be ${objects}`,
    );
    expect(words).toContain("Number of objects adjusted");
    heap.abandon();
  });

  test("nr_partial that is not the list's length", () => {
    const { heap, cpu, cache } = boot("FZPU,kmalloc-64");
    cpu.kmalloc(64);
    const node = heap.view.node(cache.index, 0).address;
    heap.setU32(node + heap.table.offsets.kmem_cache_node.nr_partial, 2);
    expect(cpu.validateCache(cache)).toBe(1);
    expect(firsts(heap)[0]).toContain("1 partial slabs counted but counter=2");
    heap.setU32(node + heap.table.offsets.kmem_cache_node.nr_partial, 1);
  });

  test("T: every allocation and free, counted as no error", () => {
    const { heap, cpu } = boot("T,kmalloc-64");
    const object = cpu.kmalloc(64);
    cpu.kfree(object);
    expect(firsts(heap)).toEqual([
      expect.stringMatching(/^TRACE kmalloc-64 alloc 0x\.\.\. inuse=1 fp=0x\.\.\.$/),
      expect.stringMatching(/^TRACE kmalloc-64 free 0x\.\.\. inuse=1 fp=0x\.\.\.$/),
    ]);
    expect(heap.reports[1]?.split("\n").length, "four lines of the object").toBe(6);
    expect(heap.slabErrors).toBe(0);
  });

  test("a deferred free in its track, and the CPU it ran on", () => {
    const { heap, cpu } = boot("FZPU");
    const objects = cpu.take(64, 2);
    cpu.nmi(() => cpu.kfreeNolock(objects[0] ?? 0));
    cpu.kfree(objects[0] ?? 0);
    expect(heap.reports[0]).toMatch(/^INFO: Freed in kfree_nolock \(deferred\) age=\d+ cpu=0/m);
  });
});

test("every kind that the allocator has is told in words, and every flag is its own", () => {
  const heap = new TestHeap({ build: "debug", slabDebug: "FZPU" });
  const cpu = heap.cpu(0);
  const object = cpu.kmalloc(64);
  const where = { cache: heap.cache("kmalloc-64").address, slab: heap.slabAddressOf(object) };
  const kinds = numbersIn(readSource("assembly/sync/slab_report.ts"));
  expect(kinds.size).toBeGreaterThan(30);
  for (const [name, kind] of kinds) {
    // Added to the kinds of bytes.
    if (name === "FIX_RESTORE") continue;
    const report = { kind, ...where, object, from: object, to: object + 1, value: 0xcc };
    const text = writeReport(heap.view, report);
    expect(text, name).not.toMatch(/report \d|undefined|NaN/);
    const first = name.startsWith("FIX") ? "FIX " : name.includes("TRACE") ? "TRACE " : "BUG ";
    if (name !== "REPORT_OBJECT_REMAINS") expect(text.startsWith(first), name).toBe(true);
  }
  const config = numbersIn(readSource("assembly/base/config.ts"));
  for (const [name, flag] of Object.entries(flags)) {
    if (/^SLAB_(?!MASK|DEBUG_FLAGS)/.test(name)) expect(config.get(name), name).toBe(flag);
  }
});

describe("onReport", () => {
  const checked = SLAB_RED_ZONE | SLAB_CONSISTENCY_CHECKS;
  async function damage(onReport?: (text: string) => void): Promise<void> {
    const heap = await createHeap({ cpus: 1, maximumBytes: 2 ** 24, build: "debug" });
    const cpu = heap.cpu(0, onReport === undefined ? {} : { onReport });
    const cache = cpu.kmemCacheCreate({ name: "red", size: 64, flags: checked });
    const object = cache.alloc();
    cpu.bytes(object + 64, 1).fill(0);
    cache.free(object);
    expect(heap.slabErrors).toBe(3);
    expect(heap.validate()).toEqual([]);
  }

  test("is console.error unless given", async () => {
    const error = vi.spyOn(console, "error").mockImplementation(() => {});
    await damage();
    expect(error.mock.calls.map(([text]) => String(text).slice(0, 3))).toEqual([
      ..."BUG FIX FIX".split(" "),
    ]);
    error.mockRestore();
  });

  describe("what it throws", () => {
    const stop = (text: string) => {
      throw new Error(text.split("\n")[0]);
    };
    const OVERWRITTEN = /^BUG red \(.*\): Right Redzone overwritten$/;

    /** A CPU whose handler throws, and an object of a checked cache with a byte too much. */
    async function overrun(build: "debug" | "trace" = "debug") {
      const heap = await createHeap({ cpus: 2, maximumBytes: 2 ** 24, build });
      const cpu = heap.cpu(0, { onReport: stop });
      const cache = cpu.kmemCacheCreate({ name: "red", size: 64, flags: checked });
      const object = cache.alloc();
      cpu.bytes(object + 64, 1).fill(0);
      return { heap, cpu, cache, object };
    }

    test("is thrown by the call that met the fault, and the heap goes on", async () => {
      const { heap, cpu, cache, object } = await overrun();
      expect(() => cache.free(object)).toThrow(OVERWRITTEN);
      expect(heap.slabErrors).toBe(3);
      expect(heap.validate()).toEqual([]);
      // It was restored: the next free is fine, and nothing is thrown late.
      cache.free(object);
      cpu.kfree(cpu.kmalloc(64));
      expect(cache.destroy().released).toBe(true);
    });

    test("is the first of several, and is thrown once", async () => {
      const { cache, object } = await overrun();
      const texts: string[] = [];
      expect(() => cache.free(object)).toThrow(OVERWRITTEN);
      expect(texts).toEqual([]);
      expect(() => cache.free(cache.alloc())).not.toThrow();
    });

    test("is thrown by a raw export, through the module that called it", async () => {
      const { heap, cpu, object } = await overrun();
      const { malloc, free } = cpu.exports;
      expect(() => free(object)).toThrow(OVERWRITTEN);
      expect(heap.validate()).toEqual([]);
      free(malloc(100));
    });

    test("an allocation that met the fault is given back", async () => {
      const heap = await createHeap({ cpus: 1, maximumBytes: 2 ** 24, slabDebug: "FP" });
      const cpu = heap.cpu(0, { onReport: stop });
      const live = () => heap.slabinfo().reduce((sum, { active_objs }) => sum + active_objs, 0);
      const calls = [() => cpu.kmalloc(64), () => cpu.exports.kmalloc(64, 0)];
      for (const call of calls) {
        const before = live();
        const object = cpu.kmalloc(64);
        cpu.kfree(object);
        cpu.bytes(object + 8, 1).fill(0);
        expect(call).toThrow(/Poison overwritten/);
        // A slab that fails at an allocation is taken out of use: its objects all count as live.
        expect(live() === before || live() > before + 1).toBe(true);
        expect(heap.validate()).toEqual([]);
      }
      const large = cpu.kmalloc(9000);
      cpu.kfree(large);
      cpu.bytes(large + 8, 1).fill(0);
      expect(() => cpu.kmalloc(9000)).toThrow(/kmalloc-large.*Poison overwritten/);
      const again = cpu.kmalloc(9000);
      expect(again).toBe(large);
      cpu.kfree(again);
      expect(heap.validate()).toEqual([]);
    });

    test("comes out of nmi(), and of calls inside it not", async () => {
      const { cpu, cache, object } = await overrun();
      let reached = false;
      expect(() =>
        cpu.nmi(() => {
          cache.freeNolock(object);
          reached = true;
        }),
      ).toThrow(OVERWRITTEN);
      expect(reached).toBe(true);
      expect(cpu.exports.preempt_count()).toBe(0);
    });

    test("is thrown beside what a handler of trace points throws, whoever is first", async () => {
      const heap = await createHeap({ cpus: 1, maximumBytes: 2 ** 24, build: "trace" });
      const cpu = heap.cpu(0, {
        onReport: stop,
        onTrace: ({ event }) => {
          if (event === "kfree") throw new Error("traced");
        },
      });
      const cache = cpu.kmemCacheCreate({ name: "red", size: 64, flags: checked });
      const object = cache.alloc();
      cpu.bytes(object + 64, 1).fill(0);
      expect(() => cpu.kfree(object)).toThrow("traced");
      expect(() => cpu.kfree(16)).not.toThrow(/BUG/);
    });
  });

  test("must be a function", async () => {
    const heap = await createHeap({ cpus: 1, maximumBytes: 2 ** 24 });
    expect(() => heap.cpu(0, { onReport: 1 as never })).toThrow(
      /heap\.cpu: options\.onReport: expected a function, got 1/,
    );
  });
});
