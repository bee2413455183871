/**
 * The smoke suite of the packed library: the same file on Node, Deno, Bun and in a browser.
 *
 * Goal: what the README promises works where it says so. Method: each check uses the public API of
 * an installed `slablab` alone, plain JavaScript and nothing of a runtime but Workers; it throws
 * if something is wrong. `smoke()` runs them all and says what became of each.
 */
import { __GFP_ZERO, attachHeap, createHeap, SlabError } from "slablab";
import { startWorker, WORKER_KINDS } from "./workers.mjs";

const MIB = 2 ** 20;

const CHECKS = {
  async "kmalloc and kfree"() {
    const { heap, cpu } = await makeCpu();
    const pointers = [1, 8, 100, 4096, 100_000].map((size) => cpu.kmalloc(size));
    expect(new Set(pointers).size === pointers.length, "distinct addresses", pointers);
    expect(
      pointers.every((each) => each > 0),
      "memory",
      pointers,
    );
    cpu.bytes(pointers[4], 100_000).fill(7);
    for (const pointer of pointers) cpu.kfree(pointer);
    const cleared = cpu.kmalloc(4096, __GFP_ZERO);
    expect(
      cpu.bytes(cleared, 4096).every((byte) => byte === 0),
      "cleared memory",
      cleared,
    );
    cpu.kfree(cleared);
    expectSound(heap);
  },

  async "a cache with a constructor"() {
    const { heap, cpu } = await makeCpu();
    let constructed = 0;
    const ctor = (object) => {
      constructed++;
      cpu.bytes(object, 40).fill(0x5a);
    };
    const cache = cpu.kmemCacheCreate({ name: "smoke", size: 40, ctor });
    const objects = [...cache.allocBulk(100)];
    expect(constructed >= 100, "a constructor call for each object", constructed);
    for (const object of objects) {
      expect(
        cpu.bytes(object, 40).every((byte) => byte === 0x5a),
        "constructed",
        object,
      );
    }
    expect(!cache.destroy().released, "a cache in use that stays", "a destroyed one");
    cache.freeBulk(objects);
    expect(cache.destroy().released, "a cache that goes", "one that stayed");
    expectSound(heap);
  },

  async "a checked free refuses a double free"() {
    const { heap, cpu } = await makeCpu();
    const pointer = cpu.kmalloc(64);
    cpu.kfree(pointer);
    for (const bad of [pointer, pointer + 8, 12_345]) {
      const error = thrownBy(() => cpu.kfree(bad));
      expect(error instanceof SlabError, `a SlabError for ${bad}`, error);
    }
    expectSound(heap);
  },

  async "nolock calls, in an NMI too"() {
    const { heap, cpu } = await makeCpu();
    cpu.kfree(cpu.kmalloc(64)); // a slab to take from: nolock calls grow nothing
    const pointers = cpu.nmi(() => Array.from({ length: 20 }, () => cpu.kmallocNolock(64)));
    expect(
      pointers.every((each) => each > 0),
      "memory in an NMI",
      pointers,
    );
    cpu.nmi(() => pointers.slice(0, 10).forEach((each) => void cpu.kfreeNolock(each)));
    pointers.slice(10).forEach((each) => void cpu.kfreeNolock(each));
    cpu.poll();
    expect(cpu.kmallocNolock(10_000) === 0, "0 above 8192 bytes", "an address");
    expectSound(heap);
  },

  async "the memory grows, and ends"() {
    const { heap, cpu } = await makeCpu({ maximumBytes: 16 * MIB, initialBytes: MIB });
    const before = heap.handle.memory.buffer.byteLength;
    const pointers = [];
    for (;;) {
      const pointer = cpu.kmalloc(MIB);
      if (pointer === 0) break;
      cpu.view(pointer, Uint32Array, 4).fill(pointer);
      pointers.push(pointer);
    }
    expect(pointers.length >= 10, "ten MiB of sixteen", pointers.length);
    expect(heap.handle.memory.buffer.byteLength > before, "a memory that grew", before);
    for (const pointer of pointers) {
      expect(cpu.view(pointer, Uint32Array, 4)[3] === pointer, "what was written", pointer);
      cpu.kfree(pointer);
    }
    expectSound(heap);
  },

  async "a handle of another heap is refused"() {
    const error = await attachHeap({}).catch((thrown) => thrown);
    expect(error instanceof TypeError, "a TypeError", error);
  },
};

/** Two Workers that free each other's objects, by each way to start a Worker there is. */
for (const kind of WORKER_KINDS) {
  CHECKS[`two Workers with remote frees (${kind})`] = async () => {
    const heap = await createHeap({ cpus: 3, maximumBytes: 64 * MIB, initialBytes: MIB });
    const before = heap.handle.memory.buffer.byteLength;
    const cpu = heap.cpu();
    const workers = [0, 1].map(() => startWorker(kind));
    try {
      const ids = await Promise.all(workers.map((each) => each.ask("attach", heap.handle)));
      expect(ids[0] !== ids[1] && !ids.includes(cpu.id), "three CPU numbers", ids);
      for (let round = 0; round < 3; round++) {
        const lists = await Promise.all(workers.map((each) => each.ask("allocate", 3000)));
        const swapped = [lists[1], lists[0]];
        const intact = await Promise.all(workers.map((each, i) => each.ask("free", swapped[i])));
        expect(intact[0] && intact[1], "what the other CPU wrote", intact);
      }
      await Promise.all(workers.map((each) => each.ask("churn", 20_000)));
      expect(heap.handle.memory.buffer.byteLength > before, "growth seen here", before);
      await Promise.all(workers.map((each) => each.ask("offline")));
    } finally {
      for (const each of workers) each.terminate();
    }
    expectSound(heap);
    const live = heap.slabinfo().reduce((sum, { activeObjs }) => sum + (activeObjs ?? 0), 0);
    expect(Number.isFinite(live), "slabinfo", live);
  };
}

/** Run every check; `error` is null where it was content. */
export async function smoke() {
  const results = [];
  for (const [name, check] of Object.entries(CHECKS)) {
    const error = await check().then(
      () => null,
      (thrown) => String(thrown?.stack ?? thrown),
    );
    results.push({ name, error });
  }
  return results;
}

async function makeCpu(options = {}) {
  const heap = await createHeap({ cpus: 2, maximumBytes: 32 * MIB, ...options });
  return { heap, cpu: heap.cpu() };
}

function expectSound(heap) {
  expect(heap.validate().length === 0, "a sound heap", JSON.stringify(heap.validate()));
}

function thrownBy(call) {
  try {
    return call();
  } catch (error) {
    return error;
  }
}

function expect(isSo, what, got) {
  if (!isSo) throw new Error(`expected ${what}, got ${String(got)}`);
}
