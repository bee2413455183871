/**
 * Goal: heap.reap() refuses what it cannot do, in words. Method: CPUs of this thread, none of which
 * has died; test/threads/reap.test.ts has Workers that did.
 */
import { createHeap } from "slablab";
import { expect, test } from "vitest";

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
    const { attachHeap } = await import("slablab");
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

test("inside nmi() it is refused", async () => {
  const heap = await createHeap({ cpus: 2, build: "stats" });
  const { attachHeap } = await import("slablab");
  (await attachHeap(heap.handle)).cpu(0);
  const cpu = heap.cpu(1);
  cpu.exports.nmi_enter();
  await expect(heap.reap(0)).rejects.toThrow(/heap\.reap: expected to be called outside nmi\(\)/);
  cpu.exports.nmi_exit();
  await expect(heap.reap(0)).resolves.toMatchObject({ cpu: 0 });
});
