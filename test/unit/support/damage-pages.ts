/**
 * Damage to the header, the cache table, the pages and the page allocator, by the law it breaks.
 */
import { PG_BUDDY, PG_INFLIGHT, PG_PCP, PG_RCU } from "slablab/internal/heap/constants.js";
import { at, largest, type Plant } from "./places.js";

/** What the damaged heap leaves to others. */
export const RESERVE_BYTES = 65536;

export const PAGE_DAMAGE = {
  "Q0-header": [
    ["the magic", (copy) => copy.patchHeader("magic", 4)],
    ["self", (copy) => copy.patchHeader("self", 4)],
    ["the ABI version", (copy) => copy.patchHeader("abi_version", 1)],
    ["options that are none", (copy) => copy.patchHeader("options", 2 ** 20)],
    ["a reserve that ends elsewhere", (copy) => copy.patchHeader("reserve_bytes", 2 ** 20)],
    ["a word that no field has", (copy) => copy.set(copy.view.base + 1020, 1)],
    ["boot", (copy) => copy.patchHeader("boot", 3)],
    ["no CPUs", (copy) => copy.patchHeader("nr_cpu_ids", 0)],
    ["too many nodes", (copy) => copy.patchHeader("nr_nodes", 77)],
    ["mem_map elsewhere", (copy) => copy.patchHeader("mem_map", 64)],
    ["end_pfn outside the memory", (copy) => copy.patchHeader("end_pfn", 2 ** 30)],
    ["a place that no arm has", (copy) => copy.patchHeader("defer_place", 40)],
    ["a trigger that no arm has", (copy) => copy.patchHeader("defer_trigger", 7)],
  ],
  "Q0-guard": [["its first byte", (copy) => copy.set(RESERVE_BYTES, 0x5a5a5a00)]],
  "Q0-cache": [
    ["size", (copy) => copy.patch("kmem_cache", at.cache(copy).address, "size", (n) => n + 8)],
    ["offset", (copy) => copy.patch("kmem_cache", at.cache(copy).address, "offset", 64)],
    ["objects", (copy) => copy.patch("kmem_cache", at.cache(copy).address, "oo", (n) => n + 1)],
    ["index", (copy) => copy.patch("kmem_cache", at.cache(copy).address, "index", 1)],
    ["state", (copy) => copy.patch("kmem_cache", at.cache(copy).address, "state", 9)],
    [
      "reciprocal_size",
      (copy) => copy.patch("kmem_cache", at.cache(copy).address, "reciprocal_size", (n) => n ^ 1),
    ],
    [
      "a name twice",
      (copy) => {
        const { name } = copy.view.table.offsets.kmem_cache;
        const other = copy.cache("kmalloc-96").address + name;
        for (let i = 0; i < 32; i += 4) {
          copy.set(other + i, copy.view.u32(at.cache(copy).address + name + i));
        }
      },
    ],
  ],
  "Q37-stats": [
    ["elsewhere", (copy) => copy.patch("kmem_cache", at.cache(copy).address, "stat_base", 4096)],
  ],
  "Q36-pages": [
    ["no kind", (copy) => copy.patch("page", at.fullSlab(copy).address, "kind", 0)],
    ["an unknown kind", (copy) => copy.patch("page", at.fullSlab(copy).address, "kind", 99)],
    ["in flight", (copy) => copy.patch("page", at.fullSlab(copy).address, "kind", PG_INFLIGHT)],
    ["order", (copy) => copy.patch("page", at.block(copy, PG_BUDDY).address, "order", 20)],
    ["a head", (copy) => copy.patch("page", at.fullSlab(copy).address, "head", 64)],
    [
      "a block inside another",
      (copy) => {
        const slab = copy.slab("kmalloc-1k", ({ order }) => order > 0);
        copy.patch("page", slab.address + 64, "kind", PG_BUDDY);
      },
    ],
    [
      "a cache that is none",
      (copy) => copy.patch("page", at.fullSlab(copy).address, "slab_cache", 8),
    ],
  ],
  "Q36-zones": [
    ["nr_free", (copy) => copy.patch("zone", copy.view.zone(0).address, "nr_free", (n) => n + 1)],
    ["nr_managed", (copy) => copy.patch("zone", copy.view.zone(0).address, "nr_managed", 5)],
  ],
  "Q36-buddies": [
    ["a list cut off", (copy) => copy.set(at.freeArea(copy, at.block(copy, PG_BUDDY).order), 0)],
    [
      "a circle",
      (copy) => {
        const { address } = at.block(copy, PG_BUDDY);
        copy.patch("page", address, "next", address);
      },
    ],
    ["prev", (copy) => copy.patch("page", at.block(copy, PG_BUDDY).address, "prev", 64)],
    [
      "a list that leaves the memory",
      (copy) => copy.patch("page", at.block(copy, PG_BUDDY).address, "next", 2 ** 32 - 64),
    ],
    [
      "buddies that were not merged",
      (copy) => {
        const whole = copy.pageAt(copy.view.u32(at.freeArea(copy, 8)) || largest(copy));
        const half = copy.view.page(whole.pfn + 2 ** (whole.order - 1));
        for (const { address } of [whole, half]) {
          copy.patch("page", address, "order", whole.order - 1);
          copy.patch("page", address, "kind", PG_BUDDY);
        }
      },
    ],
  ],
  "Q36-masks": [
    ["free_mask", (copy) => copy.patch("zone", copy.view.zone(0).address, "free_mask", 0)],
    [
      "the block map",
      (copy) => copy.set(copy.view.zone(0).address + copy.view.table.constants.ZONE_BLOCK_MAP, 1),
    ],
  ],
  "Q38-rcu": [
    [
      "a page that waits on no list",
      (copy) => copy.patch("page", at.block(copy, PG_BUDDY).address, "kind", PG_RCU),
    ],
    ["an even period", (copy) => copy.patch("heap_header", copy.view.base, "rcu_gp", 4)],
    [
      "a reader that reads nothing",
      (copy) => copy.patch("rcu_data", copy.view.rcu(0).address, "reader", 1),
    ],
    [
      "a list of something else",
      (copy) => {
        const [queue] = copy.view.rcuQueues();
        copy.patch("rcu_queue", queue?.address ?? 0, "open", at.fullSlab(copy).address);
      },
    ],
  ],
  "Q36-pcp": [
    [
      "a count",
      (copy) => copy.patch("cpu_area", copy.view.cpu(0).address, "pcp_count", (n) => n + 1),
    ],
    [
      "a page of none",
      (copy) => copy.patch("page", at.block(copy, PG_BUDDY).address, "kind", PG_PCP),
    ],
    [
      "a page that is not free",
      (copy) =>
        copy.patch("cpu_area", copy.view.cpu(2).address, "pcp_list", at.fullSlab(copy).address),
    ],
  ],
} as const satisfies Readonly<Record<string, readonly Plant[]>>;
