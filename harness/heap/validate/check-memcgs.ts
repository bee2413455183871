/**
 * Q38-charges, Q39-memcg: what memory control groups are charged, and for what.
 *
 * The only place that adds up every charge by itself: from the entries at the end of each slab of
 * a cache with SLAB_ACCOUNT, and from the descriptors of large allocations. Entries of the table
 * that are not in use keep the law too: a removed group may have left bytes in stocks.
 */
import { PG_TABLE } from "../constants.js";
import { hex } from "../errors.js";
import { SLAB_ACCOUNT } from "../flags.js";
import type { MemcgView } from "../view.js";
import {
  describePage,
  describeSlab,
  type Inspection,
  isMarkedForReaders,
  type SlabRecord,
} from "./inspection.js";

/** What an object's entry takes in its slab, and is charged for. */
const CHARGE_BYTES = 4;

/** Compare each group's counts with the sum over all objects, pages and stocks. */
export function checkMemcgs(inspection: Inspection): void {
  const { view } = inspection;
  const charged = new Map<number, number>();
  const add = (group: number, bytes: number) =>
    charged.set(group, (charged.get(group) ?? 0) + bytes);
  for (const slab of inspection.slabs.values()) {
    if ((slab.cache.flags & SLAB_ACCOUNT) !== 0) addSlab(inspection, slab, add);
  }
  for (const page of inspection.chargedPages) {
    const pages = page.nr_pages !== 0 ? page.nr_pages : 2 ** page.order;
    if (exists(inspection, page.flags)) add(page.flags, pages * pageBytes(inspection));
    else reportCharge(inspection, describePage(page), page.address, page.flags);
  }
  checkStocks(inspection);
  const { memcg_table } = view.header();
  if (memcg_table === 0) return;
  const pfn = view.pfnAt(memcg_table);
  if (pfn < 0 || view.kind(pfn) !== PG_TABLE) {
    const message = `memcg_table should be a table page, is ${hex(memcg_table)}`;
    inspection.report("Q39-memcg", "header", view.base, message);
    return;
  }
  for (const group of view.memcgs()) checkGroup(inspection, group, charged.get(group.address) ?? 0);
}

/** Add up the entries of one slab; those of free objects must be 0. */
function addSlab(
  inspection: Inspection,
  slab: SlabRecord,
  add: (group: number, bytes: number) => void,
): void {
  const { view } = inspection;
  for (let index = 0; index < slab.page.objects; index++) {
    const entry = view.chargeEntry(slab.page, index);
    const group = view.u32(entry);
    if (group === 0) continue;
    const mark = slab.marks[index];
    if (mark !== 0 && !isMarkedForReaders(mark)) {
      const message = `object ${index} is free, but charged to ${nameOf(inspection, group)}`;
      inspection.report("Q38-charges", describeSlab(slab), entry, message);
    }
    if (exists(inspection, group)) add(group, slab.cache.size + CHARGE_BYTES);
    else reportCharge(inspection, `object ${index} in ${describeSlab(slab)}`, entry, group);
  }
}

function exists(inspection: Inspection, group: number): boolean {
  return inspection.view.memcgAt(group)?.state === 1;
}

function nameOf(inspection: Inspection, group: number): string {
  const found = inspection.view.memcgAt(group);
  return found === undefined ? hex(group) : `group ${found.number}`;
}

function reportCharge(inspection: Inspection, where: string, address: number, group: number): void {
  const message = `it is charged to ${nameOf(inspection, group)}, which does not exist`;
  inspection.report("Q38-charges", where, address, message);
}

function checkStocks(inspection: Inspection): void {
  const { view } = inspection;
  for (let cpu = 0; cpu < view.cpuCount; cpu++) {
    const { address, memcg, bytes } = view.stock(cpu);
    const report = (message: string) =>
      inspection.report("Q39-memcg", `stock of cpu ${cpu}`, address, message);
    if (bytes >= pageBytes(inspection)) report(`it should hold less than a page, holds ${bytes}`);
    if (bytes !== 0 && view.memcgAt(memcg) === undefined) report(`${hex(memcg)} is no group`);
    const current = view.cpu(cpu).memcg;
    if (current !== 0 && !exists(inspection, current)) {
      report(`the CPU's group, ${nameOf(inspection, current)}, does not exist`);
    }
  }
}

function checkGroup(inspection: Inspection, group: MemcgView, objects: number): void {
  const where = `group ${group.number}${group.state === 0 ? "" : ` (${group.name})`}`;
  const report = (message: string) => inspection.report("Q39-memcg", where, group.address, message);
  const stocks = inspection.view.stockBytesOf(group.address);
  const usage = group.usage_pages * pageBytes(inspection);
  const sum = group.nr_charged_bytes + stocks + objects;
  if (usage !== sum) {
    report(
      `${group.usage_pages} pages should be ${group.nr_charged_bytes} free bytes, ${stocks} in ` +
        `stocks and ${objects} of objects, which are ${sum} bytes`,
    );
  }
  if (group.nr_charged_bytes >= pageBytes(inspection)) {
    report(`less than a page should be free, found ${group.nr_charged_bytes} bytes`);
  }
  if (group.state === 0) return;
  if (group.max_usage_pages < group.usage_pages || group.max_usage_pages > group.limit_pages) {
    const { usage_pages, max_usage_pages, limit_pages } = group;
    report(
      `${usage_pages} <= ${max_usage_pages} <= ${limit_pages} should hold: usage, most, limit`,
    );
  }
}

function pageBytes(inspection: Inspection): number {
  return 2 ** inspection.view.table.constants.PAGE_SHIFT;
}
