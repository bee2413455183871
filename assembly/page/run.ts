/**
 * Allocations above order 10: runs of whole blocks that lie side by side.
 *
 * The zones' block maps are or-ed together (with several nodes, neighbouring blocks belong to
 * different zones) and searched for enough set bits in a row: at most 1024 bits, whatever the
 * heap holds. All zone locks are held meanwhile, taken in order of node.
 * Kernel: alloc_contig_pages() in spirit.
 */
import { BLOCK_PAGES, MAX_BLOCKS, MAX_PAGE_ORDER } from "../base/config";
import { Page, ZONE_BLOCK_MAP } from "../base/layout";
import { header } from "../sync/percpu";
import { del_from_free_area, free_one_page, hand_out, node_zone, pfn_to_nid } from "./buddy";
import { pfn_to_page } from "./page";
import { try_lock_zones, unlock_zones } from "./zones";

/** @returns bits of blocks 32 * word .. 32 * word + 31 that are wholly free. */
function free_blocks(word: u32): u32 {
  const nodes = header().nr_nodes;
  let bits: u32 = 0;
  for (let node: u32 = 0; node < nodes; node++) {
    const map = changetype<usize>(node_zone(node)) + ZONE_BLOCK_MAP;
    bits |= load<u32>(map + ((<usize>word) << 2));
  }
  return bits;
}

/** @returns the first block of `count` free ones in a row, or MAX_BLOCKS. */
function find_run(count: u32): u32 {
  let run: u32 = 0;
  for (let word: u32 = 0; word < MAX_BLOCKS >> 5; word++) {
    const bits = free_blocks(word);
    if (bits === 0) {
      run = 0;
      continue;
    }
    for (let bit: u32 = 0; bit < 32; bit++) {
      run = (bits >> bit) & 1 ? run + 1 : 0;
      if (run === count) return (word << 5) + bit + 1 - count;
    }
  }
  return MAX_BLOCKS;
}

/**
 * Take ceil(pages / 1024) blocks in a row.
 *
 * @returns the first page, kind PG_INFLIGHT and nr_pages set to the whole run; 0 if there is no
 * such run. Context: all zone locks.
 */
export function take_run(pages: u32): usize {
  const blocks = (pages + BLOCK_PAGES - 1) >> MAX_PAGE_ORDER;
  const first = find_run(blocks);
  if (first === MAX_BLOCKS) return 0;
  for (let block = first; block < first + blocks; block++) {
    const pfn = block << MAX_PAGE_ORDER;
    const zone = node_zone(pfn_to_nid(pfn));
    del_from_free_area(zone, pfn_to_page(pfn), MAX_PAGE_ORDER);
    zone.nr_free = zone.nr_free - BLOCK_PAGES;
  }
  const page = pfn_to_page(first << MAX_PAGE_ORDER);
  hand_out(page, MAX_PAGE_ORDER, blocks << MAX_PAGE_ORDER);
  return changetype<usize>(page);
}

/** Give a run back. @returns false, with nothing changed, if a lock was not to be had. */
export function free_run(first: Page, pfn: u32, mode: u32): bool {
  if (!try_lock_zones(mode)) return false;
  const end = pfn + first.nr_pages;
  first.nr_pages = 0;
  for (let at = pfn; at < end; at += BLOCK_PAGES) {
    free_one_page(node_zone(pfn_to_nid(at)), pfn_to_page(at), MAX_PAGE_ORDER);
  }
  unlock_zones();
  return true;
}
