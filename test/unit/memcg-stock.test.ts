/**
 * Goal: charging works in every context and loses nothing, whatever it interrupts (kernel:
 * consume_obj_stock(), refill_obj_stock(), and obj_cgroup_charge_atomic() of version 1).
 * Method: the counts of a group after single steps; sections interrupted by hand; then a storm of
 * random calls on several CPUs and groups, at whose end every byte must be where it belongs.
 */
import { MERGED_ARM } from "slablab/internal/heap/arms.js";
import { SLAB_ACCOUNT } from "slablab/internal/heap/flags.js";
import { createRandom } from "slablab/internal/workload/random.js";
import { describe, expect, test } from "vitest";
import type { TestCpu } from "./support/cpu.js";
import { PAGE, TestHeap, type TestHeapOptions } from "./support/heap.js";

const GFP_ACCOUNT = 2;
const HEAP_RT = 1;

function makeGroup(options: TestHeapOptions = {}, limitPages = 2 ** 20) {
  const heap = new TestHeap(options);
  const cpus = heap.cpus();
  const [cpu] = cpus as [TestCpu];
  const group = cpu.memcgCreate("g", limitPages);
  for (const each of cpus) each.memcgSet(group);
  return { heap, cpus, cpu, group };
}

describe("the stock", () => {
  test("has the rest of the page that the first object charged, and serves the next", () => {
    const { heap, cpu, group } = makeGroup();
    const objects = [cpu.kmalloc(256, GFP_ACCOUNT)];
    expect(heap.memcg(group)).toMatchObject({ usage_pages: 1, stockBytes: PAGE - 260 });
    while (heap.memcg(group).usage_pages === 1) objects.push(cpu.kmalloc(256, GFP_ACCOUNT));
    // 15 of 260 bytes fit in a page; the 16th leaves the rest in the stock and takes a page.
    expect(objects).toHaveLength(16);
    expect(heap.memcg(group)).toMatchObject({
      usage_pages: 2,
      stockBytes: 2 * PAGE - 16 * 260,
      nr_charged_bytes: 0,
    });
    cpu.kfreeBulk(objects);
    expect(heap.memcg(group)).toMatchObject({ usage_pages: 0, stockBytes: 0, max_usage_pages: 2 });
  });

  test("goes back to its group when another group is charged", () => {
    const { heap, cpu, group } = makeGroup();
    const mine = cpu.kmalloc(256, GFP_ACCOUNT);
    const other = cpu.memcgCreate("other");
    cpu.memcgSet(other);
    const theirs = cpu.kmalloc(64, GFP_ACCOUNT);
    expect(heap.memcg(group)).toMatchObject({ stockBytes: 0, nr_charged_bytes: PAGE - 260 });
    expect(heap.memcg(other)).toMatchObject({ stockBytes: PAGE - 68, nr_charged_bytes: 0 });
    cpu.memcgSet(group);
    // What was given back is used before a new page is.
    const more = cpu.kmalloc(256, GFP_ACCOUNT);
    expect(heap.memcg(group)).toMatchObject({ usage_pages: 1, nr_charged_bytes: PAGE - 520 });
    cpu.kfreeBulk([mine, theirs, more]);
  });

  test("is empty when its CPU goes offline, and whole pages are discharged", () => {
    const { heap, cpus, group } = makeGroup();
    const [zero, one] = cpus as [TestCpu, TestCpu];
    const objects = [zero.kmalloc(256, GFP_ACCOUNT), one.kmalloc(256, GFP_ACCOUNT)];
    zero.offline();
    expect(heap.memcg(group)).toMatchObject({ nr_charged_bytes: PAGE - 260, usage_pages: 2 });
    one.kfreeBulk(objects);
    one.offline();
    expect(heap.memcg(group)).toMatchObject({ usage_pages: 0, nr_charged_bytes: 0 });
    heap.expectSound();
  });
});

describe("an NMI", () => {
  test("uses the stock if its lock is free, as version 1 has it", () => {
    const { heap, cpu, group } = makeGroup();
    const objects = [cpu.kmalloc(64, GFP_ACCOUNT)];
    objects.push(cpu.nmi(() => cpu.kmallocNolock(64, GFP_ACCOUNT)));
    expect(heap.memcg(group)).toMatchObject({ stockBytes: PAGE - 2 * 68, nr_charged_bytes: 0 });
    cpu.nmi(() => cpu.kfreeNolock(objects[0] ?? 0));
    expect(heap.memcg(group)).toMatchObject({ stockBytes: PAGE - 68, nr_charged_bytes: 0 });
    cpu.kfree(objects[1] ?? 0);
  });

  test("in the middle of the stock's section leaves it alone, and the balance is exact", () => {
    const { heap, cpu, group } = makeGroup();
    const first = cpu.kmalloc(64, GFP_ACCOUNT);
    const held = PAGE - 68;
    const objects = cpu.interruptSection(cpu.stockLock(), () => {
      const taken = [1, 2, 3].map(() => cpu.kmallocNolock(64, GFP_ACCOUNT));
      expect(taken).not.toContain(0);
      expect(heap.memcg(group)).toMatchObject({
        usage_pages: 2,
        stockBytes: held,
        nr_charged_bytes: PAGE - 3 * 68,
        objectBytes: 4 * 68,
      });
      cpu.kfreeNolock(taken.pop() ?? 0);
      cpu.kfree(first);
      expect(heap.memcg(group)).toMatchObject({
        stockBytes: held,
        nr_charged_bytes: PAGE - 68,
        objectBytes: 2 * 68,
      });
      return taken;
    });
    heap.expectSound();
    cpu.kfreeBulk(objects);
    expect(heap.memcg(group).objectBytes).toBe(0);
  });

  test("that frees a page's worth there discharges the page", () => {
    const { heap, cpu, group } = makeGroup();
    const objects = Array.from({ length: 16 }, () => cpu.kmalloc(512, GFP_ACCOUNT));
    const { usage_pages } = heap.memcg(group);
    cpu.interruptSection(cpu.stockLock(), () => {
      for (const object of objects) cpu.kfreeNolock(object);
    });
    expect(heap.memcg(group).usage_pages).toBe(usage_pages - 2);
    expect(heap.memcg(group).objectBytes).toBe(0);
  });

  test("meets the limit as everybody does", () => {
    const { heap, cpu, group } = makeGroup({}, 1);
    const first = cpu.kmalloc(64, GFP_ACCOUNT);
    cpu.interruptSection(cpu.stockLock(), () => {
      expect(cpu.kmallocNolock(64, GFP_ACCOUNT)).toBe(0);
    });
    expect(heap.memcg(group)).toMatchObject({ failcnt: 1, usage_pages: 1, objectBytes: 68 });
    cpu.kfree(first);
  });

  test("with RT: no allocation, and a free discharges without the stock", () => {
    const { heap, cpu, group } = makeGroup({ options: HEAP_RT });
    const objects = [cpu.kmalloc(64, GFP_ACCOUNT), cpu.kmalloc(64, GFP_ACCOUNT)];
    cpu.nmi(() => {
      expect(cpu.kmallocNolock(64, GFP_ACCOUNT)).toBe(0);
      cpu.kfreeNolock(objects[0] ?? 0);
    });
    expect(heap.memcg(group)).toMatchObject({
      stockBytes: PAGE - 2 * 68,
      nr_charged_bytes: 68,
      objectBytes: 68,
    });
    cpu.kfree(objects[1] ?? 0);
    expect(heap.memcg(group).objectBytes).toBe(0);
  });

  test("deferred by a trace point inside the stock's section: irq_work runs at its end", () => {
    const { heap, cpu, group } = makeGroup({ build: "trace", cpus: 1 });
    const lock = cpu.stockLock();
    // Full slabs of the plain cache: a nolock free to one of them is deferred.
    const plain = Array.from({ length: 200 }, () => cpu.kmalloc(64));
    let freed = 0;
    heap.onTrace = (event, a) => {
      if (event !== 12 || a !== lock || freed !== 0) return;
      freed = 1;
      cpu.kfreeNolock(plain[0] ?? 0);
      expect(heap.view.cpu(0).irq_pending).toBe(1);
    };
    const object = cpu.kmalloc(64, GFP_ACCOUNT);
    heap.onTrace = undefined;
    expect(freed).toBe(1);
    expect(heap.view.cpu(0)).toMatchObject({ irq_pending: 0, defer_objects: 0 });
    cpu.kfreeBulk([object, ...plain.slice(1)]);
    expect(heap.memcg(group).objectBytes).toBe(0);
  });
});

describe("removing a group", () => {
  test("is refused while it is charged or some CPU's, not because of other CPUs' stocks", () => {
    const { heap, cpus, group } = makeGroup();
    const [zero, one] = cpus as [TestCpu, TestCpu];
    const object = one.kmalloc(64, GFP_ACCOUNT);
    for (const cpu of cpus) cpu.memcgSet(0);
    expect(zero.memcgDestroy(group)).toBe(false);
    zero.kfree(object);
    one.memcgSet(group);
    expect(zero.memcgDestroy(group)).toBe(false);
    one.memcgSet(0);
    const { generation } = heap.memcg(group);
    expect(heap.memcg(group).stockBytes).toBe(PAGE - 68);
    expect(zero.memcgDestroy(group)).toBe(true);
    expect(zero.memcgDestroy(group)).toBe(false);
    expect(zero.memcgSet(group)).toBe(false);
    heap.expectSound();
    // Its entry is not used again while CPU 1 has bytes of it, and is when it has none.
    const next = zero.memcgCreate("g");
    expect(next).not.toBe(group);
    one.memcgSet(next);
    one.kfree(one.kmalloc(64, GFP_ACCOUNT));
    expect(heap.memcg(group).usage_pages).toBe(0);
    expect(zero.memcgCreate("h")).toBe(group);
    expect(heap.memcg(group).generation).toBe(generation + 1);
    expect(zero.exports.memcg_set(group, generation)).toBe(0);
  });

  test("63 groups fit, and no name is there twice", () => {
    const heap = new TestHeap();
    const cpu = heap.cpu();
    const groups = Array.from({ length: 63 }, (_, index) => cpu.memcgCreate(`g${index}`));
    expect(new Set(groups).size).toBe(63);
    expect(groups).not.toContain(0);
    expect(cpu.memcgCreate("more")).toBe(0);
    expect(cpu.memcgDestroy(groups[5] ?? 0)).toBe(true);
    expect(cpu.memcgCreate("g7")).toBe(0);
    expect(cpu.memcgCreate("more")).toBe(groups[5]);
  });
});

describe("the first group", () => {
  test("is refused where the cache table has no room, with nothing left behind", () => {
    const heap = new TestHeap({ maxCaches: 26 });
    const cpu = heap.cpu();
    expect(cpu.memcgCreate("g")).toBe(0);
    expect([...heap.view.caches()]).toHaveLength(13);
  });

  test("is refused where memory is out, and made when there is some again", () => {
    const heap = new TestHeap({ maximumBytes: 2 ** 21, cpus: 1 });
    const cpu = heap.cpu();
    const pages = cpu.takeAll(4096);
    const small = cpu.takeAll(2048);
    const free: number[] = [];
    let group = cpu.memcgCreate("g");
    expect(group).toBe(0);
    heap.expectSound();
    // Whatever of it fits is undone as often as not all of it does.
    while (group === 0 && pages.length > 0) {
      free.push(pages.pop() ?? 0);
      cpu.kfree(free.at(-1) ?? 0);
      group = cpu.memcgCreate("g");
      heap.expectSound();
    }
    expect(group).not.toBe(0);
    expect(free.length).toBeGreaterThan(3);
    cpu.kfreeBulk([...pages.slice(0, 400)]);
    for (const object of [...pages.slice(400), ...small]) cpu.kfree(object);
  });
});

describe("a storm over groups, CPUs, contexts and caches", () => {
  test.each([
    [MERGED_ARM, 0],
    ["direct", 0],
    ["percpu-deactivate", 0],
    [MERGED_ARM, HEAP_RT],
  ] as const)("in the arm %s with options %i ends in exact balance", (defer, options) => {
    const heap = new TestHeap({ cpus: 3, defer, options, nodes: 2 });
    const cpus = heap.cpus();
    const [first] = cpus as [TestCpu];
    const groups = [
      0,
      first.memcgCreate("a", 60),
      first.memcgCreate("b"),
      first.memcgCreate("c", 9),
    ];
    const cache = first.createCache("accounted", 40, { flags: SLAB_ACCOUNT });
    const random = createRandom(0xc0ffee, 1);
    const pick = (limit: number) => random.uniformInt(0, limit - 1);
    const live: number[] = [];
    const allocate = (cpu: TestCpu): number[] => {
      const gfp = pick(4) === 0 ? 0 : GFP_ACCOUNT;
      const size = 1 + pick(pick(8) === 0 ? 30_000 : 1000);
      const way = pick(6);
      if (way === 0) return [cpu.cacheAlloc(cache)];
      if (way === 1) return [cpu.kmallocNolock(size, gfp)];
      if (way === 2) return cpu.kmallocBulk(1 + (size % 3000), 1 + pick(20), gfp);
      return [cpu.kmalloc(size, gfp)];
    };
    const step = (cpu: TestCpu, nested: boolean): void => {
      const object = live.length === 0 ? 0 : live.splice(pick(live.length), 1)[0];
      const what = pick(8);
      if (what < 4) {
        live.push(...allocate(cpu).filter((each) => each !== 0));
        if (object !== undefined && object !== 0) live.push(object);
      } else if (object === undefined || object === 0) {
        return;
      } else if (what === 4 && !nested) {
        const fresh = cpu.krealloc(object, 1 + pick(3000), GFP_ACCOUNT);
        live.push(fresh === 0 ? object : fresh);
      } else if (what === 5 && heap.view.page(heap.view.pfnAt(object)).kind !== 4) {
        cpu.kfreeNolock(object);
      } else {
        cpu.kfree(object);
      }
    };
    for (let turn = 0; turn < 6000; turn++) {
      heap.view.refresh();
      const cpu = cpus[pick(3)] as TestCpu;
      const kind = pick(30);
      if (kind === 0) cpu.memcgSet(groups[pick(4)] ?? 0);
      else if (kind === 1) cpu.nmi(() => step(cpu, true));
      else if (kind === 2) cpu.interruptSection(cpu.stockLock(), () => step(cpu, true));
      else step(cpu, false);
      if (live.length > 400) for (const object of live.splice(0, 200)) cpu.kfree(object);
    }
    first.barrier();
    heap.expectSound();
    for (const object of live) first.kfree(object);
    for (const cpu of cpus) cpu.memcgSet(0);
    for (const cpu of cpus) cpu.offline();
    for (const group of groups.slice(1)) {
      expect(heap.memcg(group)).toMatchObject({ usage_pages: 0, nr_charged_bytes: 0 });
      expect(heap.memcg(group).max_usage_pages).toBeGreaterThan(0);
    }
    expect(heap.memcg(groups[3] ?? 0).failcnt).toBeGreaterThan(0);
  });
});
