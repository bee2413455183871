/**
 * Goal: what is reserved for other modules is theirs alone, and a program that outgrows it is found
 * out. Method: every read of a header is counted by the address it asks for; a page below the
 * header, and the header itself, are written over byte by byte in copies of a heap.
 */
import { attachHeap, createHeap, type Heap } from "slablab";
import { readFieldTable } from "slablab/internal/heap/fields.js";
import { findHeap, headerAddress, headerAddresses } from "slablab/internal/heap/find.js";
import { decodeSnapshot, encodeSnapshot, takeSnapshot } from "slablab/internal/heap/snapshot.js";
import { HeapView } from "slablab/internal/heap/view.js";
import { afterEach, describe, expect, test, vi } from "vitest";
import { snapshots } from "./support/snapshot.js";

const MIB = 2 ** 20;
const PAGE = 4096;

const heapWith = (reserveBytes: number, maximumBytes = reserveBytes + 16 * MIB) =>
  createHeap({ cpus: 1, maximumBytes, maxCaches: 32, reserveBytes });

const tableOf = ({ handle }: Heap) => readFieldTable(handle.module);

afterEach(() => {
  vi.restoreAllMocks();
});

describe("nothing touches what is only reserved", () => {
  /** Addresses that `work` reads while it looks for headers. */
  async function readsOf(work: () => Promise<unknown>): Promise<number[]> {
    const spy = vi.spyOn(DataView.prototype, "getUint32");
    await work();
    return spy.mock.calls.map(([at]) => at);
  }

  test("attaching by the handle reads no word below the header", async () => {
    const heap = await heapWith(512 * MIB);
    const { base } = heap.handle;
    const before = process.memoryUsage.rss();
    const reads = await readsOf(() => attachHeap(structuredClone(heap.handle)));
    expect(reads.length).toBeGreaterThan(0);
    expect(reads.filter((at) => at < (base ?? 0))).toEqual([]);
    expect(process.memoryUsage.rss() - before).toBeLessThan(128 * MIB);
  });

  test("a handle put together by hand costs hundreds of words, not one a page", async () => {
    const heap = await heapWith(512 * MIB);
    const { memory, module } = heap.handle;
    const before = process.memoryUsage.rss();
    const reads = await readsOf(async () => {
      const attached = await attachHeap({ memory, module });
      expect(attached.handle.base).toBe(heap.handle.base);
    });
    // 64 for each doubling: 131072 pages are reserved.
    expect(reads.length).toBeLessThan(64 * 14);
    expect(process.memoryUsage.rss() - before).toBeLessThan(128 * MIB);
  });

  test("a handle may say where the header is, and is held to it", async () => {
    const heap = await heapWith(100_000);
    const { memory, module, base = 0 } = heap.handle;
    const attached = await attachHeap({ memory, module, base });
    expect(attached.handle).toEqual(heap.handle);
    await expect(attachHeap({ memory, module, base: base + PAGE })).rejects.toThrow(
      /expected the header of a heap at handle\.base, .* got something else/,
    );
    const bad = { memory, module, base: -1 };
    await expect(attachHeap(bad)).rejects.toBeInstanceOf(TypeError);
  });

  test("any reserve has its header where it is looked for, a 64th above it at most", async () => {
    const table = tableOf(await heapWith(0));
    const places = new Set(headerAddresses(table, 2 ** 32));
    expect(places.size).toBeLessThanOrEqual(64 * 15);
    const sizes = [0, 1, 4095, 4096, 4097, 65536, 262_143, 262_144, 524_287, 524_289, 2 ** 31 + 1];
    for (let size = 3; size < 2 ** 32 - 2 ** 26; size = Math.ceil(size * 1.37)) sizes.push(size);
    for (const size of sizes) {
      const base = headerAddress(table, size);
      expect(places.has(base), `a header for ${size} bytes`).toBe(true);
      expect(base - size, `bytes between ${size} and its header`).toBeLessThanOrEqual(
        Math.max(size / 64, PAGE) + PAGE,
      );
      if (size > 0) expect(base - size).toBeGreaterThanOrEqual(PAGE);
    }
  });

  test("the allocator puts it there, too", async () => {
    for (const reserveBytes of [0, 1, PAGE, 65536, 100_000, MIB + 12_345, 70 * MIB + 1]) {
      const heap = await heapWith(reserveBytes);
      expect(heap.handle.base).toBe(headerAddress(tableOf(heap), reserveBytes));
      expect(heap.validate()).toEqual([]);
    }
  });

  test("a snapshot has none of the bytes that other modules own", async () => {
    const heap = await heapWith(65536);
    const { memory } = heap.handle;
    new Uint8Array(memory.buffer, 0, 65536).fill(0x77);
    const view = new HeapView(memory, tableOf(heap), heap.handle.base ?? 0);
    const read = await decodeSnapshot(await encodeSnapshot(takeSnapshot(memory.buffer, view)));
    expect(new Uint8Array(read.memory, 0, 65536).every((byte) => byte === 0)).toBe(true);
    expect(findHeap(read.memory, view.table, read.base)).toMatchObject({ state: "ready" });
  });
});

describe("a program that outgrew its reserve", () => {
  test.each([0, 1, 100, 2048, PAGE - 1])(
    "is found by validate() and at attach, %i bytes too far",
    async (far) => {
      for (const reserveBytes of [65536, 100_001]) {
        const heap = await heapWith(reserveBytes);
        const at = reserveBytes + far;
        new Uint8Array(heap.handle.memory.buffer)[at] = 0;
        expect(heap.validate()).toMatchObject([{ invariant: "Q0-guard", address: at }]);
        expect(heap.validate()[0]?.message).toContain(`outgrew its ${reserveBytes} bytes`);
        await expect(attachHeap(heap.handle)).rejects.toThrow(/outgrew its reserveBytes/);
      }
    },
  );

  test("and wrote over the start of the header: the heap is not called sound", async () => {
    const heap = await heapWith(65536);
    const { memory, base = 0 } = heap.handle;
    new Uint8Array(memory.buffer, base, 8).fill(0xff);
    expect(heap.validate()).toMatchObject([{ invariant: "Q0-header", where: "heap header" }]);
    expect(heap.validate()[0]?.message).toMatch(/^magic should be .*, is 0xffffffff 0xffffffff$/);
    await expect(attachHeap(heap.handle)).rejects.toThrow(/wrote over it/);
  });

  test("what is within the reserve is the program's business", async () => {
    const heap = await heapWith(65536);
    new Uint8Array(heap.handle.memory.buffer, 0, 65536).fill(0xff);
    expect(heap.validate()).toEqual([]);
    expect((await attachHeap(heap.handle)).validate()).toEqual([]);
  });

  test("with nothing reserved the null page reads as zeros", async () => {
    const heap = await heapWith(0);
    const page = new Uint8Array(heap.handle.memory.buffer, 0, PAGE);
    expect(page.every((byte) => byte === 0)).toBe(true);
  });
});

describe("the header, word by word", () => {
  // Of these any value is possible: the seed, the options of failslab, counts of what happened.
  const FREE = [
    ...["seed", "fail_probability", "fail_interval", "fail_nth"],
    ...["grow_request", "grow_failures", "grows", "slab_errors", "rcu_gp", "rcu_wait_gp"],
  ];

  test("all ones in any word of its page that says something are found", async () => {
    const heap = await heapWith(65536);
    const copies = snapshots(heap);
    const { table, base } = copies().view;
    const names = new Map(
      table.fields
        .filter(({ struct }) => struct === "heap_header")
        .map(({ name, offset }) => [offset, name]),
    );
    const missed: string[] = [];
    for (let offset = 0; offset < table.constants.ZONES; offset += 4) {
      const copy = copies();
      copy.set(base + offset, 0xffffffff);
      const name = names.get(offset) ?? `word ${offset}`;
      if (copy.validate().length === 0) missed.push(name);
    }
    expect(missed.filter((name) => !FREE.includes(name))).toEqual([]);
  });

  test("a bit more in a constant that others follow from, or that follows, is found", async () => {
    const heap = await heapWith(65536);
    const copies = snapshots(heap);
    const derived = [
      ...["self", "abi_version", "boot", "nr_cpu_ids", "max_caches"],
      ...[
        "maximum_pages",
        "reserve_bytes",
        "node_table",
        "cpu_areas",
        "cpu_area_size",
        "mem_map",
        "first_pfn",
      ],
    ] as const;
    for (const name of derived) {
      // Large enough that no rounding up to pages hides it.
      for (const bit of [64, 2 ** 13]) {
        const copy = copies();
        copy.patchHeader(name, (old) => old + bit);
        const message = `${name} of ${bit} more`;
        expect(copy.validate()[0], message).toMatchObject({ invariant: "Q0-header" });
      }
    }
  });

  test("each byte of the size table is known", async () => {
    const heap = await heapWith(0);
    const copies = snapshots(heap);
    const { base, table } = copies().view;
    const byteAt = (address: number) => new Uint8Array(heap.handle.memory.buffer)[address];
    for (let entry = 0; entry <= 1024; entry += 41) {
      const copy = copies();
      new Uint8Array(copy.words.buffer)[base + table.constants.SIZE_INDEX + entry] = 14;
      expect(copy.validate()[0]?.message).toBe(
        `size_index of ${entry * 8} bytes should be ` +
          `${byteAt(base + table.constants.SIZE_INDEX + entry)}, is 14`,
      );
    }
  });

  test("validate() never throws, whatever lies where the header was", async () => {
    for (const byte of [0, 0x5a, 0x7f, 0xff]) {
      const heap = await heapWith(65536);
      const { memory, base = 0 } = heap.handle;
      new Uint8Array(memory.buffer, base - PAGE, 3 * PAGE).fill(byte);
      expect(heap.validate().length).toBeGreaterThan(0);
    }
  });
});
