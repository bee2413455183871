/**
 * Damage to memory control groups, by the law it breaks.
 */
import { SLAB_ACCOUNT } from "slablab/internal/heap/flags.js";
import type { PageView } from "slablab/internal/heap/view.js";
import { at, type Plant } from "./places.js";
import type { Snapshot } from "./snapshot.js";

const group = (copy: Snapshot) => {
  const [first] = copy.view.memcgs();
  if (first === undefined) throw new Error("expected a table of groups");
  return first;
};

/** A slab of an accounted cache, and the first of its objects that is charged, or is not. */
const entry = (copy: Snapshot, isCharged: boolean) => {
  for (const cache of copy.view.caches()) {
    if ((cache.flags & SLAB_ACCOUNT) === 0) continue;
    for (const slab of copy.view.slabs(cache.address)) {
      const found = entries(copy, slab).find((each) => (copy.view.u32(each) !== 0) === isCharged);
      if (found !== undefined) return found;
    }
  }
  throw new Error("expected an object of an accounted cache");
};

const entries = (copy: Snapshot, slab: PageView) =>
  Array.from({ length: slab.objects }, (_, index) => copy.view.chargeEntry(slab, index));

const large = (copy: Snapshot) => {
  for (let pfn = copy.view.header().first_pfn; pfn < copy.view.endPfn; pfn++) {
    const page = copy.view.page(pfn);
    if (page.kind === 4 && page.flags !== 0) return page;
  }
  throw new Error("expected a large allocation that is charged");
};

export const MEMCG_DAMAGE = {
  "Q38-charges": [
    ["a free object", (copy) => copy.set(entry(copy, false), group(copy).address)],
    ["no group at all", (copy) => copy.set(entry(copy, true), 0x1234)],
    ["a group that is gone", (copy) => copy.set(entry(copy, true), group(copy).address + 64)],
    ["a large one of no group", (copy) => copy.patch("page", large(copy).address, "flags", 1)],
  ],
  "Q39-memcg": [
    ["a charge lost", (copy) => copy.set(entry(copy, true), 0)],
    ["a large charge lost", (copy) => copy.patch("page", large(copy).address, "flags", 0)],
    [
      "a page too many",
      (copy) => copy.patch("memcg", group(copy).address, "usage_pages", (n) => n + 1),
    ],
    [
      "bytes moved from a stock by half",
      (copy) => copy.patch("memcg_stock", copy.view.stock(0).address, "bytes", (n) => n - 4),
    ],
    [
      "free bytes that nobody charged",
      (copy) => copy.patch("memcg", group(copy).address, "nr_charged_bytes", (n) => n + 4),
    ],
    [
      "a stock of more than a page",
      (copy) => copy.patch("memcg_stock", copy.view.stock(1).address, "bytes", 4096),
    ],
    ["no most", (copy) => copy.patch("memcg", group(copy).address, "max_usage_pages", 0)],
    ["a table elsewhere", (copy) => copy.patchHeader("memcg_table", at.cpuSlab(copy).start)],
    [
      "a CPU whose group is gone",
      (copy) => copy.patch("cpu_area", copy.view.cpu(0).address, "memcg", group(copy).address + 64),
    ],
  ],
} as const satisfies Readonly<Record<string, readonly Plant[]>>;
