/**
 * Page descriptors: from address to descriptor and back (kernel: virt_to_page, page_address).
 *
 * A block is known by its first page: `kind` says what it is and `order` how large. The inner
 * pages have kind PG_NONE; in a slab, each page's `head` leads to the first. Whoever changes
 * `kind` or `head` owns the block at that moment; `kind` is stored atomically because a walk over
 * all pages, or a checked free, may ask about any page at any time.
 */
import { PAGE_SHIFT } from "../base/config";
import { PAGE_DESC_SHIFT, Page } from "../base/layout";
import { read_once, write_once } from "../sync/atomic";
import { mem_map } from "../sync/percpu";

/** @returns the descriptor of page frame `pfn`. */
export function pfn_to_page(pfn: u32): Page {
  return changetype<Page>(mem_map + ((<usize>pfn) << PAGE_DESC_SHIFT));
}

/** @returns the page frame number of a descriptor. */
export function page_to_pfn(page: Page): u32 {
  return <u32>((changetype<usize>(page) - mem_map) >> PAGE_DESC_SHIFT);
}

/** @returns the descriptor of the page that `address` lies in. */
export function virt_to_page(address: usize): Page {
  return pfn_to_page(<u32>(address >> PAGE_SHIFT));
}

/** @returns the address of the page's first byte. */
export function page_address(page: Page): usize {
  return (<usize>page_to_pfn(page)) << PAGE_SHIFT;
}

/** @returns PG_*. Context: any. */
export function page_kind(page: Page): u32 {
  return read_once(changetype<usize>(page) + offsetof<Page>("kind"));
}

/** Say what the block that starts here is. Context: owner of the block. */
export function set_page_kind(page: Page, kind: u32): void {
  write_once(changetype<usize>(page) + offsetof<Page>("kind"), kind);
}

/** @returns the slab that this page is part of, or 0. Context: any. */
export function page_slab(page: Page): usize {
  return <usize>read_once(changetype<usize>(page) + offsetof<Page>("head"));
}

/**
 * Make all pages of a block lead to `head` (0: none).
 *
 * Plainly, there are up to eight: whoever frees an object has it from somebody who came by the
 * slab after this. A wild address finds the old head or the new one, as it would a moment earlier
 * or later. Context: owner of the block.
 */
export function set_page_heads(first: Page, order: u32, head: usize): void {
  const base = changetype<usize>(first);
  const pages: u32 = 1 << order;
  for (let i: u32 = 0; i < pages; i++) {
    changetype<Page>(base + ((<usize>i) << PAGE_DESC_SHIFT)).head = <u32>head;
  }
}

/** Put `page` in front of the doubly linked list whose first page is stored at `list`. */
export function list_add(page: Page, list: usize): void {
  const first = load<u32>(list);
  page.next = first;
  page.prev = 0;
  if (first !== 0) changetype<Page>(first).prev = <u32>changetype<usize>(page);
  store<u32>(list, <u32>changetype<usize>(page));
}

/** Take `page` off that list. */
export function list_del(page: Page, list: usize): void {
  const next = page.next;
  const prev = page.prev;
  if (prev !== 0) changetype<Page>(prev).next = next;
  else store<u32>(list, next);
  if (next !== 0) changetype<Page>(next).prev = prev;
  page.next = 0;
  page.prev = 0;
}
