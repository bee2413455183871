/**
 * Goal: each arm's drain trigger drains, and no other does. Method: a table of triggers against all
 * arms; every pair starts from the same heap with one object deferred by CPU 0, pulls one trigger,
 * and looks where the object is and which counter says so.
 *
 * A trigger that ends an irq-off section on CPU 0 is a safe point: irq_work runs there, so the
 * arms that wait for it drain as well; the slow frees of the table are single cmpxchgs, which
 * enter no section.
 */
import { DEFER_ARMS, type DeferArm } from "slablab/internal/heap/arms.js";
import type { CacheView } from "slablab/internal/heap/view.js";
import { describe, expect, test } from "vitest";
import type { TestCpu } from "./support/cpu.js";
import { TestHeap } from "./support/heap.js";
import { placeOf, waitingObjects } from "./support/waiting.js";

/**
 * Slabs A and B are on CPU 1's partial list, E is CPU 0's cpu slab with two objects free. `object`
 * is the last one in use of A, so that even the arm `direct` has to defer it; B has three left.
 */
interface Scene {
  readonly heap: TestHeap;
  readonly here: TestCpu;
  readonly elsewhere: TestCpu;
  readonly cache: CacheView;
  readonly object: number;
  /** Objects of B: freeing one leaves the slab partial. */
  readonly others: readonly number[];
  /** Objects of E. */
  readonly own: readonly number[];
  /** From now on the first new slab's constructor allocates from the cache itself. */
  readonly startRace: () => void;
}

function makeScene(defer: DeferArm): Scene {
  const heap = new TestHeap({ defer });
  const [here, elsewhere] = [heap.cpu(0), heap.cpu(1)];
  let isRacing = false;
  const ctor = () => {
    if (!isRacing) return;
    isRacing = false;
    here.cacheAlloc(cache);
  };
  const cache = here.createCache("waiting", 1024, { ctor });
  const a = here.cacheTake(cache, cache.objects);
  const b = here.cacheTake(cache, cache.objects);
  const own = here.cacheTake(cache, cache.objects - 2);
  const [object = 0, ...restOfA] = a;
  const others = b.slice(0, 3);
  for (const each of [...restOfA, ...b.slice(3)]) elsewhere.kfree(each);
  const startRace = () => {
    isRacing = true;
  };
  return { heap, here, elsewhere, cache, object, others, own, startRace };
}

/** Allocate until CPU 0's cpu slab has been replaced; no partial slab is near, so by a new one. */
function replaceCpuSlab({ here, cache }: Scene): void {
  here.cacheTake(cache, 3);
}

interface Trigger {
  readonly pull: (scene: Scene) => void;
  /** The arms it drains, each with the counter that says so. */
  readonly drains: Partial<Record<DeferArm, string>>;
}

const SLOW_FREE = "DEFER_DRAIN_SLOW_FREE";
const IRQ_WORK = { "irq-work": "DEFER_DRAIN_IRQ_WORK", direct: "DEFER_DRAIN_IRQ_WORK" };
const SHARED = { global: SLOW_FREE, "global-line": SLOW_FREE, node: SLOW_FREE };
const BARRIER = "DEFER_DRAIN_BARRIER";
const OWN_LISTS = Object.fromEntries(DEFER_ARMS.slice(4).map((arm) => [arm, BARRIER])) as Partial<
  Record<DeferArm, string>
>;
const ALL_LISTS = Object.fromEntries(DEFER_ARMS.slice(1).map((arm) => [arm, BARRIER])) as Partial<
  Record<DeferArm, string>
>;

const TRIGGERS: Readonly<Record<string, Trigger>> = {
  "a slow free of the cache on the same CPU": {
    pull: ({ here, others }) => here.kfree(others[0] ?? 0),
    drains: { ...SHARED, "percpu-slow-free": SLOW_FREE },
  },
  "a slow free of the cache on another CPU": {
    pull: ({ elsewhere, others }) => elsewhere.kfree(others[0] ?? 0),
    drains: SHARED,
  },
  "a slow bulk free of the cache on the same CPU": {
    pull: ({ here, others }) => here.kfreeBulk(others.slice(0, 2)),
    drains: { ...SHARED, "percpu-slow-free": SLOW_FREE },
  },
  "a slow free of another cache": {
    pull: ({ here, elsewhere }) => here.kfree(elsewhere.kmalloc(64)),
    drains: {},
  },
  "a fast allocation and a fast free of the cache": {
    pull: ({ here, cache }) => here.kfree(here.cacheAlloc(cache)),
    drains: {},
  },
  "a nolock free of the cache": {
    pull: ({ here, own }) => here.kfreeNolock(own[0] ?? 0),
    drains: {},
  },
  "an ordinary call that replaces the cpu slab": {
    pull: replaceCpuSlab,
    drains: { ...IRQ_WORK, "percpu-switch": "DEFER_DRAIN_SWITCH" },
  },
  "a nolock call that replaces the cpu slab": {
    pull: ({ here, cache }) => {
      for (let left = 3; left > 0; left--) here.cacheAllocNolock(cache);
    },
    drains: IRQ_WORK,
  },
  "a replacement of another CPU's cpu slab": {
    pull: ({ elsewhere, cache }) => elsewhere.cacheTake(cache, 3 * cache.objects),
    drains: {},
  },
  "deactivate_slab()": {
    pull: (scene) => {
      scene.startRace();
      replaceCpuSlab(scene);
      expect(scene.heap.stat(scene.cache, "CPUSLAB_FLUSH")).toBe(1);
    },
    drains: {
      ...IRQ_WORK,
      "percpu-deactivate": "DEFER_DRAIN_DEACTIVATE",
      "percpu-switch": "DEFER_DRAIN_SWITCH",
    },
  },
  "the end of a section on the same CPU": {
    pull: ({ here }) => here.kmalloc(64),
    drains: IRQ_WORK,
  },
  "the end of an NMI on the same CPU": { pull: ({ here }) => here.nmi(() => {}), drains: IRQ_WORK },
  "the end of an irq on the same CPU": { pull: ({ here }) => here.irq(() => {}), drains: IRQ_WORK },
  "an NMI on another CPU": { pull: ({ elsewhere }) => elsewhere.nmi(() => {}), drains: {} },
  "poll() on the same CPU": { pull: ({ here }) => here.poll(), drains: IRQ_WORK },
  "poll() on another CPU": { pull: ({ elsewhere }) => elsewhere.poll(), drains: {} },
  "a barrier on the same CPU": { pull: ({ here }) => here.barrier(), drains: ALL_LISTS },
  "a barrier on another CPU": { pull: ({ elsewhere }) => elsewhere.barrier(), drains: ALL_LISTS },
  "the CPU going offline": { pull: ({ here }) => here.offline(), drains: OWN_LISTS },
  "another CPU going offline": { pull: ({ elsewhere }) => elsewhere.offline(), drains: {} },
};

/** What DEFER_DRAIN_* counted on all CPUs. */
function drainsOf(heap: TestHeap, cache: CacheView): Record<string, number> {
  const counts = Object.entries(heap.counts(cache));
  return Object.fromEntries(counts.filter(([name]) => name.startsWith("DEFER_DRAIN_")));
}

test.each(DEFER_ARMS)("arm %s: a nolock free leaves its object on the arm's own list", (arm) => {
  const { heap, here, cache, object } = makeScene(arm);
  here.kfreeNolock(object);
  const place = placeOf(arm, here.id);
  expect(waitingObjects(heap, cache)).toEqual(place === "" ? {} : { [place]: [object] });
  expect(heap.stat(cache, "DEFER_ADD")).toBe(place === "" ? 0 : 1);
});

describe.each(Object.entries(TRIGGERS))("%s", (_, { pull, drains }) => {
  const arms = DEFER_ARMS.filter((arm) => arm !== "none");

  test.each(arms.filter((arm) => drains[arm] !== undefined))("drains %s", (arm) => {
    const scene = makeScene(arm);
    const { heap, here, cache, object } = scene;
    here.kfreeNolock(object);
    pull(scene);
    expect(Object.values(waitingObjects(heap, cache)).flat()).not.toContain(object);
    expect(drainsOf(heap, cache)).toEqual({ [drains[arm] ?? ""]: 1 });
    expect(heap.stat(cache, "DEFER_DRAINED")).toBe(1);
  });

  test.each(arms.filter((arm) => drains[arm] === undefined))("leaves %s alone", (arm) => {
    const scene = makeScene(arm);
    const { heap, here, cache, object } = scene;
    here.kfreeNolock(object);
    pull(scene);
    const place = placeOf(arm, here.id);
    expect(waitingObjects(heap, cache)[place]).toContain(object);
    expect(heap.stat(cache, "DEFER_DRAINED")).toBe(0);
  });
});

test.each(DEFER_ARMS)("arm %s: destroy by an idle third party drains all CPUs' lists", (arm) => {
  const heap = new TestHeap({ defer: arm, cpus: 4 });
  const cpus = heap.cpus();
  const [owner, ...others] = cpus as [TestCpu, ...TestCpu[]];
  const cache = owner.createCache("destroyed", 512);
  const objects = owner.cacheTake(cache, 4 * cache.objects);
  objects.forEach((object, index) => {
    others[index % 2]?.kfreeNolock(object);
  });
  // CPUs 0 to 2 do nothing from here on.
  expect(others[2]?.destroyCache(cache)).toBe(0);
  expect(waitingObjects(heap, cache)).toEqual({});
  expect(owner.openCache("destroyed")).toBe(0);
});

test("arm node: a slow free drains the list of its slab's node and no other", () => {
  const heap = new TestHeap({ defer: "node", nodes: 2, initialBytes: 16 * 2 ** 20 });
  const [here, elsewhere] = [heap.cpu(0), heap.cpu(1)];
  const cache = heap.cache("kmalloc-8k");
  // Slabs come from whatever block has room: sort the objects by the node they are of.
  const objects = [0, 1].flatMap((node) =>
    Array.from({ length: 64 }, () => here.kmallocNode(8192, node)),
  );
  const full = (object: number) => {
    const { frozen, inuse, objects: count } = heap.slabOf(object);
    return !frozen && inuse === count;
  };
  const ofNode = (node: number) =>
    objects.filter((object) => full(object) && heap.slabOf(object).node === node);
  const [near, far] = [ofNode(0), ofNode(1)];
  expect(Math.min(near.length, far.length)).toBeGreaterThan(8);
  elsewhere.kfreeNolock(near[0] ?? 0);
  elsewhere.kfreeNolock(far[0] ?? 0);
  expect(waitingObjects(heap, cache)).toEqual({ "node 0": [near[0]], "node 1": [far[0]] });
  here.kfree(near[4] ?? 0);
  expect(waitingObjects(heap, cache)).toEqual({ "node 1": [far[0]] });
  here.kfree(far[4] ?? 0);
  expect(waitingObjects(heap, cache)).toEqual({});
});
