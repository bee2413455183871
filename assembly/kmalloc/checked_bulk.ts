/**
 * Many frees at once of what may be no objects: everything is looked at before anything is freed.
 *
 * An address of the slab of the one before it costs no load but its own; and whether it is there
 * twice is one bit in a register, for which only few have to be compared with others.
 */
import { slot } from "../base/bits";
import { REFUSED_DOUBLE, REFUSED_NONE } from "../base/bug";
import { KmemCache, KmemCacheCpu, Slab, pfn_of } from "../base/layout";
import { BULK_WORDS, CpuArea } from "../base/layout_percpu";
import { page_address, pfn_to_page } from "../page/page";
import { free_group } from "../slab/bulk_free";
import { check_free, refuse, zero_or_null } from "../slab/check";
import { RECIPROCAL_SHIFT } from "../slab/object";
import { free_many } from "../slab/pcs_bulk";
import { has_sheaves } from "../slab/sheaf";
import { slab_word, word_freelist, word_objects } from "../slab/slab";
import { cpu_offset, header, this_cpu } from "../sync/percpu";

/** 2^32 over the golden ratio: products of what is equally far apart are spread evenly. */
const FIBONACCI: u32 = 0x9e37_79b1;

/**
 * Free `count` allocations that may be none, all of them or none. Which were met before, up to
 * BULK_WORDS - 1 are compared; more stand in a table of open addressing behind the array, at most
 * half full: its size is the next power of two from twice the count.
 *
 * @param wanted the cache all must be of, or 0 for any
 * @param count at most 2^28; NULL and ZERO_SIZE_PTR are skipped
 * @param array count addresses, then one word, or the words of the table, whatever is in them
 * @returns REFUSED_* of the first bad one, whose index is then in the word behind the addresses.
 * Context: any.
 */
export function kfree_bulk_checked(wanted: usize, count: u32, array: usize): u32 {
  const refused = refuse_first_bad(wanted, count, array);
  if (refused !== REFUSED_NONE) return refused;
  const slab = <usize>load<u32>(slot(array, count));
  if (slab !== 0 && !has_sheaves()) free_group(changetype<Slab>(slab), count, array);
  else free_many(count, array);
  return REFUSED_NONE;
}

/**
 * Look at all, and free none. What the last page's slab tells stays in locals: nothing here
 * changes it, and an NMI only by freeing objects that are not this caller's to free.
 *
 * @returns REFUSED_*. The word behind the array is then the index; or else the slab that all are
 * of, 0 if they are of several.
 */
function refuse_first_bad(wanted: usize, count: u32, array: usize): u32 {
  const table = slot(array, count);
  const shift = count < BULK_WORDS ? 0 : clear_table(table, count);
  // Where nothing is plain, check_free() looks at each.
  const area = this_cpu;
  const is_plain = !isDefined(SLUB_DEBUG) && changetype<CpuArea>(area).preempt_count === 0;
  const plain: u32 = is_plain ? header().maximum_pages : 0;
  let last: u32 = 0xffff_ffff;
  let slabs: u32 = 0;
  let address: usize = 0;
  let start: usize = 0;
  let size: usize = 0;
  let reciprocal: u64 = 0;
  let objects: u32 = 0;
  let cpu_freelist: usize = 0;
  let slab_freelist: usize = 0;
  let seen: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const p = <usize>load<u32>(slot(array, i));
    const pfn = pfn_of(p);
    if (pfn !== last) {
      last = pfn;
      slabs++;
      objects = 0;
      address = pfn < plain ? <usize>pfn_to_page(pfn).head : 0;
      if (address !== 0) {
        const slab = changetype<Slab>(address);
        const cache = changetype<KmemCache>(<usize>slab.slab_cache);
        const c = changetype<KmemCacheCpu>(area + cpu_offset(cache));
        if (<usize>c.slab === address && is_of(cache, wanted)) {
          const state = slab_word(slab);
          start = page_address(slab);
          size = cache.size;
          reciprocal = cache.reciprocal_size;
          objects = word_objects(state);
          slab_freelist = word_freelist(state);
          cpu_freelist = <usize>c.freelist;
        }
      }
    }
    const index = <u32>((<u64>(p - start) * reciprocal) >> RECIPROCAL_SHIFT);
    const is_start = index < objects && start + <usize>index * size === p;
    let refused = REFUSED_NONE;
    if (!is_start || p === cpu_freelist || p === slab_freelist) {
      if (zero_or_null(p)) continue;
      refused = check_free(p, wanted, false);
    }
    if (refused === REFUSED_NONE) {
      const hash = <u32>p * FIBONACCI;
      const bit = (<u64>1) << (<u64>hash >> 26);
      const met =
        shift === 0
          ? (seen & bit) !== 0 && is_among(array, i, p)
          : !add_once(table, shift, hash, p);
      seen |= bit;
      if (!met) continue;
      refused = refuse(REFUSED_DOUBLE, 0, 0, p);
    }
    store<u32>(table, i);
    return refused;
  }
  store<u32>(table, slabs === 1 ? <u32>address : 0);
  return REFUSED_NONE;
}

/** Whether a cache is the one wanted. */
function is_of(cache: KmemCache, wanted: usize): bool {
  return wanted === 0 || changetype<usize>(cache) === wanted;
}

/** Whether one of the first `count` is `p`. */
function is_among(array: usize, count: u32, p: usize): bool {
  for (let index: u32 = 0; index < count; index++) {
    if (<usize>load<u32>(slot(array, index)) === p) return true;
  }
  return false;
}

/** Make the table of `count` empty. @returns 32 less the bits of its length. */
function clear_table(table: usize, count: u32): u32 {
  const shift = clz<u32>(2 * count - 1);
  memory.fill(table, 0, (<usize>4) << (32 - shift));
  return shift;
}

/**
 * Add an address to a table of 2^(32 - shift) words, from where its hash says. Ends: the table is
 * never full. @returns false if it is there.
 */
function add_once(table: usize, shift: u32, hash: u32, p: usize): bool {
  const mask: u32 = 0xffff_ffff >> shift;
  let at: u32 = hash >> shift;
  while (true) {
    const word = slot(table, at);
    const found = <usize>load<u32>(word);
    if (found === p) return false;
    if (found === 0) {
      store<u32>(word, <u32>p);
      return true;
    }
    at = (at + 1) & mask;
  }
}
