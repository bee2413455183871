/**
 * Damage to sheaves, barns and the classes of pages, by the law it breaks.
 */
import {
  barnOf,
  sheavesOf,
  type SheafPlace,
  type SheafView,
} from "slablab/internal/heap/sheaves.js";
import type { CacheView } from "slablab/internal/heap/view.js";
import type { Plant } from "./places.js";
import type { Snapshot } from "./snapshot.js";

function cacheOf(copy: Snapshot): CacheView {
  const found = [...copy.view.caches()].find(({ name }) => name === "kmalloc-64");
  if (found === undefined) throw new Error("expected kmalloc-64");
  return found;
}

function sheafAt(copy: Snapshot, wanted: SheafPlace): SheafView {
  const found = sheavesOf(copy.view, cacheOf(copy)).find(({ place }) => place === wanted);
  if (found === undefined) throw new Error(`expected a sheaf that is ${wanted}`);
  return found;
}

function firstObject(copy: Snapshot, place: SheafPlace): number {
  return sheafAt(copy, place).address + copy.view.table.constants.SHEAF_OBJECTS;
}

function cpuCacheOf(copy: Snapshot): number {
  return copy.view.cpuCache(0, cacheOf(copy).index).address;
}

function queueOf(copy: Snapshot, cpu: number): number {
  return copy.view.rcuQueues()[cpu]?.address ?? 0;
}

export const SHEAF_DAMAGE = {
  "O40-sheaves": [
    [
      "a size that does not fit",
      (copy) => copy.patch("sheaf", sheafAt(copy, "below main").address, "size", 61),
    ],
    [
      "a depth that is not so",
      (copy) => copy.patch("sheaf", sheafAt(copy, "main").address, "depth", (n) => n + 1),
    ],
    [
      "a sheaf below main without objects",
      (copy) => copy.patch("sheaf", sheafAt(copy, "below main").address, "size", 0),
    ],
    [
      "a spare one with objects",
      (copy) => copy.patch("sheaf", sheafAt(copy, "spare").address, "size", 1),
    ],
    [
      "a stack that leads in a circle",
      (copy) => {
        const { address } = sheafAt(copy, "below main");
        copy.patch("sheaf", address, "link", address);
      },
    ],
    [
      "more below main than its bound",
      (copy) => copy.patch("kmem_cache", cacheOf(copy).address, "pcs_full", 1),
    ],
    [
      "a top beside the sheaf",
      (copy) => copy.patch("kmem_cache_cpu", cpuCacheOf(copy), "top", (n) => n + 2),
    ],
    [
      "an end beside it",
      (copy) => copy.patch("kmem_cache_cpu", cpuCacheOf(copy), "end", (n) => n + 4),
    ],
    [
      "a word below the objects",
      (copy) => copy.patch("sheaf", sheafAt(copy, "main").address, "bottom", 8),
    ],
    ["no object", (copy) => copy.set(firstObject(copy, "main"), 0x1000)],
    [
      "inside an object",
      (copy) => copy.set(firstObject(copy, "main"), copy.view.u32(firstObject(copy, "main")) + 8),
    ],
    [
      "one sheaf in two places",
      (copy) =>
        copy.patch("kmem_cache_cpu", cpuCacheOf(copy), "spare", sheafAt(copy, "full").address),
    ],
    [
      "a sheaf in a hand",
      (copy) =>
        copy.patch(
          "kmem_cache_cpu",
          cpuCacheOf(copy),
          "sheaf_in_hand",
          sheafAt(copy, "spare").address,
        ),
    ],
    [
      "a cache whose sheaves no bucket has room for",
      (copy) => copy.patch("kmem_cache", cacheOf(copy).address, "sheaf_capacity", 2045),
    ],
    [
      "a prefilled sheaf of no CPU",
      (copy) => copy.patch("sheaf", sheafAt(copy, "prefilled").address, "bottom", 3),
    ],
    [
      "one that no bucket has room for",
      (copy) => copy.patch("sheaf", sheafAt(copy, "prefilled").address, "capacity", 2045),
    ],
    [
      "a prefilled sheaf that is a spare, too",
      (copy) =>
        copy.patch("kmem_cache_cpu", cpuCacheOf(copy), "spare", sheafAt(copy, "prefilled").address),
    ],
    [
      "a sheaf of another capacity",
      (copy) => copy.patch("sheaf", sheafAt(copy, "full").address, "capacity", 30),
    ],
    [
      "a full one that is not",
      (copy) => copy.patch("sheaf", sheafAt(copy, "full").address, "size", 59),
    ],
  ],
  "O41-barns": [
    [
      "nr_prefilled",
      (copy) =>
        copy.patch("node_barn", barnOf(copy.view, cacheOf(copy), 0).address, "nr_prefilled", 2),
    ],
    [
      "nr_full",
      (copy) =>
        copy.patch(
          "node_barn",
          barnOf(copy.view, cacheOf(copy), 0).address,
          "nr_full",
          (n) => n + 1,
        ),
    ],
    [
      "a list that leaves the heap",
      (copy) => copy.patch("node_barn", barnOf(copy.view, cacheOf(copy), 0).address, "full", 16),
    ],
    [
      "a circle",
      (copy) =>
        copy.patch("sheaf", sheafAt(copy, "full").address, "link", sheafAt(copy, "full").address),
    ],
  ],
  "O43-rcu-sheaves": [
    [
      "one that waits for no period",
      (copy) => copy.patch("rcu_queue", queueOf(copy, 0), "wait_gp", (n) => n + 1),
    ],
    ["no objects", (copy) => copy.patch("sheaf", sheafAt(copy, "sheaves_wait").address, "size", 0)],
    [
      "more than there is room for",
      (copy) => copy.patch("sheaf", sheafAt(copy, "sheaves").address, "size", 61),
    ],
    [
      "a full one that does not wait",
      (copy) => copy.patch("sheaf", sheafAt(copy, "rcu_free").address, "size", 60),
    ],
    [
      "one that no barrier looks for",
      (copy) => copy.patch("rcu_data", copy.view.rcu(0).address, "has_rcu_free", 0),
    ],
    ["no object", (copy) => copy.set(firstObject(copy, "sheaves_wait"), 0x1000)],
    [
      "one sheaf in two places",
      (copy) =>
        copy.patch(
          "kmem_cache_cpu",
          cpuCacheOf(copy),
          "rcu_free",
          sheafAt(copy, "sheaves_wait").address,
        ),
    ],
    [
      "one in a CPU's hand",
      (copy) =>
        copy.patch(
          "rcu_data",
          copy.view.rcu(0).address,
          "sheaf_in_hand",
          sheafAt(copy, "spare").address,
        ),
    ],
    [
      "a list that leaves the heap",
      (copy) => copy.patch("rcu_queue", queueOf(copy, 0), "sheaves", 16),
    ],
    [
      "a circle",
      (copy) => {
        const { address } = sheafAt(copy, "sheaves_wait");
        copy.patch("sheaf", address, "link", address);
      },
    ],
  ],
  "O42-classes": [
    [
      "a page of a slab without one",
      (copy) => {
        const object = copy.view.u32(firstObject(copy, "main"));
        const at = copy.view.header().page_class + copy.view.pfnAt(object);
        const word = at - (at % 4);
        copy.set(word, copy.view.u32(word) ^ (0xff << ((at % 4) * 8)));
      },
    ],
  ],
  "Q1-census": [
    [
      "an object in a prefilled sheaf and in another",
      (copy) => copy.set(firstObject(copy, "prefilled"), copy.view.u32(firstObject(copy, "main"))),
    ],
    [
      "a free object that waits",
      (copy) => copy.set(firstObject(copy, "rcu_free"), copy.view.u32(firstObject(copy, "main"))),
    ],
    [
      "an object that waits twice",
      (copy) =>
        copy.set(firstObject(copy, "sheaves"), copy.view.u32(firstObject(copy, "sheaves_wait"))),
    ],
    [
      "an object twice in a sheaf",
      (copy) => copy.set(firstObject(copy, "main") + 4, copy.view.u32(firstObject(copy, "main"))),
    ],
    [
      "an object in a sheaf and on its slab's list",
      (copy) => {
        const object = copy.view.u32(firstObject(copy, "main"));
        const slab = copy.view.page(copy.view.pfnAt(object));
        copy.patch("page", slab.address, "freelist", object);
      },
    ],
  ],
} satisfies Readonly<Record<string, readonly Plant[]>>;
