/**
 * Goal: groups as JavaScript has them: made, opened, charged, told about and removed; and every
 * misuse is refused with a sentence that helps. Method: a heap and its CPUs in one thread.
 */
import {
  __GFP_ACCOUNT,
  __GFP_ZERO,
  attachHeap,
  createHeap,
  type HeapOptions,
  SLAB_ACCOUNT,
} from "slablab";
import { describe, expect, test } from "vitest";

const MIB = 2 ** 20;
const make = (options: HeapOptions = {}) =>
  createHeap({ cpus: 2, maximumBytes: 16 * MIB, ...options });

describe("a group", () => {
  test("keeps the charge of an object that waits for a grace period", async () => {
    const heap = await make();
    const group = heap.memcgCreate({ name: "web", limitBytes: 10 * 4096 });
    const [cpu, reader] = [heap.cpu(), heap.cpu()];
    cpu.memcg = group;
    const object = cpu.kmalloc(100, __GFP_ACCOUNT);
    reader.rcuReadLock();
    cpu.kfreeRcu(object);
    expect(group.stat().objectBytes).toBe(132);
    expect(heap.validate()).toEqual([]);
    reader.rcuReadUnlock();
    cpu.rcuBarrier();
    expect(group.stat().objectBytes).toBe(0);
    expect(heap.validate()).toEqual([]);
  });

  test("is charged what a CPU allocates for it, and tells", async () => {
    const heap = await make();
    const group = heap.memcgCreate({ name: "web", limitBytes: 10 * 4096 + 1 });
    expect(group.name).toBe("web");
    const cpu = heap.cpu();
    expect(cpu.memcg).toBeUndefined();
    cpu.memcg = group;
    expect(cpu.memcg).toBe(group);
    const objects = [cpu.kmalloc(100, __GFP_ACCOUNT), cpu.kmalloc(9000, __GFP_ACCOUNT)];
    expect(cpu.kmalloc(5 * 4096 * 2, __GFP_ACCOUNT)).toBe(0);
    expect(group.stat()).toEqual({
      name: "web",
      limitBytes: 10 * 4096,
      usageBytes: 5 * 4096,
      maxUsageBytes: 5 * 4096,
      failures: 1,
      stockBytes: 4096 - 132,
      freeBytes: 0,
      objectBytes: 4 * 4096 + 132,
    });
    expect(heap.validate()).toEqual([]);
    cpu.kfreeBulk(objects);
    expect(group.stat()).toMatchObject({ objectBytes: 0, usageBytes: 0 });
    cpu.memcg = undefined;
    group.remove();
    expect(group.exists).toBe(false);
    expect(() => group.stat()).toThrow(/expected a group that exists, got web.*memcgCreate/s);
    expect(() => group.remove()).toThrow(/removed/);
    expect(() => {
      cpu.memcg = group;
    }).toThrow(/expected a group that exists/);
    expect(heap.validate()).toEqual([]);
  });

  test("is opened by its name, also by who attached to the heap", async () => {
    const heap = await make();
    const group = heap.memcgCreate({ name: "db", limitBytes: MIB });
    const other = await attachHeap(heap.handle);
    const cpu = other.cpu();
    cpu.memcg = other.memcgOpen("db");
    const object = cpu.kmalloc(64, __GFP_ACCOUNT);
    expect(group.stat().objectBytes).toBe(68);
    cpu.kfree(object);
    cpu.memcg = cpu.memcgOpen("db");
    expect(() => heap.memcgOpen("dB")).toThrow(/expected one of db, got "dB".*memcgCreate/s);
    expect(() => group.remove()).toThrow(/the memcg of CPU 0; set cpu.memcg = undefined/);
    cpu.offline();
    group.remove();
    expect(() => heap.memcgOpen("db")).toThrow(/expected one of no group at all/);
  });

  test("with live objects is not removed", async () => {
    const heap = await make();
    const cpu = heap.cpu();
    const group = cpu.memcgCreate({ name: "g", limitBytes: MIB });
    cpu.memcg = group;
    const object = cpu.kmalloc(64, __GFP_ACCOUNT);
    cpu.memcg = undefined;
    expect(() => group.remove()).toThrow(/got g with 68 bytes of objects; free them first/);
    cpu.kfree(object);
    group.remove();
  });

  test("charges a cache made with SLAB_ACCOUNT; others refuse __GFP_ACCOUNT", async () => {
    const heap = await make();
    const cpu = heap.cpu();
    const group = cpu.memcgCreate({ name: "g", limitBytes: MIB });
    cpu.memcg = group;
    const cache = cpu.kmemCacheCreate({ name: "mine", size: 96, flags: SLAB_ACCOUNT });
    const objects = [cache.alloc(), cache.alloc(__GFP_ACCOUNT | __GFP_ZERO), ...cache.allocBulk(3)];
    expect(group.stat().objectBytes).toBe(5 * 100);
    cache.freeBulk(objects);
    expect(group.stat().objectBytes).toBe(0);
    const plain = cpu.kmemCacheCreate({ name: "plain", size: 96 });
    const calls = [
      () => plain.alloc(__GFP_ACCOUNT),
      () => plain.allocNolock(__GFP_ACCOUNT),
      () => plain.allocBulk(2, __GFP_ACCOUNT),
    ];
    for (const call of calls) {
      expect(call).toThrow(RangeError);
      expect(call).toThrow(/expected a cache made with SLAB_ACCOUNT for __GFP_ACCOUNT, got plain/);
    }
    expect(() => plain.alloc(64)).toThrow(/expected flags among/);
  });
});

describe("refused", () => {
  test("bad names and limits", async () => {
    const heap = await make();
    const limits = [0, 4095, -1, Number.NaN];
    for (const limitBytes of limits) {
      const call = () => heap.memcgCreate({ name: "g", limitBytes });
      expect(call).toThrow(RangeError);
      expect(call).toThrow(/limitBytes: expected a number of at least 4096, got .*; /);
    }
    expect(() => heap.memcgCreate({ name: "g", limitBytes: "1" as never })).toThrow(TypeError);
    expect(() => heap.memcgCreate({ name: "a b", limitBytes: MIB })).toThrow(/without spaces/);
    expect(() => heap.memcgCreate({ name: "g" } as never)).toThrow(/got undefined/);
    expect(() => heap.memcgCreate({ name: "g", limit: 1 } as never)).toThrow(/unknown option/);
    heap.memcgCreate({ name: "g", limitBytes: Number.POSITIVE_INFINITY });
    expect(heap.memcgOpen("g").stat().limitBytes).toBe(2 ** 32);
    expect(() => heap.memcgCreate({ name: "g", limitBytes: MIB })).toThrow(/not in use, got "g"/);
  });

  test("a cache table without room, and one group too many", async () => {
    const small = await make({ maxCaches: 26 });
    expect(() => small.memcgCreate({ name: "g", limitBytes: MIB })).toThrow(
      /expected room for 13 kmalloc-cg caches in the cache table, got 12 entries.*maxCaches/s,
    );
    const heap = await make();
    const cpu = heap.cpu();
    for (let index = 0; index < 63; index++) {
      cpu.memcgCreate({ name: `g${index}`, limitBytes: MIB });
    }
    expect(() => heap.memcgCreate({ name: "g", limitBytes: MIB })).toThrow(/of 63 groups unused/);
  });

  test("a heap without a free CPU says where else to ask", async () => {
    const heap = await make({ cpus: 1 });
    const cpu = heap.cpu();
    const call = () => heap.memcgCreate({ name: "g", limitBytes: MIB });
    expect(call).toThrow(/expected a free CPU .* got none.*cpu\.memcgCreate\(\)/s);
    cpu.memcgCreate({ name: "g", limitBytes: MIB });
    expect(() => heap.memcgOpen("g").remove()).toThrow(/memcg.remove: expected a free CPU/);
    cpu.memcgOpen("g").remove();
  });

  test("what is no group, or another heap's, or in an NMI", async () => {
    const [heap, other] = [await make(), await make()];
    const cpu = heap.cpu();
    const theirs = other.memcgCreate({ name: "theirs", limitBytes: MIB });
    const set = (group: unknown) => {
      cpu.memcg = group as never;
    };
    expect(() => set({})).toThrow(TypeError);
    expect(() => set(null)).toThrow(/expected a group or undefined, got null/);
    expect(() => set(theirs)).toThrow(/expected a group of this CPU's heap, got theirs/);
    const mine = heap.memcgCreate({ name: "mine", limitBytes: MIB });
    expect(() => cpu.nmi(() => set(mine))).toThrow(/outside nmi\(\)/);
    set(mine);
    cpu.offline();
    expect(() => cpu.memcg).toThrow(/after offline/);
  });

  test("an entry that was used again is not taken for the group before", async () => {
    const heap = await make();
    const cpu = heap.cpu();
    const before = cpu.memcgCreate({ name: "g", limitBytes: MIB });
    before.remove();
    const after = cpu.memcgCreate({ name: "g", limitBytes: MIB });
    expect(after.address).toBe(before.address);
    expect([before.exists, after.exists]).toEqual([false, true]);
    expect(() => before.stat()).toThrow(/removed/);
    expect(() => {
      cpu.memcg = before;
    }).toThrow(/removed/);
  });
});
