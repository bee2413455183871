/**
 * Goal: heap.reap() refuses what it cannot do, in words. Method: CPUs of this thread, none of which
 * has died; test/threads/reap.test.ts has Workers that did.
 */
import { attachHeap, createHeap } from "slablab";
import { readFieldTable } from "slablab/internal/heap/fields.js";
import { findHeap } from "slablab/internal/heap/find.js";
import { expect, test, vi } from "vitest";

test("a number that is none, or nobody's, or of this thread is refused", async () => {
  const heap = await createHeap({ cpus: 2 });
  await expect(heap.reap(2)).rejects.toThrow(/cpu \(the heap was made for 2 CPUs\): expected/);
  await expect(heap.reap(Number.NaN)).rejects.toThrow(RangeError);
  await expect(heap.reap("0" as never)).rejects.toThrow(TypeError);
  await expect(heap.reap(1)).rejects.toThrow(/got 1, which nobody is; heap\.cpu\(1\) takes it/);
  const cpu = heap.cpu(1);
  await expect(heap.reap(1)).rejects.toThrow(/got 1, which is of this thread; .*cpu\.offline\(\)/);
  expect(heap.isTaken(1)).toBe(true);
  cpu.offline();
  expect(heap.isTaken(1)).toBe(false);
});

test.each(["release", "stats", "debug", "trace", "model"] as const)(
  "%s: a CPU that was forgotten is taken over, and its objects stay",
  async (build) => {
    const heap = await createHeap({ cpus: 2, build });
    // Another door to the same heap: what it holds is not known to be of this thread.
    const other = (await attachHeap(heap.handle)).cpu(0);
    const objects = Array.from({ length: 50 }, (_, index) => other.kmalloc(8 + index * 20));
    for (const object of objects.splice(0, 20)) other.kfree(object);
    const cpu = heap.cpu(1);
    const report = await heap.reap(0);
    expect(report).toMatchObject({ cpu: 0, lost: 0, locks: 0 });
    expect(report.slabs).toBeGreaterThan(3);
    expect(heap.validate()).toEqual([]);
    for (const object of objects) cpu.kfree(object);
    expect(heap.validate()).toEqual([]);
    expect(heap.cpu(0).kmalloc(100)).toBeGreaterThan(0);
  },
);

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** Two CPUs nobody is any more; the second died with slab_mutex. */
async function twoDead() {
  const heap = await createHeap({ cpus: 3 });
  const other = await attachHeap(heap.handle);
  for (const cpu of [0, 1]) other.cpu(cpu).kmalloc(64);
  const { memory, module } = heap.handle;
  const table = readFieldTable(module);
  const found = findHeap(memory.buffer, table);
  if (!("base" in found)) throw new Error("expected a heap");
  const at = found.base + table.offsets.heap_header.slab_mutex;
  new Int32Array(memory.buffer)[at >>> 2] = 1 + 1;
  return heap;
}

test("of two that died, the first waits until the second is known to be dead too", async () => {
  const heap = await twoDead();
  let isOver = false;
  const first = heap.reap(0).finally(() => {
    isOver = true;
  });
  await sleep(60);
  expect([isOver, heap.isTaken(0)]).toEqual([false, true]);
  const reports = await Promise.all([first, heap.reap(1)]);
  expect(reports.map(({ cpu }) => cpu)).toEqual([0, 1]);
  expect(reports.map(({ locks }) => locks).sort()).toEqual([0, 1]);
  expect([0, 1].map((cpu) => heap.isTaken(cpu))).toEqual([false, false]);
  expect(heap.validate()).toEqual([]);
});

test("several are reaped in one call", async () => {
  const heap = await twoDead();
  await expect(heap.reap(0, 2)).rejects.toThrow(/got 2, which nobody is/);
  await expect(heap.reap(0, 1)).resolves.toMatchObject({ cpu: 0, locks: 1 });
  expect(heap.validate()).toEqual([]);
});

test("who waits in vain is told for whom, and can go on from there", async () => {
  const heap = await twoDead();
  const now = performance.now();
  const clock = vi
    .spyOn(performance, "now")
    .mockReturnValueOnce(now)
    .mockReturnValue(now + 1e5);
  const reaped = heap.reap(0);
  await expect(reaped).rejects.toThrow(/CPU 1 has kept CPU 0 .*heap\.reap\(1\) reaps all of them/);
  clock.mockRestore();
  await heap.reap(1);
  expect([0, 1].map((cpu) => heap.isTaken(cpu))).toEqual([false, false]);
  expect(heap.validate()).toEqual([]);
});

test("inside nmi() it is refused", async () => {
  const heap = await createHeap({ cpus: 2, build: "stats" });
  (await attachHeap(heap.handle)).cpu(0);
  const cpu = heap.cpu(1);
  cpu.exports.nmi_enter();
  await expect(heap.reap(0)).rejects.toThrow(/heap\.reap: expected to be called outside nmi\(\)/);
  cpu.exports.nmi_exit();
  await expect(heap.reap(0)).resolves.toMatchObject({ cpu: 0 });
});

/** A heap whose CPUs nobody is any more, and how many there are. */
async function allDead(cpus: number, build: "release" | "debug" = "release") {
  const heap = await createHeap({ cpus, build });
  const other = await attachHeap(heap.handle);
  const objects = Array.from({ length: cpus }, () => other.cpu()).flatMap((cpu) =>
    Array.from({ length: 40 }, (_, index) => cpu.kmalloc(8 + index * 50)),
  );
  return { heap, objects };
}

test.each([1, 2, 5])("all %s CPUs are dead: whoever has the handle reaps them", async (cpus) => {
  const { heap, objects } = await allDead(cpus);
  const [first, ...others] = Array.from({ length: cpus }, (_, cpu) => cpu) as [number];
  const report = await heap.reap(first, ...others);
  expect(report).toMatchObject({ cpu: 0, lost: 0, locks: 0 });
  expect(report.slabs).toBeGreaterThan(3);
  expect([first, ...others].map((cpu) => heap.isTaken(cpu))).not.toContain(true);
  expect(heap.validate()).toEqual([]);
  const cpu = heap.cpu();
  for (const object of objects) cpu.kfree(object);
  expect(cpu.kmalloc(100)).toBeGreaterThan(0);
  cpu.offline();
  expect(heap.validate()).toEqual([]);
});

test("some of them, and then the rest; a number twice; one that is free by then", async () => {
  const { heap } = await allDead(3, "debug");
  await expect(heap.reap(1, 1)).resolves.toMatchObject({ cpu: 1 });
  expect([0, 1, 2].map((cpu) => heap.isTaken(cpu))).toEqual([true, false, true]);
  await expect(heap.reap(1)).rejects.toThrow(/got 1, which nobody is/);
  await heap.reap(2, 0);
  expect([0, 1, 2].map((cpu) => heap.isTaken(cpu))).toEqual([false, false, false]);
  expect(heap.validate()).toEqual([]);
});

test("two calls at once reap all, whoever does which", async () => {
  const { heap } = await allDead(3);
  const again = await attachHeap(heap.handle);
  const reports = await Promise.all([heap.reap(0), again.reap(1, 2)]);
  expect(reports.map(({ cpu }) => cpu)).toEqual([0, 1]);
  expect([0, 1, 2].map((cpu) => heap.isTaken(cpu))).toEqual([false, false, false]);
  expect(heap.validate()).toEqual([]);
});

test("a thread that is no CPU takes no free number for it", async () => {
  const heap = await createHeap({ cpus: 3 });
  (await attachHeap(heap.handle)).cpu(1).kmalloc(100);
  await heap.reap(1);
  expect(heap.cpu().id).toBe(0);
  expect(heap.validate()).toEqual([]);
});

test("who reaped as the dead CPU and died in it is taken over, once somebody says so", async () => {
  const { heap } = await allDead(2);
  expect(heap.reaperDied(0)).toBe(false);
  expect(() => heap.reaperDied(2)).toThrow(/heap\.reaperDied: cpu .* expected/);
  const { memory, module } = heap.handle;
  const table = readFieldTable(module);
  const found = findHeap(memory.buffer, table);
  if (!("base" in found)) throw new Error("expected a heap");
  const { base } = found;
  const words = new Int32Array(memory.buffer);
  const { cpu_areas } = table.offsets.heap_header;
  const state = ((words[(base + cpu_areas) >>> 2] as number) + table.offsets.cpu_area.state) >>> 2;
  // Its state says that it recovers itself: CPU_REAPING, by the number + 1.
  words[state] = 2 | (1 << 8);
  const clock = vi.spyOn(performance, "now");
  clock.mockReturnValueOnce(0).mockReturnValue(1e5);
  await expect(heap.reap(0)).rejects.toThrow(
    /as CPU 0; if it is gone, heap\.reaperDied\(0\), then/,
  );
  clock.mockRestore();
  expect(heap.reaperDied(0)).toBe(true);
  await heap.reap(0, 1);
  expect([0, 1].map((cpu) => heap.isTaken(cpu))).toEqual([false, false]);
  expect(heap.validate()).toEqual([]);
});
