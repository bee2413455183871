/**
 * Goal: a heap boots once, whoever comes; CPUs come and go and leave nothing behind. Method:
 * several instances on one memory in one thread; what real threads add is tested with Workers.
 */
import { DEFER_ARMS, armNumbers, armRow } from "slablab/internal/heap/arms.js";
import { describe, expect, test } from "vitest";
import type { TestCpu } from "./support/cpu.js";
import { type Build, BUILDS, MIB, moduleOf, PAGE, TestHeap } from "./support/heap.js";
import { waitingObjects } from "./support/waiting.js";

const BOOT_FAILED = 3;
const WASM_PAGE = 65536;
const ARM = armNumbers("irq-work");

/** heap_init() of TestHeap's defaults, by a fresh instance. */
const initAgain = (heap: TestHeap, pages = (32 * MIB) / PAGE) =>
  heap
    .instance()
    .exports.heap_init(heap.reserveBytes, pages, heap.cpuCount, 1, 32, ...ARM, 0, 1) >>> 0;

describe.each<Build>(BUILDS)("in the build %s", (build) => {
  test("heap_init() is idempotent: the second caller changes not one byte", () => {
    const heap = new TestHeap({ build });
    heap.cpu(0).kmalloc(100);
    const before = heap.bytes.slice();
    expect(initAgain(heap)).toBe(heap.base);
    expect(Buffer.compare(before, heap.bytes)).toBe(0);
  });

  test("CPUs get the lowest free number, or the one they ask for", () => {
    const heap = new TestHeap({ build, cpus: 4 });
    const attach = (id: number) => heap.instance().exports.cpu_attach(heap.base, id, 2);
    expect(attach(-1)).toBe(0);
    expect(attach(2)).toBe(2);
    expect(attach(2), "taken").toBe(-1);
    expect([attach(-1), attach(-1)]).toEqual([1, 3]);
    expect(attach(-1), "none free").toBe(-1);
    expect([attach(4), attach(1000)], "no such CPU").toEqual([-2, -2]);
  });

  test("a CPU that failed to attach can try another number", () => {
    const heap = new TestHeap({ build });
    heap.cpu(0);
    const { exports } = heap.instance();
    expect(exports.cpu_attach(heap.base, 0, 2)).toBe(-1);
    expect(exports.cpu_attach(heap.base, 1, 2)).toBe(1);
    expect(exports.kmalloc(64, 0)).not.toBe(0);
    exports.cpu_offline();
  });

  test("offline gives everything back, and the number is taken again, time after time", () => {
    const heap = new TestHeap({ build, initialBytes: 32 * MIB });
    const before = heap.freePages();
    const owner = heap.cpu(0);
    for (let round = 0; round < 5; round++) {
      const cpu = heap.cpu(1);
      expect(cpu.id).toBe(1);
      const objects = [8, 64, 100, 3000, 8192].flatMap((size) => cpu.take(size, 20));
      for (const object of objects) cpu.kfree(object);
      cpu.offline();
      const holds = [...heap.view.caches()].filter(({ index }) => {
        const { slab, partial, freelist } = heap.view.cpuCache(1, index);
        return slab !== 0 || partial !== 0 || freelist !== 0;
      });
      expect(holds, `round ${round}`).toEqual([]);
      heap.expectSound();
    }
    owner.offline();
    // What is not in the zones is what the nodes keep: empty slabs, at most min_partial each.
    const kept = [...heap.view.slabs()].reduce((sum, slab) => sum + 2 ** slab.order, 0);
    expect(heap.freePages() + kept).toBe(before);
  });
});

test("many instances in any order see one heap", () => {
  const heap = new TestHeap({ cpus: 16 });
  const cpus = heap.cpus();
  const objects = cpus.map((cpu) => cpu.kmalloc(64));
  expect(new Set(objects).size).toBe(16);
  objects.forEach((object, index) => {
    cpus[(index * 7 + 3) % 16]?.kfree(object);
  });
  expect(new Set(cpus.map((cpu) => cpu.area)).size).toBe(16);
  for (const cpu of cpus) cpu.offline();
});

test("256 CPUs are the most a heap can have", () => {
  const heap = new TestHeap({ cpus: 256, maximumBytes: 64 * MIB });
  expect(heap.cpu(255).id).toBe(255);
  expect(heap.cpu(0).kmalloc(64)).not.toBe(0);
});

test.each(DEFER_ARMS)(
  "arm %s: what waits on the CPU's own lists is freed when it goes",
  (defer) => {
    const heap = new TestHeap({ defer });
    const [owner, leaver] = [heap.cpu(0), heap.cpu(1)];
    const cache = owner.createCache("left", 512);
    const objects = owner.cacheTake(cache, 3 * cache.objects);
    for (const object of objects) leaver.kfreeNolock(object);
    leaver.offline();
    const isShared = ["cache", "cache line", "node"].includes(armRow(defer).place);
    const left = Object.values(waitingObjects(heap, cache)).flat();
    expect(left.length).toBe(isShared ? objects.length : 0);
    expect(owner.destroyCache(cache)).toBe(0);
  },
);

describe("heap_init()", () => {
  const onMemory = (pages: number, maximum = pages) => {
    const memory = new WebAssembly.Memory({ initial: pages, maximum, shared: true });
    const imports = { env: { memory }, host: { call_ctor: () => 0 } };
    const { exports } = new WebAssembly.Instance(moduleOf("stats"), imports);
    type Init = (...args: number[]) => number;
    return { memory, init: exports["heap_init"] as Init };
  };

  test("refuses tables that do not fit, every time, and leaves the word that says so", () => {
    const { memory, init } = onMemory(16);
    const pages = 16 * 16;
    expect(init(0, pages, 256, 1, 4096, ...ARM)).toBe(0);
    expect(init(0, pages, 256, 1, 4096, ...ARM)).toBe(0);
    const { boot } = new TestHeap().table.offsets.heap_header;
    expect(new DataView(memory.buffer).getUint32(PAGE + boot, true)).toBe(BOOT_FAILED);
  });

  test("refuses counts that no heap can have", () => {
    const { init } = onMemory(16, 512);
    const pages = 512 * 16;
    const calls = [
      [0, pages, 0, 1, 32, ...ARM],
      [0, pages, 257, 1, 32, ...ARM],
      [0, pages, 2, 0, 32, ...ARM],
      [0, pages, 2, 9, 32, ...ARM],
      [0, pages, 2, 1, 13, ...ARM],
      [0, pages, 2, 1, 65537, ...ARM],
      [0, pages, 2, 1, 32, 7, 41],
      [0, pages, 2, 1, 32, 2, 42],
      // irq_work drains the list of a CPU alone.
      [0, pages, 2, 1, 32, 3, 41],
      [0, 0, 2, 1, 32, ...ARM],
      [0xffff_f000, pages, 2, 1, 32, ...ARM],
    ];
    expect(calls.map((call) => init(...call))).toEqual(calls.map(() => 0));
    expect(init(0, pages, 2, 1, 32, ...ARM), "nothing of that was written").toBe(PAGE);
  });

  test.each([0, 1, PAGE, PAGE + 1, WASM_PAGE, MIB + 12345])(
    "leaves the bottom %i bytes to others and starts a page above them",
    (reserveBytes) => {
      const { memory, init } = onMemory(1, 256);
      const step = reserveBytes > MIB ? 4 * PAGE : PAGE;
      const base = Math.ceil(reserveBytes / step) * step + PAGE;
      new Uint8Array(memory.buffer).fill(0x99, 0, Math.min(reserveBytes, WASM_PAGE));
      expect(init(reserveBytes, 256 * 16, 2, 1, 32, ...ARM)).toBe(base);
      const bytes = new Uint8Array(memory.buffer, 0, Math.min(reserveBytes, WASM_PAGE));
      expect(bytes.every((byte) => byte === 0x99)).toBe(true);
    },
  );
});

test("offline inside an NMI or an interrupt is refused, and the heap stays whole", () => {
  const contexts: readonly ((cpu: TestCpu) => void)[] = [
    (cpu) => cpu.exports.nmi_enter(),
    (cpu) => cpu.exports.irq_enter(),
  ];
  for (const enter of contexts) {
    const cpu = new TestHeap().cpu(0);
    enter(cpu);
    expect(() => cpu.offline()).toThrow(WebAssembly.RuntimeError);
    cpu.exports.set_preempt_count(0);
    cpu.offline();
  }
});

test("the check that ends every test refuses a heap that lost a slab, a lock or a page", () => {
  const plants: readonly ((heap: TestHeap, cpu: TestCpu) => number)[] = [
    (heap, cpu) => heap.view.cpuCache(cpu.id, heap.cache("kmalloc-64").index).address + 8,
    (heap, cpu) => cpu.localLock(heap.cache("kmalloc-64")),
    (heap) => heap.view.zone(0).address + heap.table.offsets.zone.nr_free,
  ];
  for (const addressOf of plants) {
    const heap = new TestHeap();
    const cpu = heap.cpu(0);
    cpu.kmalloc(64);
    heap.expectSound();
    const address = addressOf(heap, cpu);
    heap.setU32(address, heap.u32(address) === 0 ? 1 : 0);
    expect(() => heap.expectSound()).toThrow();
    heap.abandon();
  }
});
