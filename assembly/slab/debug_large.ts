/**
 * slab_debug on large allocations, above 8 KiB (SLUB_DEBUG builds). Ours: the kernel has none.
 *
 * ```
 * p                       bytes that were asked for: Page.slabs of the first page says how many
 * p + size                red zone, SLUB_RED_ACTIVE up to the end of the block    (SLAB_RED_ZONE)
 * ```
 * The block is chosen for LARGE_RED_BYTES more than was asked for, so that a red zone is never
 * empty; with SLAB_KEEP_ORDER it is what rounding up leaves. There is none on the left: pages are
 * page-aligned. A block that is given back is poisoned (page/page_poison.ts).
 *
 * What is no allocation of this heap is never given back, whatever the flags: going on would hand
 * the same pages out twice. Context: the caller owns the allocation, or believes so.
 */
import {
  GFP_ZERO,
  PAGE_SHIFT,
  POISON_END,
  POISON_FREE,
  SLAB_CONSISTENCY_CHECKS,
  SLAB_KEEP_ORDER,
  SLAB_POISON,
  SLAB_RED_ZONE,
  SLUB_RED_ACTIVE,
} from "../base/config";
import { PG_LARGE, PG_NONE, Page, pfn_of } from "../base/layout";
import { end_pfn } from "../page/grow";
import { page_address, page_kind, page_slab, pfn_to_page, virt_to_page } from "../page/page";
import { mark_freed, pages_of, poison_pages, was_freed } from "../page/page_poison";
import { header } from "../sync/percpu";
import {
  FIX_NOT_FREED,
  FIX_RESTORE,
  REPORT_ALREADY_FREE,
  REPORT_INVALID_POINTER,
  REPORT_RIGHT_REDZONE,
  slab_bug,
} from "../sync/slab_report";

/** Least red zone, in bytes: a line. */
const LARGE_RED_BYTES: usize = 64;

/** @returns bytes of the block. */
function block_bytes(page: Page): usize {
  return (<usize>pages_of(page)) << PAGE_SHIFT;
}

function has(flag: u32): bool {
  return (header().large_debug_flags & flag) !== 0;
}

/** Bytes of the red zone that every block has. */
function red_bytes(): usize {
  return has(SLAB_RED_ZONE) && !has(SLAB_KEEP_ORDER) ? LARGE_RED_BYTES : 0;
}

/** @returns bytes that a block for `size` bytes must have. */
export function large_room(size: usize): usize {
  return size + red_bytes();
}

/** From `size` bytes on the block is red zone. */
function set_tail(page: Page, size: usize): void {
  page.slabs = <u32>size;
  if (!has(SLAB_RED_ZONE)) return;
  memory.fill(page_address(page) + size, <u8>SLUB_RED_ACTIVE, block_bytes(page) - size);
}

/** A block was just taken for `size` bytes. */
export function large_alloc(page: Page, size: usize, gfp: u32): void {
  set_tail(page, size);
  if (!has(SLAB_POISON) || (gfp & GFP_ZERO) !== 0) return;
  const p = page_address(page);
  memory.fill(p, <u8>POISON_FREE, size - 1);
  store<u8>(p + size - 1, <u8>POISON_END);
}

/** @returns bytes usable at a large allocation. Whoever asks may use them all. */
export function large_ksize(page: Page): usize {
  const bytes = block_bytes(page) - red_bytes();
  set_tail(page, bytes);
  return bytes;
}

/** @returns bytes that were asked for. */
export function large_size(page: Page): usize {
  // A damaged word must not make a check run away.
  return min(<usize>page.slabs, block_bytes(page));
}

/**
 * Make a large allocation one of `size` bytes, if it has the room.
 *
 * @returns false, with nothing changed, if it has not
 */
export function large_resize(page: Page, size: usize, gfp: u32): bool {
  if (size > block_bytes(page) - red_bytes()) return false;
  const old = large_size(page);
  set_tail(page, size);
  const grown = size > old;
  if (grown && (gfp & GFP_ZERO) !== 0) memory.fill(page_address(page) + old, 0, size - old);
  return true;
}

/** Is the red zone as it was left? Reports and restores it if not. */
function check_tail(page: Page): bool {
  let from = page_address(page) + large_size(page);
  let to = page_address(page) + block_bytes(page);
  while (from < to && <u32>load<u8>(from) === SLUB_RED_ACTIVE) from++;
  if (from === to) return true;
  while (<u32>load<u8>(to - 1) === SLUB_RED_ACTIVE) to--;
  const at = changetype<usize>(page);
  const p = page_address(page);
  slab_bug(REPORT_RIGHT_REDZONE, 0, at, p, from, to, SLUB_RED_ACTIVE);
  slab_bug(FIX_RESTORE + REPORT_RIGHT_REDZONE, 0, at, p, from, to, SLUB_RED_ACTIVE);
  memory.fill(from, <u8>SLUB_RED_ACTIVE, to - from);
  return false;
}

/** @returns the first page of the block that `pfn` is part of. Ends: blocks have a first page. */
function block_of(pfn: u32): Page {
  const first = header().first_pfn;
  while (pfn > first && page_kind(pfn_to_page(pfn)) === PG_NONE) pfn--;
  return pfn_to_page(pfn);
}

/**
 * @returns true if `p`, in a page of the heap, was part of an allocation, large or of a slab, whose
 * pages were given back and are free. Context: any.
 */
export function is_in_freed_page(p: usize): bool {
  const kind = page_kind(block_of(pfn_of(p)));
  return kind !== PG_LARGE && page_slab(virt_to_page(p)) === 0 && was_freed(virt_to_page(p));
}

function refuse(kind: u32, p: usize): bool {
  const inside = pfn_of(p) >= header().first_pfn && pfn_of(p) < end_pfn();
  const page = inside ? changetype<usize>(virt_to_page(p)) : 0;
  slab_bug(kind, 0, page, 0, p, 0, 0);
  slab_bug(FIX_NOT_FREED, 0, page, p, 0, 0, 0);
  return false;
}

/**
 * `p`, which no slab has, is about to be given back: check it, and make it look free.
 *
 * @returns false if it is no large allocation, or, with SLAB_CONSISTENCY_CHECKS, if its red zone
 * was written over: that was reported, and it must stay as it is. Context: any.
 */
export function large_free(p: usize): bool {
  const pfn = pfn_of(p);
  if (pfn < header().first_pfn || pfn >= end_pfn()) return refuse(REPORT_INVALID_POINTER, p);
  const page = virt_to_page(p);
  if (page_kind(page) !== PG_LARGE || page_address(page) !== p) {
    return refuse(is_in_freed_page(p) ? REPORT_ALREADY_FREE : REPORT_INVALID_POINTER, p);
  }
  if (has(SLAB_CONSISTENCY_CHECKS) && has(SLAB_RED_ZONE) && !check_tail(page)) {
    slab_bug(FIX_NOT_FREED, 0, changetype<usize>(page), p, 0, 0, 0);
    return false;
  }
  if (has(SLAB_POISON)) poison_pages(page);
  else mark_freed(page);
  return true;
}
