/**
 * Q0-header: whether the header is what boot wrote, and fits the memory. Q0-guard: whether what
 * lies below it kept to its reserve.
 *
 * Everything else is read through the header, so a heap whose header fails is not walked any
 * further; a guard that was written over says who it may have been.
 */
import { hex } from "../errors.js";
import { brokenGuard, headerFaults, strayWords } from "../header.js";
import type { Inspection } from "./inspection.js";

/** @returns true if the header is sound enough to walk the heap by it. */
export function checkHeader(inspection: Inspection): boolean {
  const { view } = inspection;
  const faults = headerFaults(view);
  const report = (message: string, address = view.base) =>
    inspection.report("Q0-header", "heap header", address, message);
  for (const fault of faults) report(fault);
  // Where the reserve ends is known only from a header that is sound.
  if (faults.length === 0) checkGuard(inspection);
  const states = faults.length === 0 ? stateFaults(inspection) : [];
  for (const fault of states) report(fault);
  for (const word of faults.length === 0 ? strayWords(view) : []) {
    report(`the word at ${hex(word)}, which no field has, should be 0, is ${view.u32(word)}`, word);
  }
  return faults.length + states.length === 0;
}

function checkGuard(inspection: Inspection): void {
  const { view } = inspection;
  const broken = brokenGuard(view);
  if (broken === null) return;
  const { reserve_bytes } = view.header();
  const message =
    `the page above the reserve should be untouched, was written to at ${hex(broken)}: a program ` +
    `outgrew its ${reserve_bytes} bytes; look at its data and stack, or reserve more`;
  inspection.report("Q0-guard", "reserve", broken, message);
}

/** What of the header changes: growth and the tables that came later. */
function stateFaults({ view }: Inspection): string[] {
  const { nr_caches, max_caches, end_pfn, first_pfn, maximum_pages } = view.header();
  const { cg_caches, memcg_table, grow_end } = view.header();
  const { NR_KMALLOC_CACHES, PAGE_SHIFT } = view.table.constants;
  const faults: string[] = [];
  const between = (what: string, low: number, high: number, is: number) => {
    if (!(is >= low && is <= high)) faults.push(`${what} should be ${low}..${high}, is ${is}`);
  };
  between("nr_caches", NR_KMALLOC_CACHES, max_caches, nr_caches);
  const pages = Math.floor(view.byteLength / 2 ** PAGE_SHIFT);
  between("end_pfn", first_pfn, Math.min(maximum_pages, pages), end_pfn);
  if (grow_end !== 0) faults.push(`grow_end should be 0 at rest, is ${grow_end}`);
  if (cg_caches !== 0) {
    const last = nr_caches - NR_KMALLOC_CACHES;
    between("cg_caches", NR_KMALLOC_CACHES - 1, last, cg_caches);
  }
  if (memcg_table !== 0 && view.pfnAt(memcg_table) < 0) {
    faults.push(`memcg_table should lie in the heap's pages, is ${hex(memcg_table)}`);
  }
  return faults;
}
