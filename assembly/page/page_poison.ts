/**
 * What free pages were before (SLUB_DEBUG builds); with slab_debug=P those of large allocations
 * must not change.
 *
 * Each of these is filled with POISON_FREE when it is given back and carries a mark in
 * `Page.slabs`, a word that nothing uses while a page is free. Whoever gets the page next looks,
 * before anything else does, whether all of it is as it was left: if not, somebody wrote after the
 * free. Merging and splitting blocks leaves content and marks alone, and all pages are handed out
 * through unpoison_pages().
 * Context of everything here: the caller owns the pages. Kernel: mm/page_poison.c, 6.18.
 */
import { PAGE_SIZE, POISON_FREE } from "../base/config";
import { PAGE_DESC_SHIFT, Page } from "../base/layout";
import { FIX_RESTORE, REPORT_POISON, slab_bug } from "../sync/slab_report";
import { page_address } from "./page";

/** The page is POISON_FREE all over. */
const PAGE_POISONED: u32 = 0xffff_ffff;
/** The page was part of an allocation; nothing is known of its content. */
const PAGE_FREED: u32 = 0xffff_fffe;
const POISON_WORDS: u64 = 0x6b6b_6b6b_6b6b_6b6b;

/** @returns pages of the block that `first` heads. */
export function pages_of(first: Page): u32 {
  return first.nr_pages !== 0 ? first.nr_pages : (<u32>1) << first.order;
}

function page_at(first: Page, index: u32): Page {
  return changetype<Page>(changetype<usize>(first) + ((<usize>index) << PAGE_DESC_SHIFT));
}

function mark_pages(first: Page, mark: u32): void {
  const pages = pages_of(first);
  for (let i: u32 = 0; i < pages; i++) page_at(first, i).slabs = mark;
}

/** Fill a block that is about to be free, and mark its pages. */
export function poison_pages(first: Page): void {
  memory.fill(page_address(first), <u8>POISON_FREE, <usize>pages_of(first) * PAGE_SIZE);
  mark_pages(first, PAGE_POISONED);
}

/** Mark the pages of a block that is about to be free: a second free is told from others. */
export function mark_freed(first: Page): void {
  mark_pages(first, PAGE_FREED);
}

/** @returns true if `page`, which is free, was part of an allocation before. */
export function was_freed(page: Page): bool {
  return page.slabs >= PAGE_FREED;
}

/** Report and restore what was written into a poisoned page. */
function check_page(page: Page): void {
  const start = page_address(page);
  const end = start + PAGE_SIZE;
  let from = start;
  while (from < end && load<u64>(from) === POISON_WORDS) from += 8;
  if (from === end) return;
  let to = end;
  while (<u32>load<u8>(from) === POISON_FREE) from++;
  while (<u32>load<u8>(to - 1) === POISON_FREE) to--;
  const at = changetype<usize>(page);
  slab_bug(REPORT_POISON, 0, at, 0, from, to, POISON_FREE);
  slab_bug(FIX_RESTORE + REPORT_POISON, 0, at, 0, from, to, POISON_FREE);
  memory.fill(from, <u8>POISON_FREE, to - from);
}

/** Look into the pages of a block that was just taken, and take the marks off. @returns `first` */
export function unpoison_pages(first: usize): usize {
  if (first === 0) return 0;
  const block = changetype<Page>(first);
  const pages = pages_of(block);
  for (let i: u32 = 0; i < pages; i++) {
    const page = page_at(block, i);
    if (page.slabs < PAGE_FREED) continue;
    if (page.slabs === PAGE_POISONED) check_page(page);
    page.slabs = 0;
  }
  return first;
}
