/** Pages for the allocator's own tables: statistics, permutations, memory control groups. */
import { get_order } from "../base/bits";
import { NUMA_NO_NODE } from "../base/config";
import { PG_TABLE, Page } from "../base/layout";
import { page_address, set_page_kind } from "./page";
import { alloc_pages } from "./page_alloc";

/**
 * @param bytes 1 .. 4 MiB
 * @returns the address of as many zeros, in pages of kind PG_TABLE that free_pages() takes back;
 * 0 if there are none. Context: as alloc_pages().
 */
export function alloc_table(bytes: usize, mode: u32): usize {
  const page = alloc_pages(get_order(bytes), NUMA_NO_NODE, mode);
  if (page === 0) return 0;
  set_page_kind(changetype<Page>(page), PG_TABLE);
  changetype<Page>(page).in_hand = 0;
  const table = page_address(changetype<Page>(page));
  memory.fill(table, 0, bytes);
  return table;
}
