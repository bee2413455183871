/**
 * Goal: a second thread joins a heap with nothing but the handle, and what is no heap is refused.
 * Method: real Workers on the built package; memories that were tampered with.
 */
import { Worker } from "node:worker_threads";
import { attachHeap, createHeap, type Heap, type ResolvedOptions } from "slablab";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const MIB = 2 ** 20;

let heap: Heap;

beforeEach(async () => {
  heap = await createHeap({ cpus: 3, maximumBytes: 64 * MIB, maxCaches: 32, defer: "direct" });
});

interface Answer {
  readonly result: unknown;
  readonly options: ResolvedOptions;
  readonly id: number;
}

/** Run one task of the fixture in a new Worker. */
function inWorker(task: string, data: object = {}): Promise<Answer> {
  const url = new URL("./fixtures/heap-worker.mjs", import.meta.url);
  const worker = new Worker(url, { workerData: { handle: heap.handle, task, ...data } });
  return new Promise((resolve, reject) => {
    worker.once("error", reject);
    worker.once("message", (answer: Answer & { error?: string }) => {
      if (answer.error === undefined) resolve(answer);
      else reject(new Error(answer.error));
    });
  });
}

describe("another thread", () => {
  afterEach(() => {
    expect(heap.validate()).toEqual([]);
  });

  test("the handle holds the memory, two modules and the header's address, nothing else", () => {
    expect(Object.keys(heap.handle)).toEqual(["memory", "module", "reap", "base"]);
    expect(heap.handle.base).toBe(4096);
    expect(heap.handle.memory).toBeInstanceOf(WebAssembly.Memory);
    expect(heap.handle.module).toBeInstanceOf(WebAssembly.Module);
  });

  test("what one thread allocates the other reads and frees, both ways", async () => {
    const cpu = heap.cpu();
    const theirs = await inWorker("allocate", { count: 200, size: 48 });
    expect(theirs.id).toBe(1);
    const pointers = theirs.result as number[];
    for (const pointer of pointers) {
      expect(cpu.bytes(pointer, 48).every((byte) => byte === 2)).toBe(true);
    }
    cpu.kfreeBulk(pointers);
    const ours = [...cpu.kmallocBulk(48, 200)];
    for (const pointer of ours) cpu.bytes(pointer, 48).fill(0xab);
    const answer = await inWorker("free", { pointers: ours, size: 48, byte: 0xab });
    expect(answer.result).toBe(true);
  });

  test("reads the options of the heap from its header", async () => {
    const { options } = await inWorker("churn", { turns: 1 });
    const { initialBytes, build, ...known } = heap.options;
    expect([initialBytes, build]).toEqual([MIB, "release"]);
    expect(options).toEqual(known);
  });

  test("growth by one thread is seen by the views of another", async () => {
    const cpu = heap.cpu();
    const before = heap.handle.memory.buffer.byteLength;
    const { result } = await inWorker("grow", { size: 20 * MIB });
    const pointer = result as number;
    expect(pointer + 20 * MIB).toBeGreaterThan(before);
    expect([...cpu.bytes(pointer + 20 * MIB - 4, 4)]).toEqual([2, 2, 2, 2]);
    cpu.kfree(pointer);
  });

  test("threads that allocate and free at once do not disturb each other", async () => {
    const turns = 100_000;
    const answers = await Promise.all([
      inWorker("churn", { turns, id: 0 }),
      inWorker("churn", { turns, id: 1 }),
      inWorker("churn", { turns, id: 2 }),
    ]);
    expect(answers.map(({ result }) => result)).toEqual([turns, turns, turns]);
    heap.cpu().exports.defer_free_barrier();
    const kmalloc = heap.slabinfo().filter(({ name }) => name.startsWith("kmalloc-"));
    expect(kmalloc).toHaveLength(13);
  });

  test("a number that another thread has taken is refused", async () => {
    heap.cpu(1);
    await expect(inWorker("churn", { turns: 1, id: 1 })).rejects.toThrow(/got 1, which is taken/);
    await expect(inWorker("churn", { turns: 1, id: 3 })).rejects.toThrow(/made for 3 CPUs/);
  });
});

describe("what is no heap", () => {
  /** Overwrite the word at byte `offset` of the heap's header. */
  function patchHeader(offset: number, value: number): void {
    new Uint32Array(heap.handle.memory.buffer)[(4096 + offset) / 4] = value;
  }

  test("things that are no handle are a TypeError", async () => {
    const { memory, module } = heap.handle;
    const unshared = new WebAssembly.Memory({ initial: 1, maximum: 16 });
    const bad: readonly unknown[] = [
      ...[undefined, null, 5, "heap", {}, heap, memory, { memory }, { module }],
      ...[
        { memory: unshared, module },
        { memory: {}, module },
        { memory, module: {} },
      ],
    ];
    for (const handle of bad) {
      await expect(attachHeap(handle as never)).rejects.toThrow(/attachHeap: expected/);
      await expect(attachHeap(handle as never)).rejects.toBeInstanceOf(TypeError);
    }
  });

  test("an empty memory is refused", async () => {
    const memory = new WebAssembly.Memory({ initial: 16, maximum: 64, shared: true });
    const handle = { memory, module: heap.handle.module };
    await expect(attachHeap(handle)).rejects.toThrow(/expected a memory that holds a heap/);
  });

  test("a heap of another ABI version is refused and named", async () => {
    patchHeader(12, 77);
    await expect(attachHeap(heap.handle)).rejects.toThrow(/got one of version 77/);
  });

  test("a heap whose boot never finishes is refused after a while", async () => {
    patchHeader(16, 1);
    await expect(attachHeap(heap.handle)).rejects.toThrow(/finishes its boot/);
  });

  test("a heap that becomes ready while one waits is joined", async () => {
    patchHeader(16, 1);
    const joining = attachHeap(heap.handle);
    setTimeout(() => patchHeader(16, 2), 50);
    expect((await joining).options.cpus).toBe(3);
  });

  test("a module that is none of ours is refused", async () => {
    const empty = new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
    const handle = { memory: heap.handle.memory, module: empty };
    await expect(attachHeap(handle)).rejects.toThrow(/expected a build of slablab's allocator/);
  });
});
