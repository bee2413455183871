/**
 * Q36-zones, Q36-buddies, Q36-masks: the buddy allocator of each node against the page walk.
 */
import { MAX_BLOCKS } from "../constants.js";
import { hex } from "../errors.js";
import type { PageView, ZoneView } from "../view.js";
import { walkLlist, walkPages } from "../walk.js";
import { describePage, type Inspection } from "./inspection.js";

/** Check every zone; the blocks met on a list are taken out of the inspection's notes. */
export function checkZones(inspection: Inspection): void {
  checkMerged(inspection);
  for (let node = 0; node < inspection.view.nodeCount; node++) checkZone(inspection, node);
  reportUnlisted(inspection, inspection.buddies, "a free block is on no free list");
  reportUnlisted(inspection, inspection.deferredBlocks, "a deferred block is on no deferred list");
}

/** Two free blocks of one size that make an aligned larger one should be that one. */
function checkMerged(inspection: Inspection): void {
  const { view } = inspection;
  const { MAX_PAGE_ORDER } = view.table.constants;
  for (const [pfn, order] of inspection.buddies) {
    const buddy = pfn + 2 ** order;
    const isLower = pfn % 2 ** (order + 1) === 0;
    if (order >= MAX_PAGE_ORDER || !isLower || inspection.buddies.get(buddy) !== order) continue;
    const message = `this block of order ${order} and its buddy at page ${buddy} are both free`;
    report(inspection, "Q36-buddies", view.page(pfn), message);
  }
}

function checkZone(inspection: Inspection, node: number): void {
  const { view } = inspection;
  const zone = view.zone(node);
  const { MAX_PAGE_ORDER } = view.table.constants;
  let free = 0;
  let mask = 0;
  const wholeBlocks = new Set<number>();
  for (let order = 0; order <= MAX_PAGE_ORDER; order++) {
    const pages = checkFreeList(inspection, zone, node, order);
    free += pages.length * 2 ** order;
    if (pages.length > 0) mask |= 1 << order;
    if (order === MAX_PAGE_ORDER) for (const page of pages) wholeBlocks.add(page.pfn);
  }
  const expect = (name: "nr_free" | "free_mask" | "nr_managed", expected: number) => {
    if (zone[name] === expected) return;
    const invariant = name === "free_mask" ? "Q36-masks" : "Q36-zones";
    const message = `${name} should be ${expected}, is ${zone[name]}`;
    inspection.report(invariant, `zone ${node}`, zone.address, message);
  };
  expect("nr_free", free);
  expect("free_mask", mask);
  expect("nr_managed", inspection.zonePages[node] ?? 0);
  checkBlockMap(inspection, zone, node, wholeBlocks);
  checkDeferredBlocks(inspection, zone, node);
}

/** @returns the blocks of one free list. */
function checkFreeList(
  inspection: Inspection,
  zone: ZoneView,
  node: number,
  order: number,
): PageView[] {
  const { view } = inspection;
  const where = `zone ${node}, order ${order}`;
  const first = view.u32(zone.address + view.table.offsets.zone.free_area + order * 4);
  const list = walkPages(view, first, "next");
  if (list.fault !== null) {
    inspection.report("Q36-buddies", where, list.at, `at ${hex(list.at)}: ${list.fault}`);
  }
  let previous = 0;
  const pages = list.items.map((item) => view.page(view.pfnOf(item)));
  for (const page of pages) {
    if (page.prev !== previous) {
      const message = `prev should be ${hex(previous)}, is ${hex(page.prev)}`;
      report(inspection, "Q36-buddies", page, message);
    }
    previous = page.address;
    const listed = inspection.buddies.get(page.pfn);
    if (listed === order && inspection.nodeOf(page.pfn) === node) {
      inspection.buddies.delete(page.pfn);
      continue;
    }
    const message = `the list of ${where} holds it, which is no free block of that order and node`;
    report(inspection, "Q36-buddies", page, message);
  }
  return pages;
}

function checkBlockMap(
  inspection: Inspection,
  zone: ZoneView,
  node: number,
  wholeBlocks: ReadonlySet<number>,
): void {
  const { view } = inspection;
  const { ZONE_BLOCK_MAP, MAX_PAGE_ORDER } = view.table.constants;
  const blockPages = 2 ** MAX_PAGE_ORDER;
  for (let block = 0; block < MAX_BLOCKS; block++) {
    const word = view.u32(zone.address + ZONE_BLOCK_MAP + Math.floor(block / 32) * 4);
    const isMarked = ((word >>> (block % 32)) & 1) === 1;
    if (isMarked === wholeBlocks.has(block * blockPages)) continue;
    const message = `the map says that block ${block} is ${isMarked ? "free" : "not free"}`;
    inspection.report("Q36-masks", `zone ${node}`, zone.address, message);
  }
}

function checkDeferredBlocks(inspection: Inspection, zone: ZoneView, node: number): void {
  const { view } = inspection;
  const list = walkLlist(view, zone.deferred);
  if (list.fault !== null) {
    const message = `the deferred list, at ${hex(list.at)}: ${list.fault}`;
    inspection.report("Q36-buddies", `zone ${node}`, zone.address, message);
  }
  for (const item of list.items) {
    const page = view.page(view.pfnOf(item));
    const isKnown = inspection.deferredBlocks.delete(page.pfn);
    if (isKnown && inspection.nodeOf(page.pfn) === node) continue;
    report(inspection, "Q36-buddies", page, "the deferred list holds a block that is not deferred");
  }
}

function reportUnlisted(
  inspection: Inspection,
  blocks: ReadonlyMap<number, number>,
  message: string,
): void {
  for (const pfn of blocks.keys()) {
    report(inspection, "Q36-buddies", inspection.view.page(pfn), message);
  }
}

function report(
  inspection: Inspection,
  invariant: "Q36-buddies",
  page: PageView,
  message: string,
): void {
  inspection.report(invariant, describePage(page), page.address, message);
}
