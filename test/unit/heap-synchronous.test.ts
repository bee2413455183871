/**
 * Goal: no function that the allocator runs in the middle of a call goes on after it has returned.
 * Method: async functions, generators and functions that return promises, wherever one is taken;
 * afterwards the CPU is what it was, and no rejection is left for the process.
 */
import { type Cpu, createHeap, type Heap } from "slablab";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

const OTHER_KINDS: Readonly<Record<string, () => unknown>> = {
  "an async function": async () => 1,
  "a generator": function* () {
    yield 1;
  },
  "an async generator": async function* () {
    yield 1;
  },
};
const PROMISES: Readonly<Record<string, () => unknown>> = {
  "a promise": () => Promise.resolve(1),
  "a promise that rejects": () => Promise.reject(new Error("nobody hears of it")),
  // biome-ignore lint/suspicious/noThenProperty: what is tested.
  "a thenable": () => ({ then: () => expect.unreachable("nobody called it") }),
};
const WORDS = "expected a function that is over when it returns, got";

let heap: Heap;
let cpu: Cpu;

async function setUp(build: "release" | "trace"): Promise<void> {
  heap = await createHeap({ cpus: 2, maximumBytes: 2 ** 24, build });
  cpu = heap.cpu();
}

beforeEach(() => setUp("release"));

afterEach(async () => {
  // Rejections that nobody takes would fail the run one turn later.
  await new Promise((resolve) => setTimeout(resolve, 0));
  vi.restoreAllMocks();
  expect(cpu.exports.preempt_count() & 0xffffff).toBe(0);
  expect(heap.validate()).toEqual([]);
});

describe.each(Object.entries(OTHER_KINDS))("%s", (_kind, fn) => {
  test("is refused by nmi() before it runs", () => {
    expect(() => cpu.nmi(fn)).toThrow(`cpu.nmi: fn: ${WORDS}`);
    expect(cpu.kmalloc(100_000)).not.toBe(0);
  });

  test("is refused as constructor and as handler", async () => {
    const ctor = fn as () => void;
    const make = () => cpu.kmemCacheCreate({ name: "made", size: 64, ctor });
    expect(make).toThrow(`cpu.kmemCacheCreate: ctor: ${WORDS}`);
    cpu.kmemCacheCreate({ name: "opened", size: 64, ctor: () => {} });
    const open = () => cpu.kmemCacheOpen("opened", { ctor });
    expect(open).toThrow(`cpu.kmemCacheOpen: ctor: ${WORDS}`);
    const report = () => heap.cpu(1, { onReport: ctor });
    expect(report).toThrow(`heap.cpu: options.onReport: ${WORDS}`);
    await setUp("trace");
    const trace = () => heap.cpu(1, { onTrace: ctor });
    expect(trace).toThrow(`heap.cpu: options.onTrace: ${WORDS}`);
  });
});

describe.each(Object.entries(PROMISES))("a function that returns %s", (_kind, fn) => {
  test("is told by nmi(), with the depth as it was, at every level", () => {
    const inner = () => {
      const before = cpu.exports.preempt_count();
      expect(() => cpu.nmi(fn)).toThrow(`cpu.nmi: fn: ${WORDS} one that returned a promise`);
      expect(cpu.exports.preempt_count()).toBe(before);
    };
    inner();
    cpu.nmi(inner);
  });

  test("is no constructor: the allocation throws, and the slab goes back", () => {
    const cache = cpu.kmemCacheCreate({ name: "made", size: 64, ctor: fn as () => void });
    expect(() => cache.alloc()).toThrow(`ctor: ${WORDS} one that returned a promise`);
    expect(() => cache.allocBulk(3)).toThrow(`ctor: ${WORDS} one that returned a promise`);
    expect(cache.destroy().released).toBe(true);
  });

  test("is no handler of trace points: the call throws", async () => {
    await setUp("trace");
    const traced = heap.cpu(1, { onTrace: fn as () => void });
    expect(() => traced.kmalloc(64)).toThrow(`onTrace: ${WORDS} one that returned a promise`);
  });
});
