/**
 * Goal: nothing that a reader may look at is freed or written to before the reader has left, and
 * everything is freed in the end. Method: readers and writers on simulated CPUs in one thread, so
 * that every overlap is chosen; objects carry a pattern that any write of the allocator would
 * spoil, and validate() after each test knows what waits.
 */
import type { CacheView } from "slablab/internal/heap/view.js";
import { describe, expect, test } from "vitest";
import { rows } from "../support/tier.js";
import type { TestCpu } from "./support/cpu.js";
import { BUILDS, MIB, PAGE, TestHeap } from "./support/heap.js";

const SLAB_TYPESAFE_BY_RCU = 0x8;
const HEAP_FAILSLAB = 0x10;
const BATCH = PAGE / 4;
const PATTERN = 0x5c;

/** Pages that wait for a grace period, on any queue. */
function waitingPages(heap: TestHeap): number {
  heap.view.refresh();
  const { first_pfn } = heap.view.header();
  let pages = 0;
  for (let pfn = first_pfn; pfn < heap.view.endPfn; pfn++) if (heap.view.kind(pfn) === 9) pages++;
  return pages;
}

function isWhole(heap: TestHeap, object: number, bytes: number): boolean {
  return heap.bytes.subarray(object, object + bytes).every((byte) => byte === PATTERN);
}

function patterned(cpu: TestCpu, size: number): number {
  const [object = 0] = cpu.take(size, 1);
  cpu.heap.fill(object, size, PATTERN);
  return object;
}

/** Whether the allocator has taken `object` back: it then hands it out again. */
function isHandedOutAgain(cpu: TestCpu, object: number, size: number): boolean {
  const taken = cpu.take(size, 200);
  cpu.kfreeBulk(taken);
  return taken.includes(object);
}

describe.each(BUILDS)("kfree_rcu() in the build %s", (build) => {
  test("leaves an object alone while a reader on another CPU may hold it", () => {
    const heap = new TestHeap({ build, cpus: 3 });
    const [writer, reader, late] = heap.cpus() as [TestCpu, TestCpu, TestCpu];
    const object = patterned(writer, 64);
    reader.exports.rcu_read_lock();
    expect(writer.kfreeRcu(object)).toBe(true);
    writer.poll();
    // One that comes later cannot have found it, and does not keep it.
    late.exports.rcu_read_lock();
    writer.poll();
    expect(isHandedOutAgain(writer, object, 64)).toBe(false);
    expect(isWhole(heap, object, 64)).toBe(true);
    reader.exports.rcu_read_unlock();
    writer.poll();
    writer.poll();
    expect(waitingPages(heap)).toBe(0);
    late.exports.rcu_read_unlock();
    expect(isHandedOutAgain(writer, object, 64)).toBe(true);
  });

  test("waits for the outermost of nested sections, in an NMI or not", () => {
    const heap = new TestHeap({ build });
    const [writer, reader] = heap.cpus() as [TestCpu, TestCpu];
    const object = patterned(writer, 128);
    reader.exports.rcu_read_lock();
    reader.exports.rcu_read_lock();
    writer.kfreeRcu(object);
    reader.exports.rcu_read_unlock();
    reader.nmi(() => reader.reading(() => writer.poll()));
    expect(isWhole(heap, object, 128)).toBe(true);
    expect(waitingPages(heap)).toBe(1);
    reader.exports.rcu_read_unlock();
    writer.poll();
    expect(waitingPages(heap)).toBe(0);
  });

  test("waits for no CPU that idles, in whatever it stopped", () => {
    const heap = new TestHeap({ build, cpus: 3 });
    const [writer, idle] = heap.cpus() as [TestCpu, TestCpu, TestCpu];
    idle.reading(() => idle.kfree(idle.kmalloc(100)));
    const objects = [64, 8192, 20_000, 5 * MIB].map((size) => patterned(writer, size));
    for (const object of objects) expect(writer.kfreeRcu(object)).toBe(true);
    expect(writer.exports.synchronize_rcu()).not.toBe(0);
    expect(writer.exports.rcu_barrier()).not.toBe(0);
    expect(waitingPages(heap)).toBe(0);
  });

  test("destroy frees what was queued first (test_kfree_rcu)", () => {
    const heap = new TestHeap({ build });
    const [cpu, idle] = heap.cpus() as [TestCpu, TestCpu];
    const cache = cpu.createCache("TestSlub_kfree_rcu", 64);
    const [mine = 0, theirs = 0] = cpu.cacheTake(cache, 2);
    cpu.kfreeRcu(mine);
    idle.kfreeRcu(theirs);
    expect(cpu.destroyCache(cache)).toBe(0);
  });

  test("destroy again and again, at any distance (test_kfree_rcu_wq_destroy)", () => {
    const heap = new TestHeap({ build });
    const [cpu, other] = heap.cpus() as [TestCpu, TestCpu];
    for (let round = 0; round < 10; round++) {
      const cache = cpu.createCache("TestSlub_kfree_rcu_wq_destroy", 64);
      cpu.kfreeRcu(cpu.cacheTake(cache, 1)[0] ?? 0);
      for (let polls = round % 4; polls > 0; polls--) cpu.poll();
      expect(other.destroyCache(cache)).toBe(0);
    }
  });
});

describe("kfree_rcu()", () => {
  test("frees whole pages of addresses, and NULL and ZERO_SIZE_PTR for nothing", () => {
    const heap = new TestHeap();
    const [writer, reader] = heap.cpus() as [TestCpu, TestCpu];
    expect(writer.kfreeRcu(0) && writer.kfreeRcu(16)).toBe(true);
    expect(waitingPages(heap)).toBe(0);
    const objects = writer.take(32, 3 * BATCH);
    reader.exports.rcu_read_lock();
    for (const object of objects) writer.kfreeRcu(object);
    expect(waitingPages(heap)).toBe(3);
    heap.expectSound();
    reader.exports.rcu_read_unlock();
    const { inuse } = heap.slabOf(objects[5] ?? 0);
    expect(inuse).toBeGreaterThan(100);
    expect(writer.exports.rcu_barrier()).not.toBe(0);
    expect(waitingPages(heap)).toBe(0);
  });

  test("an ordinary slow path frees what has waited; fast paths do not look", () => {
    const heap = new TestHeap();
    const [writer, reader] = heap.cpus() as [TestCpu, TestCpu];
    const [a = 0] = writer.take(64, 3);
    reader.reading(() => writer.kfreeRcu(a));
    writer.kfree(writer.kmalloc(64));
    expect(waitingPages(heap)).toBe(1);
    writer.takeAll(8192);
    expect(waitingPages(heap)).toBe(0);
  });

  test("what was queued last is refused as freed already, small or large", () => {
    const heap = new TestHeap();
    const cpu = heap.cpu();
    const reader = heap.cpu();
    reader.exports.rcu_read_lock();
    for (const size of [64, 20_000]) {
      const object = patterned(cpu, size);
      expect(cpu.exports.check_object(object)).toBe(0);
      cpu.kfreeRcu(object);
      expect(cpu.exports.check_object(object)).toBe(5);
    }
    reader.exports.rcu_read_unlock();
    cpu.exports.rcu_barrier();
  });

  test("in an NMI it queues without waiting, and refuses where it would have to", () => {
    const heap = new TestHeap({ maximumBytes: 2 * MIB });
    const [cpu, reader] = heap.cpus() as [TestCpu, TestCpu];
    const [one = 0, two = 0] = cpu.take(64, 2);
    cpu.nmi(() => expect(cpu.kfreeRcu(one)).toBe(true));
    cpu.exports.rcu_barrier();
    const all = cpu.takeAll(PAGE * 4).concat(cpu.takeAll(8192), cpu.takeAll(4096));
    reader.exports.rcu_read_lock();
    cpu.nmi(() => expect(cpu.kfreeRcu(two)).toBe(false));
    expect(reader.kfreeRcu(two)).toBe(false);
    reader.exports.rcu_read_unlock();
    for (const object of all) cpu.kfree(object);
    expect(cpu.kfreeRcu(two)).toBe(true);
    cpu.exports.rcu_barrier();
  });

  test("without a page an ordinary task waits instead, if it may", () => {
    const heap = new TestHeap({ maximumBytes: 2 * MIB });
    const cpu = heap.cpu(0);
    const bounded = heap.cpu(1, { mayWait: false });
    const cache = cpu.createCache("few", 100);
    const [one = 0, two = 0] = cpu.cacheTake(cache, 2);
    const all = cpu.takeAll(PAGE * 4).concat(cpu.takeAll(8192), cpu.takeAll(4096));
    const { rcu_gp } = heap.view.header();
    expect(cpu.kfreeRcu(one)).toBe(true);
    heap.view.refresh();
    expect(heap.view.header().rcu_gp).toBe(rcu_gp + 2);
    expect(waitingPages(heap)).toBe(0);
    expect(cpu.cacheAlloc(cache)).toBe(one);
    expect(bounded.kfreeRcu(two)).toBe(false);
    for (const object of all) cpu.kfree(object);
    cpu.kfree(one);
    cpu.kfree(two);
    expect(cpu.destroyCache(cache)).toBe(0);
  });

  test("an injected failure of the page takes the same way", () => {
    const heap = new TestHeap({ options: HEAP_FAILSLAB });
    const [cpu, reader] = heap.cpus() as [TestCpu, TestCpu];
    const object = patterned(cpu, 64);
    cpu.exports.set_failslab(heap.base, 0xffffffff, 0, 0);
    cpu.reading(() => expect(cpu.kfreeRcu(object)).toBe(false));
    reader.nmi(() => expect(reader.kfreeRcu(object)).toBe(true));
    reader.exports.rcu_barrier();
    const { rcu_gp } = heap.view.header();
    cpu.exports.set_failslab(heap.base, 0, 0, 0);
    const other = patterned(cpu, 64);
    cpu.exports.set_failslab(heap.base, 0xffffffff, 0, 0);
    expect(cpu.kfreeRcu(other)).toBe(true);
    heap.view.refresh();
    expect(heap.view.header().rcu_gp).toBeGreaterThan(rcu_gp);
    expect(waitingPages(heap)).toBe(0);
  });

  test("numbers wrap around", () => {
    const heap = new TestHeap();
    const [writer, reader] = heap.cpus() as [TestCpu, TestCpu];
    heap.setU32(heap.base + heap.table.offsets.heap_header.rcu_gp, 2 ** 32 - 5);
    for (let turn = 0; turn < 8; turn++) {
      const object = patterned(writer, 64);
      reader.exports.rcu_read_lock();
      writer.kfreeRcu(object);
      for (let polls = 0; polls < turn; polls++) writer.poll();
      expect([turn, isWhole(heap, object, 64)]).toEqual([turn, true]);
      expect(waitingPages(heap)).toBe(1);
      reader.exports.rcu_read_unlock();
      writer.poll();
      if (turn === 0) writer.poll();
      expect(waitingPages(heap)).toBe(0);
    }
    heap.view.refresh();
    expect(heap.view.header().rcu_gp).toBeLessThan(64);
  });
});

describe("barriers", () => {
  test("free what other CPUs queued, idle or offline", () => {
    const heap = new TestHeap({ cpus: 3 });
    const [cpu, gone, reader] = heap.cpus() as [TestCpu, TestCpu, TestCpu];
    const objects = cpu.take(64, 3);
    reader.exports.rcu_read_lock();
    for (const object of objects.slice(1)) gone.kfreeRcu(object);
    gone.poll();
    gone.kfreeRcu(objects[0] ?? 0);
    expect(waitingPages(heap)).toBe(2);
    gone.offline();
    heap.expectSound();
    expect(waitingPages(heap)).toBe(2);
    reader.exports.rcu_read_unlock();
    expect(cpu.exports.rcu_barrier()).not.toBe(0);
    expect(waitingPages(heap)).toBe(0);
  });

  test("an ordinary slow path takes care of what an offline CPU left", () => {
    const heap = new TestHeap({ cpus: 3 });
    const [cpu, gone, reader] = heap.cpus() as [TestCpu, TestCpu, TestCpu];
    const [object = 0] = cpu.take(64, 1);
    reader.reading(() => {
      gone.kfreeRcu(object);
      gone.offline();
    });
    cpu.take(1000, 100);
    expect(waitingPages(heap)).toBe(0);
  });

  test("refuse where waiting would never end, and say so where they may not wait", () => {
    const heap = new TestHeap();
    const cpu = heap.cpu(0);
    const bounded = heap.cpu(1, { mayWait: false });
    const cache = cpu.createCache("kept", 64);
    const [object = 0] = cpu.cacheTake(cache, 1);
    cpu.exports.rcu_read_lock();
    expect(cpu.exports.synchronize_rcu()).toBe(0);
    cpu.kfreeRcu(object);
    expect(cpu.exports.rcu_barrier()).toBe(0);
    expect(bounded.exports.rcu_barrier()).toBe(0);
    expect(bounded.exports.synchronize_rcu()).toBe(0);
    expect(bounded.destroyCache(cache)).toBe(1);
    cpu.exports.rcu_read_unlock();
    expect(bounded.destroyCache(cache)).toBe(0);
  });

  test("wait for nobody if nothing is queued", () => {
    const heap = new TestHeap();
    const [cpu, reader] = heap.cpus() as [TestCpu, TestCpu];
    const cache = cpu.createCache("quick", 64);
    reader.reading(() => expect(cpu.destroyCache(cache)).toBe(0));
  });
});

describe.each(["release", "debug", "hardened"] as const)("SLAB_TYPESAFE_BY_RCU in %s", (build) => {
  const make = (cpu: TestCpu, size = 64): CacheView =>
    cpu.createCache("typesafe", size, { flags: SLAB_TYPESAFE_BY_RCU });

  test("the free pointer lies behind the object, whose bytes stay", () => {
    const heap = new TestHeap({ build });
    const cpu = heap.cpu();
    const cache = make(cpu);
    expect(cache.offset).toBe(cache.inuse);
    const [object = 0] = cpu.cacheTake(cache, 1);
    expect(cpu.ksize(object)).toBe(64);
    heap.fill(object, 64, PATTERN);
    cpu.kfree(object);
    expect(isWhole(heap, object, 64)).toBe(true);
    expect(cpu.cacheAlloc(cache)).toBe(object);
    cpu.kfree(object);
    expect(cpu.destroyCache(cache)).toBe(0);
  });

  test("pages go back only after readers have left", () => {
    const heap = new TestHeap({ build });
    const [cpu, reader] = heap.cpus() as [TestCpu, TestCpu];
    const cache = make(cpu, 1000);
    const objects = cpu.cacheTake(cache, 12 * cache.objects);
    for (const object of objects) heap.fill(object, 1000, PATTERN);
    reader.exports.rcu_read_lock();
    for (const object of objects) cpu.kfree(object);
    expect(cpu.exports.kmem_cache_shrink(cache.address)).toBeGreaterThan(0);
    expect(waitingPages(heap)).toBeGreaterThan(6);
    cpu.poll();
    // Memory is short: nobody may get those pages even so.
    const taken = cpu.takeAll(PAGE * 4).concat(cpu.takeAll(4096));
    expect(objects.filter((object) => !isWhole(heap, object, 1000))).toEqual([]);
    heap.expectSound();
    for (const object of taken) cpu.kfree(object);
    // A stray free to a slab that waits is refused.
    expect(cpu.exports.check_object(objects[0] ?? 0)).not.toBe(0);
    reader.exports.rcu_read_unlock();
    expect(cpu.destroyCache(cache)).toBe(0);
    expect(waitingPages(heap)).toBe(0);
  });

  test("kfree_rcu() on it and destroy at once give everything back", () => {
    const heap = new TestHeap({ build });
    const [cpu] = heap.cpus() as [TestCpu, TestCpu];
    const cache = make(cpu, 500);
    for (const object of cpu.cacheTake(cache, 100)) cpu.kfreeRcu(object);
    expect(cpu.destroyCache(cache)).toBe(0);
    expect(waitingPages(heap)).toBe(0);
  });
});

/** mulberry32: enough chance for a test, the same each time. */
function createDice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

test.each(rows([1, 2, 3, 4], (seed) => seed <= 2))(
  "no sequence of readers and frees spoils what a reader holds: %i",
  (seed) => {
    const heap = new TestHeap({ cpus: 4, defer: seed % 2 === 0 ? "direct" : "irq-work" });
    heap.setU32(heap.base + heap.table.offsets.heap_header.rcu_gp, 2 ** 32 - 501);
    const cpus = heap.cpus();
    const dice = createDice(seed);
    const sizes = [32, 200, 1024, 4096, 9000];
    /** The shadow: what is published, and what each open section could have found. */
    const live = new Map<number, number>();
    const found: (Map<number, number> | null)[] = cpus.map(() => null);
    for (let turn = 0; turn < 4000; turn++) {
      const id = dice(4);
      const cpu = cpus[id] as TestCpu;
      const size = sizes[dice(sizes.length)] ?? 32;
      const action = dice(20);
      if (action < 9) live.set(patterned(cpu, size), size);
      else if (action < 16 && live.size > 0) {
        const [object = 0] = [...live.keys()].slice(dice(live.size));
        live.delete(object);
        if (action < 15) expect(cpu.kfreeRcu(object)).toBe(true);
        else cpu.nmi(() => cpu.kfreeRcu(object) || live.set(object, 32));
      } else if (action === 16) {
        if (found[id] === null) cpu.exports.rcu_read_lock();
        found[id] ??= new Map(live);
      } else if (action === 17 && found[id] !== null) {
        for (const [object, bytes] of found[id] ?? []) {
          if (!isWhole(heap, object, bytes)) throw new Error(`turn ${turn}: a reader saw a change`);
        }
        found[id] = null;
        cpu.exports.rcu_read_unlock();
      } else if (action === 18) cpu.poll();
      else if (found[id] === null && dice(8) === 0) {
        cpu.offline();
        cpus[id] = heap.cpu(id);
      }
      if (turn % 500 === 0) heap.expectSound();
    }
    cpus.forEach((cpu, id) => {
      if (found[id] !== null) cpu.exports.rcu_read_unlock();
    });
    const [cpu] = cpus as [TestCpu];
    for (const object of live.keys()) cpu.kfreeRcu(object);
    expect(cpu.exports.rcu_barrier()).not.toBe(0);
    expect(waitingPages(heap)).toBe(0);
    for (const each of cpus) each.offline();
    heap.view.refresh();
    for (const { name, index, min_partial } of heap.view.caches()) {
      const { nr_slabs, nr_partial } = heap.view.node(index, 0);
      expect([name, nr_slabs]).toEqual([name, nr_partial]);
      expect(nr_partial).toBeLessThanOrEqual(min_partial);
    }
  },
);
