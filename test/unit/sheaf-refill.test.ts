/**
 * Goal: who may not wait refills its sheaves like everybody, unless the heap was asked not to.
 * Method: counters of a heap that counts, allocations on a CPU of either kind.
 */
import { attachHeap, createHeap, type SheafRefill } from "slablab";
import { expect, test } from "vitest";

const SIZE = 64;

async function sceneOf(sheafRefill?: SheafRefill) {
  const heap = await createHeap({
    ...{ cpus: 2, maximumBytes: 2 ** 23, build: "stats", sheafCapacity: "kernel64" },
    ...(sheafRefill === undefined ? {} : { sheafRefill }),
  });
  const [waits, doesNot] = [heap.cpu(0), heap.cpu(1, { mayWait: false })];
  /** What `count` allocations did on one of them. */
  const countsOf = (cpu: typeof waits, count: number) => {
    const read = () => heap.stats()["kmalloc-64"] ?? {};
    const before = read();
    const objects = Array.from({ length: count }, () => cpu.kmalloc(SIZE));
    expect(objects).not.toContain(0);
    const after = read();
    const sum = (item: keyof typeof after) =>
      (after[item]?.[cpu.id] ?? 0) - (before[item]?.[cpu.id] ?? 0);
    const counts = { refilled: sum("SHEAF_REFILL"), fromSheaves: sum("ALLOC_PCS") };
    for (const object of objects) cpu.kfree(object);
    expect(heap.validate()).toEqual([]);
    return counts;
  };
  return { heap, waits, doesNot, countsOf };
}

test("always: a CPU that may not wait refills, and all comes from sheaves", async () => {
  const { heap, doesNot, countsOf } = await sceneOf();
  expect(heap.options.sheafRefill).toBe("always");
  expect(countsOf(doesNot, 120)).toEqual({ refilled: 120, fromSheaves: 120 });
});

test("mayWait: it takes from slabs one by one, until frees have filled its sheaf", async () => {
  const { heap, waits, doesNot, countsOf } = await sceneOf("mayWait");
  expect(heap.options.sheafRefill).toBe("mayWait");
  expect((await attachHeap(heap.handle)).options.sheafRefill).toBe("mayWait");
  expect(countsOf(doesNot, 40)).toEqual({ refilled: 0, fromSheaves: 0 });
  expect(countsOf(doesNot, 40)).toEqual({ refilled: 0, fromSheaves: 40 });
  expect(countsOf(waits, 120)).toEqual({ refilled: 120, fromSheaves: 120 });
});

test("refused: what is no rule, and any in a heap without sheaves", async () => {
  const refused = (sheafRefill: unknown, percpu?: "slab") =>
    createHeap({ cpus: 1, sheafRefill, percpu } as Parameters<typeof createHeap>[0]);
  await expect(refused("never")).rejects.toThrow(RangeError);
  await expect(refused("never")).rejects.toThrow(
    /sheafRefill: expected one of always, mayWait, got "never"; leave it out for always/,
  );
  await expect(refused(1)).rejects.toThrow(TypeError);
  await expect(refused("always", "slab")).rejects.toThrow(
    /sheafRefill: expected percpu: "sheaf" with it, got a heap without sheaves/,
  );
});
