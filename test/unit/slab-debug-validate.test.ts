/**
 * Goal: heap.validate() knows debug caches: their full lists, their left red zones, that they have
 * no cpu slabs; and finds damage to them as to any. Method: plants in copies of a heap with
 * slab_debug, each reported under the right law.
 */
import { createHeap } from "slablab";
import { SL_PARTIAL } from "slablab/internal/heap/constants.js";
import { beforeAll, describe, expect, test } from "vitest";
import { freeze } from "./support/places.js";
import { type Snapshot, snapshots } from "./support/snapshot.js";

let snapshot: () => Snapshot;

beforeAll(async () => {
  const heap = await createHeap({ cpus: 2, maximumBytes: 2 ** 24, slabDebug: "FZPU,kmalloc-*" });
  const [zero, one] = [heap.cpu(), heap.cpu()];
  const { objperslab = 0 } = heap.slabinfo().find(({ name }) => name === "kmalloc-64") ?? {};
  const objects = [...zero.kmallocBulk(64, objperslab * 3)];
  one.kfree(objects[1] ?? 0);
  one.kfreeNolock(objects[2] ?? 0);
  zero.kmemCacheCreate({ name: "plain", size: 64 }).allocBulk(65);
  expect(heap.validate()).toEqual([]);
  snapshot = snapshots(heap);
});

const node = (copy: Snapshot) => copy.view.node(copy.cache("kmalloc-64").index, 0);
const full = (copy: Snapshot) => copy.pageAt(node(copy).full);
const partial = (copy: Snapshot) => copy.pageAt(node(copy).partial);

test("the heap has what the plants damage", () => {
  const copy = snapshot();
  expect(copy.validate()).toEqual([]);
  expect(full(copy).next).not.toBe(0);
  expect(partial(copy).inuse).toBe(partial(copy).objects - 1);
});

type Plant = readonly [law: string, what: string, (copy: Snapshot) => void];
const PLANTS: readonly Plant[] = [
  [
    "O11-full",
    "a full slab on no list",
    (copy) => copy.patch("kmem_cache_node", node(copy).address, "full", full(copy).next),
  ],
  [
    "O11-full",
    "free objects on the full list",
    (copy) => {
      const { address, counters } = full(copy);
      copy.patch("page", address, "counters", counters - 1);
    },
  ],
  [
    "O11-full",
    "a full list without slab_debug",
    (copy) => {
      const { index } = copy.cache("plain");
      const { address } = copy.slab("plain", ({ frozen }) => !frozen);
      copy.patch("kmem_cache_node", copy.view.node(index, 0).address, "full", address);
    },
  ],
  [
    "O12-frozen",
    "a frozen slab on the full list",
    (copy) => copy.patch("page", full(copy).address, "counters", (n) => freeze(n, true)),
  ],
  [
    "O9-partial",
    "SL_PARTIAL on the full list",
    (copy) => copy.patch("page", full(copy).address, "flags", SL_PARTIAL),
  ],
  [
    "O10-in-hand",
    "a hand on the full list",
    (copy) => copy.patch("page", full(copy).address, "in_hand", 1),
  ],
  ["O13-nr-partial", "prev", (copy) => copy.patch("page", full(copy).next, "prev", 0)],
  [
    "O13-nr-partial",
    "a slab of another cache",
    (copy) => {
      const other = copy.slab("plain", () => true).address;
      copy.patch("kmem_cache_node", node(copy).address, "full", other);
    },
  ],
  [
    "Q1-slabs",
    "a slab on both lists",
    (copy) => copy.patch("kmem_cache_node", node(copy).address, "full", node(copy).partial),
  ],
  [
    "O20-cpu-slab",
    "a cpu slab",
    (copy) => {
      const c = copy.view.cpuCache(0, copy.cache("kmalloc-64").index);
      copy.patch("kmem_cache_cpu", c.address, "slab", full(copy).address);
    },
  ],
  [
    "O5-freelist",
    "an object without its left red zone",
    (copy) => {
      const { red_left_pad } = copy.cache("kmalloc-64");
      copy.patch("page", partial(copy).address, "freelist", (n) => n - red_left_pad);
    },
  ],
  [
    "Q0-cache",
    "red_left_pad",
    (copy) => copy.patch("kmem_cache", copy.cache("kmalloc-64").address, "red_left_pad", 0),
  ],
  [
    "Q0-cache",
    "a percpu partial list",
    (copy) => copy.patch("kmem_cache", copy.cache("kmalloc-64").address, "cpu_partial", 30),
  ],
  [
    "A23-deferred",
    "a deferred object that is none",
    (copy) => copy.patch("cpu_area", copy.view.cpu(1).address, "defer_objects", (n) => n + 4),
  ],
  ["O2-counters", "inuse", (copy) => copy.patch("page", partial(copy).address, "freelist", 0)],
];

describe("is reported", () => {
  test.each(PLANTS)("%s: %s", (law, _what, damage) => {
    const copy = snapshot();
    damage(copy);
    expect(copy.validate().map(({ invariant }) => invariant)).toContain(law);
  });
});
