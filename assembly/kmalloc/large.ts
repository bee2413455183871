/**
 * Allocations above 8 KiB: whole pages, straight from the page allocator.
 *
 * Up to 4 MiB a block of the next order, which is aligned to its size; above that a run of
 * blocks. Kernel: mm/slub.c ___kmalloc_large_node(), free_large_kmalloc(); 6.18.
 */
import { get_order } from "../base/bits";
import {
  GFP_ACCOUNT,
  GFP_ZERO,
  LOCK_TRY,
  MAX_PAGE_ORDER,
  PAGE_SHIFT,
  PAGE_SIZE,
} from "../base/config";
import { PG_LARGE, Page } from "../base/layout";
import { page_address, set_page_kind } from "../page/page";
import { alloc_large_run, alloc_pages, free_pages } from "../page/page_alloc";
import { large_alloc, large_room } from "../slab/debug_large";
import { memcg_charge_large, memcg_uncharge_large } from "../slab/memcg";
import { rcu_serve } from "../slab/rcu_serve";
import { has_sheaves } from "../slab/sheaf";
import { reclaim_sheaves } from "../slab/reclaim";

/** No request above this can ever be met: it would overflow when rounded up to blocks. */
const LARGEST: usize = 0xffc0_0000;

/** @returns the descriptor of a block or run of `pages`, or 0: there is none. */
function alloc_run(pages: u32, order: u32, node: i32, mode: u32): usize {
  return order <= MAX_PAGE_ORDER ? alloc_pages(order, node, mode) : alloc_large_run(pages, mode);
}

/**
 * @param size bytes, more than 0
 * @param gfp __GFP_ZERO clears it, __GFP_ACCOUNT charges its pages
 * @returns page-aligned memory; 0 when out of memory or `size` is absurd.
 * Context: as alloc_pages().
 */
export function kmalloc_large(size: usize, gfp: u32, node: i32, mode: u32): usize {
  if (size > LARGEST) return 0;
  if (mode !== LOCK_TRY) rcu_serve();
  const room = isDefined(SLUB_DEBUG) ? large_room(size) : size;
  const order = get_order(room);
  const pages = <u32>((room + PAGE_SIZE - 1) >> PAGE_SHIFT);
  let address = alloc_run(pages, order, node, mode);
  // What sheaves hold is never the reason for "out of memory".
  if (has_sheaves() && address === 0 && mode !== LOCK_TRY) {
    reclaim_sheaves(mode);
    address = alloc_run(pages, order, node, mode);
  }
  if (address === 0) return 0;
  const page = changetype<Page>(address);
  page.flags = 0;
  set_page_kind(page, PG_LARGE);
  page.in_hand = 0;
  const p = page_address(page);
  if ((gfp & GFP_ACCOUNT) !== 0 && !memcg_charge_large(page)) {
    free_large(page, mode);
    return 0;
  }
  if (isDefined(SLUB_DEBUG)) large_alloc(page, size, gfp);
  if ((gfp & GFP_ZERO) !== 0) memory.fill(p, 0, size);
  return p;
}

/** Free what kmalloc_large() gave. Context: any with LOCK_TRY. */
export function free_large(page: Page, mode: u32): void {
  memcg_uncharge_large(page);
  free_pages(page, mode);
}
