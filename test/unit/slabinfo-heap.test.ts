/**
 * Goal: slabinfo's numbers are those of /sys/kernel/slab (mm/slub.c show_slab_objects()). Method:
 * a heap of a few known calls, counted by hand, read live and from a snapshot of it.
 */
import {
  decodeSnapshot,
  encodeSnapshot,
  SNAPSHOT_VERSION,
  SnapshotError,
  takeSnapshot,
  viewOf,
} from "slablab/internal/heap/snapshot.js";
import { validate } from "slablab/internal/heap/validate.js";
import {
  readSlabCaches,
  type SlabCache,
} from "slablab/internal/report/slabinfo/slabinfo-caches.js";
import { readSlabinfo } from "slablab/internal/heap/slabinfo.js";
import { readStats } from "slablab/internal/heap/stats.js";
import { HeapView } from "slablab/internal/heap/view.js";
import { expect, test, vi } from "vitest";
import type { TestCpu } from "./support/cpu.js";
import { TestHeap } from "./support/heap.js";

function cacheOf(caches: readonly SlabCache[], name: string): SlabCache {
  const found = caches.find((cache) => cache.name === name);
  if (found === undefined) throw new Error(`expected a cache ${name}`);
  return found;
}

/** Three slabs of kmalloc-64: one full, one on the node's list with two objects, a cpu slab. */
function makeHeap(): { heap: TestHeap; cpu0: TestCpu; cpu1: TestCpu } {
  const heap = new TestHeap();
  const [cpu0, cpu1] = [heap.cpu(), heap.cpu()];
  const objects = cpu0.take(64, 128);
  cpu0.take(64, 1);
  for (const object of objects.slice(2, 64)) cpu1.kfree(object);
  return { heap, cpu0, cpu1 };
}

test("objects, slabs, partial and cpu slabs are counted where they are", () => {
  const { heap, cpu1 } = makeHeap();
  const before = cacheOf(readSlabCaches(heap.view), "kmalloc-64");
  // CPU 1 keeps the slab that it freed to on its own partial list: active, as in the kernel.
  expect(before).toMatchObject({ slabs: 3, objectsTotal: 192, objects: 192, partial: 0 });
  expect(before).toMatchObject({ cpuSlabs: 2, objectsPartial: 0 });
  cpu1.offline();
  const after = cacheOf(readSlabCaches(heap.view), "kmalloc-64");
  expect(after).toMatchObject({ slabs: 3, objects: 130, partial: 1, objectsPartial: 2 });
  expect(after).toMatchObject({ cpuSlabs: 1, objectsTotal: 192 });
  expect(after.stats).toMatchObject({ ALLOC_SLAB: 3, FREE_SLOWPATH: 62, ALLOC_SLOWPATH: 3 });
});

test("a snapshot holds the same heap, and is sound", async () => {
  const { heap } = makeHeap();
  const snapshot = takeSnapshot(heap.memory.buffer, heap.view);
  const before = readSlabCaches(heap.view);
  const file = await encodeSnapshot(snapshot);
  expect(file.byteLength).toBeLessThan(snapshot.memory.byteLength / 4);
  const view = viewOf(await decodeSnapshot(file));
  expect(readSlabCaches(view)).toEqual(before);
  expect(validate(view)).toEqual([]);
});

test("a snapshot is of the moment when it was taken", () => {
  const { heap, cpu0 } = makeHeap();
  const snapshot = takeSnapshot(heap.memory.buffer, heap.view);
  const before = readSlabCaches(viewOf(snapshot));
  cpu0.take(64, 100);
  expect(readSlabCaches(viewOf(snapshot))).toEqual(before);
});

test("what is no snapshot, damaged or of another version is refused with a sentence", async () => {
  const { heap } = makeHeap();
  const file = await encodeSnapshot(takeSnapshot(heap.memory.buffer, heap.view));
  const bytesOf = (text: string) => new TextEncoder().encode(text);
  const damaged = file.slice();
  damaged[file.length - 20] = (damaged[file.length - 20] ?? 0) ^ 0xff;
  const other = { schema: `slablab/snapshot/v${SNAPSHOT_VERSION + 1}` };
  const poor = { schema: `slablab/snapshot/v${SNAPSHOT_VERSION}`, base: 4096 };
  for (const [bytes, message] of [
    [bytesOf(""), "got a file of another kind"],
    [bytesOf("hello\nworld\n"), "got a file of another kind"],
    [bytesOf("null\n"), "got a file of another kind"],
    [bytesOf(`${JSON.stringify(other)}\n`), "expected schema slablab/snapshot/v1, got"],
    [bytesOf(`${JSON.stringify(poor)}\n`), "expected base, bytes and layout"],
    [damaged, "damaged"],
    [file.slice(0, -100), "damaged"],
  ] as const) {
    const error = await decodeSnapshot(bytes).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SnapshotError);
    expect(String(error)).toContain(message);
  }
});

test.each([1, 0x3f, 0x7f, 0x80, 0xff])("a header full of bytes %i is read in few steps", (byte) => {
  const { heap } = makeHeap();
  const { base, table } = heap.view;
  const copy = heap.memory.buffer.slice(0);
  new Uint8Array(copy, base, table.constants.ZONES).fill(byte);
  const view = new HeapView(copy, table, base);
  const reads = vi.spyOn(HeapView.prototype, "u32");
  expect(view.cpuCount).toBe(0);
  expect(view.nodeCount).toBe(0);
  expect(readSlabinfo(view)).toEqual([]);
  expect(readStats(view)).toEqual({});
  expect(readSlabCaches(view)).toEqual([]);
  expect(validate(view)).not.toEqual([]);
  expect(reads.mock.calls.length).toBeLessThan(100_000);
  reads.mockRestore();
});

test("any one count of the header out of its bounds is nothing to walk", () => {
  const { heap } = makeHeap();
  const { base, table } = heap.view;
  for (const field of ["nr_caches", "nr_cpu_ids", "nr_nodes", "max_caches"] as const) {
    for (const value of [2 ** 31 - 1, 2 ** 32 - 1, 100_000]) {
      const copy = heap.memory.buffer.slice(0);
      new Uint32Array(copy)[(base + table.offsets.heap_header[field]) / 4] = value;
      const view = new HeapView(copy, table, base);
      const reads = vi.spyOn(HeapView.prototype, "u32");
      readSlabinfo(view);
      readStats(view);
      expect(reads.mock.calls.length, `${field} ${value}`).toBeLessThan(100_000);
      reads.mockRestore();
    }
  }
});
