/**
 * Damage to slabs, lists, CPUs and locks, by the law it breaks.
 */
import { CPU_FREE, SL_PARTIAL } from "slablab/internal/heap/constants.js";
import { at, freeze, type Plant } from "./places.js";

export const SLAB_DAMAGE = {
  "O2-counters": [
    ["inuse", (copy) => copy.patch("page", at.nodeSlab(copy).address, "counters", (n) => n - 1)],
    [
      "objects",
      (copy) => copy.patch("page", at.fullSlab(copy).address, "counters", (n) => n + 65536),
    ],
    ["a lost free object", (copy) => copy.patch("page", at.nodeSlab(copy).address, "freelist", 0)],
  ],
  "O5-freelist": [
    [
      "inside an object",
      (copy) => copy.patch("page", at.nodeSlab(copy).address, "freelist", (n) => n + 8),
    ],
    [
      "in another slab",
      (copy) => copy.patch("page", at.nodeSlab(copy).address, "freelist", (n) => n + 4096),
    ],
    [
      "a circle",
      (copy) => {
        const { freelist } = at.nodeSlab(copy);
        copy.set(freelist + at.cache(copy).offset, freelist);
      },
    ],
    [
      "overwritten by its user after the free",
      (copy) => copy.set(at.nodeSlab(copy).freelist + at.cache(copy).offset, 0x41414141),
    ],
  ],
  "O6-disjoint": [
    [
      "an object on both",
      (copy) => {
        const c = at.cpuCache(copy, 1);
        copy.patch("page", at.cpuSlab(copy, 1).address, "freelist", c.freelist);
      },
    ],
  ],
  "Q1-census": [
    [
      "a deferred object that is free",
      (copy) => {
        const object = copy.view.cpu(1).defer_objects - at.cache(copy).offset;
        const slab = copy.view.page(copy.view.pfnAt(object));
        copy.patch("page", slab.address, "freelist", object);
      },
    ],
  ],
  "Q1-slabs": [
    [
      "two CPUs with one slab",
      (copy) =>
        copy.patch(
          "kmem_cache_cpu",
          at.cpuCache(copy, 2).address,
          "slab",
          at.cpuSlab(copy).address,
        ),
    ],
  ],
  "O9-partial": [
    ["SL_PARTIAL lost", (copy) => copy.patch("page", at.nodeSlab(copy).address, "flags", 0)],
    [
      "SL_PARTIAL too many",
      (copy) => copy.patch("page", at.fullSlab(copy).address, "flags", SL_PARTIAL),
    ],
    ["another node's", (copy) => copy.patch("page", at.nodeSlab(copy).address, "node", 1)],
  ],
  "O10-in-hand": [
    ["nobody's hand", (copy) => copy.patch("page", at.cpuPartial(copy).address, "in_hand", 0)],
    ["another's hand", (copy) => copy.patch("page", at.cpuPartial(copy).address, "in_hand", 3)],
    ["a cpu slab in a hand", (copy) => copy.patch("page", at.cpuSlab(copy).address, "in_hand", 1)],
    ["a hand too many", (copy) => copy.patch("page", at.nodeSlab(copy).address, "in_hand", 1)],
    [
      "a percpu partial list cut off",
      (copy) => copy.patch("kmem_cache_cpu", at.cpuCache(copy, 1).address, "partial", 0),
    ],
  ],
  "O11-full": [
    [
      "a full slab on a list",
      (copy) => {
        const { address, counters, objects } = at.nodeSlab(copy);
        copy.patch("page", address, "freelist", 0);
        copy.patch("page", address, "counters", counters - (counters & 0xffff) + objects);
      },
    ],
  ],
  "O12-frozen": [
    [
      "a thawed cpu slab",
      (copy) => copy.patch("page", at.cpuSlab(copy).address, "counters", (n) => freeze(n, false)),
    ],
    [
      "a frozen node slab",
      (copy) => copy.patch("page", at.nodeSlab(copy).address, "counters", (n) => freeze(n, true)),
    ],
    [
      "a frozen slab of nobody",
      (copy) => copy.patch("page", at.fullSlab(copy).address, "counters", (n) => freeze(n, true)),
    ],
  ],
  "O13-nr-partial": [
    ["nr_partial", (copy) => copy.patch("kmem_cache_node", at.node(copy).address, "nr_partial", 0)],
    ["tail", (copy) => copy.patch("kmem_cache_node", at.node(copy).address, "partial_tail", 0)],
    ["prev", (copy) => copy.patch("page", at.nodeSlab(copy).address, "prev", 64)],
    [
      "length of a percpu list",
      (copy) => copy.patch("page", at.cpuPartial(copy).address, "slabs", 9),
    ],
    [
      "a circle",
      (copy) =>
        copy.patch("page", at.cpuPartial(copy).address, "next", at.cpuPartial(copy).address),
    ],
    [
      "a slab of another cache",
      (copy) => {
        const { address } = copy.slab("kmalloc-8", () => true);
        copy.patch("kmem_cache_node", at.node(copy).address, "partial", address);
      },
    ],
  ],
  "Q14-empty": [
    [
      "more than min_partial",
      (copy) => copy.patch("kmem_cache", copy.cache("kmalloc-1k").address, "min_partial", 0),
    ],
  ],
  "O19-tid": [
    [
      "another CPU's",
      (copy) => copy.patch("kmem_cache_cpu", at.cpuCache(copy, 0).address, "tid", 1),
    ],
  ],
  "O20-cpu-slab": [
    [
      "a freelist without slab",
      (copy) => copy.patch("kmem_cache_cpu", at.cpuCache(copy, 1).address, "slab", 0),
    ],
    [
      "a freelist in another slab",
      (copy) =>
        copy.patch("kmem_cache_cpu", at.cpuCache(copy, 1).address, "freelist", (n) => n + 8192),
    ],
    [
      "no slab at all",
      (copy) => copy.patch("kmem_cache_cpu", at.cpuCache(copy, 1).address, "slab", 4096),
    ],
  ],
  "A23-deferred": [
    [
      "a circle",
      (copy) => {
        const { defer_objects } = copy.view.cpu(1);
        copy.set(defer_objects, defer_objects);
      },
    ],
    ["a wild link", (copy) => copy.set(copy.view.cpu(1).defer_objects, 0x1234)],
    [
      "a link inside an object",
      (copy) => copy.patch("cpu_area", copy.view.cpu(1).address, "defer_objects", (n) => n + 4),
    ],
    [
      "a slab that is none",
      (copy) => copy.patch("cpu_area", copy.view.cpu(1).address, "defer_slabs", 0x5000),
    ],
  ],
  "T25-pending": [
    ["not raised", (copy) => copy.patch("cpu_area", copy.view.cpu(1).address, "irq_pending", 0)],
  ],
  "T27-drain": [
    ["one is on", (copy) => copy.patch("cpu_area", copy.view.cpu(1).address, "drains", 1)],
  ],
  "Q28-arm": [
    [
      "another arm's list",
      (copy) => {
        // Those of `global`.
        copy.patchHeader("defer_place", 5);
        copy.patchHeader("defer_trigger", 38);
      },
    ],
  ],
  "A33-locks": [
    ["grow_lock", (copy) => copy.patchHeader("grow_lock", 1)],
    ["slab_mutex", (copy) => copy.patchHeader("slab_mutex", 2 ** 31 + 2)],
    ["zone", (copy) => copy.patch("zone", copy.view.zone(0).address, "lock", 1)],
    ["pcp", (copy) => copy.patch("cpu_area", copy.view.cpu(2).address, "pcp_lock", 1)],
    ["list_lock", (copy) => copy.patch("kmem_cache_node", at.node(copy).address, "list_lock", 1)],
    ["local", (copy) => copy.patch("kmem_cache_cpu", at.cpuCache(copy, 1).address, "lock", 2)],
  ],
  "A0-context": [
    [
      "in an NMI",
      (copy) => copy.patch("cpu_area", copy.view.cpu(0).address, "preempt_count", 4096),
    ],
    ["a number", (copy) => copy.patch("cpu_area", copy.view.cpu(0).address, "cpu", 1)],
    ["a state", (copy) => copy.patch("cpu_area", copy.view.cpu(0).address, "state", 5)],
  ],
  "Q0-offline": [
    [
      "it holds slabs",
      (copy) => copy.patch("cpu_area", copy.view.cpu(0).address, "state", CPU_FREE),
    ],
  ],
  "Q3-totals": [
    ["nr_slabs", (copy) => copy.patch("kmem_cache_node", at.node(copy).address, "nr_slabs", 1)],
    [
      "total_objects",
      (copy) => copy.patch("kmem_cache_node", at.node(copy).address, "total_objects", 1),
    ],
  ],
} as const satisfies Readonly<Record<string, readonly Plant[]>>;
