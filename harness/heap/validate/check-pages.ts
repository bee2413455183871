/**
 * Q36-pages: every page of the heap belongs to exactly one block of a known kind.
 *
 * The walk goes from block to block by the size each first page claims; whatever the blocks are
 * supposed to be for is noted here and checked by the walks over lists that follow.
 */
import {
  PAGE_KINDS,
  PG_BUDDY,
  PG_DEFERRED,
  PG_HOLE,
  PG_INFLIGHT,
  PG_LARGE,
  PG_NONE,
  PG_PCP,
  PG_RCU,
  PG_SLAB,
} from "../constants.js";
import { hex } from "../errors.js";
import type { CacheView, PageView } from "../view.js";
import { describePage, type Inspection } from "./inspection.js";

/** Walk all pages and note slabs, free blocks and page counts in the inspection. */
export function checkPages(inspection: Inspection, caches: Map<number, CacheView>): void {
  const { view } = inspection;
  const end = view.endPfn;
  for (let pfn = view.header().first_pfn; pfn < end; ) {
    const page = view.page(pfn);
    let pages = blockPages(page, view.table.constants.MAX_PAGE_ORDER);
    const fault = faultOf(page, pages, end);
    if (fault !== null) {
      report(inspection, page, fault);
      // Only this page can be judged; the next may head a block again.
      pages = 1;
    } else {
      noteBlock(inspection, page, caches);
      checkInnerPages(inspection, page, pages);
    }
    if (page.kind !== PG_HOLE) countPages(inspection, pfn, pages);
    pfn += pages;
  }
}

/** Pages of the block that `page` heads; 0 if its fields cannot say. */
function blockPages(page: PageView, maxOrder: number): number {
  const isRun = page.kind === PG_HOLE || (page.kind === PG_LARGE && page.nr_pages !== 0);
  if (isRun) return page.nr_pages;
  return page.order <= maxOrder ? 2 ** page.order : 0;
}

function faultOf(page: PageView, pages: number, end: number): string | null {
  if (page.kind === PG_NONE) return "no block has this page";
  if (page.kind === PG_INFLIGHT) return "the page was handed out and never put to use";
  if (PAGE_KINDS[page.kind] === undefined) return `there is no kind ${page.kind}`;
  if (pages === 0) return `there is no order ${page.order}`;
  if (page.pfn + pages > end) return `the block of ${pages} pages ends outside the heap`;
  const isAligned = page.kind === PG_HOLE || page.pfn % 2 ** page.order === 0;
  return isAligned ? null : `a block of order ${page.order} cannot start here`;
}

function noteBlock(inspection: Inspection, page: PageView, caches: Map<number, CacheView>): void {
  if (page.kind === PG_BUDDY) inspection.buddies.set(page.pfn, page.order);
  if (page.kind === PG_PCP) inspection.pcpBlocks.set(page.pfn, page.order);
  if (page.kind === PG_DEFERRED) inspection.deferredBlocks.set(page.pfn, page.order);
  if (page.kind === PG_LARGE && page.flags !== 0) inspection.chargedPages.push(page);
  if (page.kind === PG_RCU) inspection.rcuBlocks.add(page.pfn);
  if (page.kind !== PG_SLAB) return;
  const cache = caches.get(page.slab_cache);
  if (cache === undefined) {
    // A cache with findings of its own was reported already.
    const isKnown = inspection.view.cacheIndexOf(page.slab_cache) >= 0;
    const index = inspection.view.cacheIndexOf(page.slab_cache);
    if (isKnown && inspection.view.cache(index).state !== 0) return;
    report(inspection, page, `slab_cache ${hex(page.slab_cache)} is no cache that exists`);
    return;
  }
  checkShape(inspection, page, cache);
}

/** A slab has the preferred shape of its cache or the smallest. */
function checkShape(inspection: Inspection, page: PageView, cache: CacheView): void {
  const isPreferred = page.order === cache.order && page.objects === cache.objects;
  const isSmallest = page.order === cache.minOrder && page.objects === cache.minObjects;
  if (!isPreferred && !isSmallest) {
    const where = `page ${page.pfn} (${cache.name})`;
    const message =
      `expected ${cache.objects} objects in order ${cache.order} or ${cache.minObjects} in ` +
      `order ${cache.minOrder}, found ${page.objects} in order ${page.order}`;
    inspection.report("O2-counters", where, page.address, message);
  }
  // The census goes by what fits: a damaged count must not make it read past the slab.
  const objects = page.order === cache.order ? cache.objects : cache.minObjects;
  const shaped = page.objects === objects ? page : { ...page, objects };
  const marks = new Uint8Array(objects);
  const counts = { freeCount: 0, marked: 0 };
  inspection.slabs.set(page.address, { page: shaped, cache, homes: [], marks, ...counts });
}

/** The inner pages of a block head nothing; those of a slab lead to its first. */
function checkInnerPages(inspection: Inspection, first: PageView, pages: number): void {
  const { view } = inspection;
  const { kind, head } = view.table.offsets.page;
  const expected = first.kind === PG_SLAB ? first.address : 0;
  // Nobody writes the descriptors of a hole.
  if (first.kind === PG_HOLE) return;
  for (let pfn = first.pfn; pfn < first.pfn + pages; pfn++) {
    const descriptor = view.descriptor(pfn);
    const foundKind = view.u32(descriptor + kind);
    if (pfn !== first.pfn && foundKind !== PG_NONE) {
      const name = PAGE_KINDS[foundKind] ?? `kind ${foundKind}`;
      report(inspection, first, `page ${pfn} inside the block heads another (${name})`);
    }
    const foundHead = view.u32(descriptor + head);
    if (foundHead !== expected) {
      const message = `head of page ${pfn} should be ${hex(expected)}, is ${hex(foundHead)}`;
      report(inspection, first, message);
    }
  }
}

function countPages(inspection: Inspection, pfn: number, pages: number): void {
  const blockSize = 2 ** inspection.view.table.constants.MAX_PAGE_ORDER;
  for (let at = pfn; at < pfn + pages; ) {
    const blockEnd = (Math.floor(at / blockSize) + 1) * blockSize;
    const next = Math.min(blockEnd, pfn + pages);
    const node = inspection.nodeOf(at);
    inspection.zonePages[node] = (inspection.zonePages[node] ?? 0) + next - at;
    at = next;
  }
}

function report(inspection: Inspection, page: PageView, message: string): void {
  inspection.report("Q36-pages", describePage(page), page.address, message);
}
