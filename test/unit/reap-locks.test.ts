/**
 * Goal: every lock of a CPU that died is broken, and what it guards is whole again. Method: the CPU
 * dies right after it took the lock, and right before it lets go; another reaps it. The number is
 * attached again each time. Kernel: none, its CPUs die together.
 */
import { expect, test } from "vitest";
import type { TestCpu } from "./support/cpu.js";
import { TRACE_HELD, diesAt, expectReaped, reapExports } from "./support/death.js";
import { MIB, TestHeap, type TestHeapOptions } from "./support/heap.js";

const HEAP_NO_CMPXCHG = 2;
const GFP_ACCOUNT = 2;

interface Case {
  readonly lock: string;
  /** Address of the lock word. */
  readonly at: (heap: TestHeap) => number;
  readonly before?: (cpus: readonly TestCpu[]) => void;
  readonly work: (cpu: TestCpu) => void;
  readonly options?: TestHeapOptions;
  /** Nobody else takes it, so no recovery waits for it. */
  readonly isLocal?: boolean;
}

function slotOf(heap: TestHeap, cpu: number): number {
  return heap.view.cpuCache(cpu, heap.cache("kmalloc-1k").index).address;
}

/** Full slabs, so that frees change lists; and some of another CPU. */
function fill(cpus: readonly TestCpu[]): void {
  kept = (cpus[0] as TestCpu).take(1024, 40);
}
let kept: number[] = [];

function freeKept(cpu: TestCpu): void {
  for (const object of kept) cpu.kfree(object);
}

const CASES: readonly Case[] = [
  {
    lock: "the zone's",
    at: (heap) => heap.view.zone(0).address + heap.table.offsets.zone.lock,
    work: (cpu) => cpu.kmalloc(100_000),
  },
  {
    lock: "pcp_lock",
    at: (heap) => heap.view.cpu(0).address + heap.table.offsets.cpu_area.pcp_lock,
    work: (cpu) => cpu.take(4096, 9),
  },
  {
    lock: "another's pcp_lock",
    at: (heap) => heap.view.cpu(1).address + heap.table.offsets.cpu_area.pcp_lock,
    before: (cpus) => (cpus[1] as TestCpu).take(4096, 9),
    work: (cpu) => cpu.takeAll(100_000),
    options: { maximumBytes: 2 * MIB },
  },
  {
    lock: "list_lock",
    at: (heap) => {
      const { address } = heap.view.node(heap.cache("kmalloc-1k").index, 0);
      return address + heap.table.offsets.kmem_cache_node.list_lock;
    },
    before: fill,
    work: (cpu) => {
      freeKept(cpu);
      cpu.exports.cpu_offline();
    },
  },
  {
    lock: "the local lock",
    at: (heap) => slotOf(heap, 0) + heap.table.offsets.kmem_cache_cpu.lock,
    before: fill,
    work: freeKept,
    isLocal: true,
  },
  {
    lock: "grow_lock",
    at: (heap) => heap.base + heap.table.offsets.heap_header.grow_lock,
    work: (cpu) => cpu.takeAll(400_000),
    options: { maximumBytes: 4 * MIB },
  },
  {
    lock: "slab_mutex",
    at: (heap) => heap.base + heap.table.offsets.heap_header.slab_mutex,
    work: (cpu) => cpu.exports.cpu_offline(),
  },
  {
    lock: "its RCU queue's",
    at: (heap) => heap.view.rcuQueues()[0]?.address ?? 0,
    before: fill,
    work: (cpu) => {
      for (const object of kept) cpu.exports.kfree_rcu(object);
      cpu.exports.rcu_barrier();
    },
  },
  {
    lock: "another's RCU queue's",
    at: (heap) => heap.view.rcuQueues()[1]?.address ?? 0,
    before: (cpus) => {
      fill(cpus);
      for (const object of kept) (cpus[1] as TestCpu).exports.kfree_rcu(object);
    },
    work: (cpu) => cpu.exports.rcu_barrier(),
  },
  {
    lock: "the stock's",
    at: (heap) => heap.view.stock(0).address,
    before: (cpus) => {
      const [first] = cpus as [TestCpu];
      new TextEncoder().encodeInto("group\0", first.heap.bytes.subarray(1024, 1056));
      const group = first.exports.memcg_create(1024, 100);
      first.exports.memcg_set(group, 1);
    },
    work: (cpu) => {
      const object = cpu.kmalloc(500, GFP_ACCOUNT);
      cpu.kmalloc(500, GFP_ACCOUNT);
      cpu.kfree(object);
    },
    options: { maxCaches: 40 },
    isLocal: true,
  },
  {
    lock: "a slab's",
    at: (heap) => heap.slabAddressOf(kept[0] ?? 0) + heap.table.offsets.page.lock,
    before: fill,
    work: freeKept,
    options: { options: HEAP_NO_CMPXCHG },
  },
];

/** Recovery of others would wait for it, until it is said to be dead. */
function expectBlocks({ base }: TestHeap, by: TestCpu, cpu: number): void {
  const { cpu_died, reap_blocker } = reapExports(by);
  expect(reap_blocker(base)).toBe(cpu + 1);
  expect(cpu_died(base, cpu)).toBe(1);
  expect(reap_blocker(base)).toBe(0);
}

for (const { lock, at, before, work, options, isLocal = false } of CASES) {
  test(`${lock} lock of a dead CPU is broken`, () => {
    let deaths = 0;
    for (let point = 0; point < 8; point++) {
      const heap = new TestHeap({ build: "trace", cpus: 2, maximumBytes: 4 * MIB, ...options });
      const cpus = heap.cpus();
      before?.(cpus);
      heap.view.refresh();
      const word = at(heap);
      let left = point;
      const isEnd = (event: number, a: number) =>
        event === TRACE_HELD && a === word && left-- === 0;
      if (!diesAt(heap, isEnd, () => work(cpus[0] as TestCpu))) break;
      deaths++;
      if (!isLocal) expectBlocks(heap, cpus[1] as TestCpu, 0);
      expectReaped(heap, cpus[1] as TestCpu, 0, `${lock} lock, ${point}`);
    }
    expect(deaths).toBeGreaterThanOrEqual(2);
  });
}
