/**
 * Goal: what drains an arm drains it, and nothing else does, for every place with every trigger
 * that the allocator takes, whether an arm has a name for it or not. Method: a table of what may
 * drain against all ways; every pair starts from the same heap with one object deferred by CPU 0,
 * and looks where the object is afterwards and which counter says so.
 *
 * A trigger that ends an irq-off section on CPU 0 is a safe point: irq_work runs there, so what
 * waits for it is drained as well; the slow frees of the table are single cmpxchgs, which enter no
 * section.
 */
import {
  ARM_WAYS,
  ARMS,
  type ArmWay,
  DEFER_PLACES,
  DEFER_TRIGGERS,
  type DeferTrigger,
  listOf,
  wayFits,
} from "slablab/internal/heap/arms.js";
import type { CacheView } from "slablab/internal/heap/view.js";
import { describe, expect, test } from "vitest";
import type { TestCpu } from "./support/cpu.js";
import { TestHeap } from "./support/heap.js";
import { placeOf, waitingObjects } from "./support/waiting.js";

/**
 * Slabs A and B are on CPU 1's partial list, E is CPU 0's cpu slab with two objects free. `object`
 * is the last one in use of A, so that even the place "slab" has to defer it; B has three left.
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

function makeScene(defer: ArmWay): Scene {
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
  /** The counter that says that it drained what waits in a way; null: it leaves that alone. */
  readonly drains: (way: ArmWay) => string | null;
}

const BARRIER = "DEFER_DRAIN_BARRIER";
const nothing = () => null;

/** Ways of one of these triggers. */
function by(...triggers: readonly DeferTrigger[]) {
  return ({ trigger }: ArmWay) => (triggers.includes(trigger) ? DEFER_TRIGGERS[trigger] : null);
}

/** The same where all CPUs share the list. */
function byIfShared(wanted: DeferTrigger) {
  return (way: ArmWay) => (isOwn(way) ? null : by(wanted)(way));
}

/** The same where the list is of one CPU and all caches; and ways of `others`. */
function byIfOfCpu(wanted: DeferTrigger, ...others: readonly DeferTrigger[]) {
  return (way: ArmWay) => (listOf(way) === "cpu" ? by(wanted, ...others)(way) : by(...others)(way));
}

/** Whether the list is one CPU's own. */
function isOwn(way: ArmWay): boolean {
  return listOf(way) === "cpu" || way.place === "cpu and cache";
}

const TRIGGERS: Readonly<Record<string, Trigger>> = {
  "a slow free of the cache on the same CPU": {
    pull: ({ here, others }) => here.kfree(others[0] ?? 0),
    drains: by("slow free"),
  },
  "a slow free of the cache on another CPU": {
    pull: ({ elsewhere, others }) => elsewhere.kfree(others[0] ?? 0),
    drains: byIfShared("slow free"),
  },
  "a slow bulk free of the cache on the same CPU": {
    pull: ({ here, others }) => here.kfreeBulk(others.slice(0, 2)),
    drains: by("slow free"),
  },
  "a slow free of another cache": {
    pull: ({ here, elsewhere }) => here.kfree(elsewhere.kmalloc(64)),
    drains: byIfOfCpu("slow free"),
  },
  "a fast allocation and a fast free of the cache": {
    pull: ({ here, cache }) => here.kfree(here.cacheAlloc(cache)),
    drains: nothing,
  },
  "a nolock free of the cache": {
    pull: ({ here, own }) => here.kfreeNolock(own[0] ?? 0),
    drains: nothing,
  },
  "an ordinary call that replaces the cpu slab": {
    pull: replaceCpuSlab,
    drains: by("irq work", "switch"),
  },
  "a nolock call that replaces the cpu slab": {
    pull: ({ here, cache }) => {
      for (let left = 3; left > 0; left--) here.cacheAllocNolock(cache);
    },
    drains: by("irq work"),
  },
  "a replacement of another CPU's cpu slab": {
    pull: ({ elsewhere, cache }) => elsewhere.cacheTake(cache, 3 * cache.objects),
    drains: byIfShared("switch"),
  },
  "deactivate_slab()": {
    pull: (scene) => {
      scene.startRace();
      replaceCpuSlab(scene);
      expect(scene.heap.stat(scene.cache, "CPUSLAB_FLUSH")).toBe(1);
    },
    drains: by("irq work", "deactivate", "switch"),
  },
  "the end of a section on the same CPU": {
    pull: ({ here }) => here.kmalloc(64),
    // It also gets its first slab of kmalloc-64: a switch.
    drains: byIfOfCpu("switch", "irq work"),
  },
  "the end of an NMI on the same CPU": {
    pull: ({ here }) => here.nmi(() => {}),
    drains: by("irq work"),
  },
  "the end of an irq on the same CPU": {
    pull: ({ here }) => here.irq(() => {}),
    drains: by("irq work"),
  },
  "an NMI on another CPU": { pull: ({ elsewhere }) => elsewhere.nmi(() => {}), drains: nothing },
  "poll() on the same CPU": { pull: ({ here }) => here.poll(), drains: by("irq work") },
  "poll() on another CPU": { pull: ({ elsewhere }) => elsewhere.poll(), drains: nothing },
  "a barrier on the same CPU": { pull: ({ here }) => here.barrier(), drains: () => BARRIER },
  "a barrier on another CPU": {
    pull: ({ elsewhere }) => elsewhere.barrier(),
    drains: () => BARRIER,
  },
  "the CPU going offline": {
    pull: ({ here }) => here.offline(),
    // Its cpu slabs are deactivated; what is its own was drained before that.
    drains: (way) => (isOwn(way) ? BARRIER : by("deactivate")(way)),
  },
  "another CPU going offline": { pull: ({ elsewhere }) => elsewhere.offline(), drains: nothing },
};

/** What DEFER_DRAIN_* counted on all CPUs. */
function drainsOf(heap: TestHeap, cache: CacheView): Record<string, number> {
  const counts = Object.entries(heap.counts(cache));
  return Object.fromEntries(counts.filter(([name]) => name.startsWith("DEFER_DRAIN_")));
}

const WAYS = ARM_WAYS.map((way) => [nameOf(way), way] as const);
const DEFERRING = WAYS.filter(([, { place }]) => place !== "nowhere");

function nameOf({ place, trigger }: ArmWay): string {
  return `${place}, ${trigger}`;
}

test("every place and trigger is taken or refused as the rows of the arms have it", () => {
  const names = WAYS.map(([name]) => name);
  expect(names).toHaveLength(24);
  expect(names).toEqual(expect.arrayContaining(ARMS.map(nameOf)));
  for (const place of DEFER_PLACES) {
    for (const trigger of Object.keys(DEFER_TRIGGERS) as DeferTrigger[]) {
      const make = () => new TestHeap({ defer: { place, trigger } });
      if (wayFits({ place, trigger })) expect(make, `${place}, ${trigger}`).not.toThrow();
      else expect(make, `${place}, ${trigger}`).toThrow("heap_init()");
    }
  }
});

test.each(WAYS)("%s: a nolock free leaves its object on the way's own list", (_, way) => {
  const { heap, here, cache, object } = makeScene(way);
  here.kfreeNolock(object);
  const place = placeOf(way, here.id);
  expect(waitingObjects(heap, cache)).toEqual(place === "" ? {} : { [place]: [object] });
  expect(heap.stat(cache, "DEFER_ADD")).toBe(place === "" ? 0 : 1);
});

describe.each(Object.entries(TRIGGERS))("%s", (_, { pull, drains }) => {
  test.each(DEFERRING.filter(([, way]) => drains(way) !== null))("drains %s", (_name, way) => {
    const scene = makeScene(way);
    const { heap, here, cache, object } = scene;
    here.kfreeNolock(object);
    pull(scene);
    expect(Object.values(waitingObjects(heap, cache)).flat()).not.toContain(object);
    expect(drainsOf(heap, cache)).toEqual({ [drains(way) ?? ""]: 1 });
    expect(heap.stat(cache, "DEFER_DRAINED")).toBe(1);
  });

  test.each(DEFERRING.filter(([, way]) => drains(way) === null))(
    "leaves %s alone",
    (_name, way) => {
      const scene = makeScene(way);
      const { heap, here, cache, object } = scene;
      here.kfreeNolock(object);
      pull(scene);
      const place = placeOf(way, here.id);
      expect(waitingObjects(heap, cache)[place]).toContain(object);
      expect(heap.stat(cache, "DEFER_DRAINED")).toBe(0);
    },
  );
});

test.each(WAYS)("%s: destroy by an idle third party drains all CPUs' lists", (_, way) => {
  const heap = new TestHeap({ defer: way, cpus: 4 });
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
