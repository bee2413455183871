/**
 * Memory control groups: what is charged, and where it is written down.
 *
 * An object is charged its size and four bytes: the entry that says whom it was charged to. The
 * entries of a slab, one per object (address of the Memcg, 0 = nobody), lie at the slab's end, the
 * first object's last, so that an entry's place needs no count of objects:
 *
 * ```
 * | object 0 | object 1 | ... | unused | ... | entry 1 | entry 0 |
 * ```
 * They need no allocation of their own, which could fail, recurse, or have to be made where
 * nobody may wait (docs/decisions/005-charge-vector-in-the-slab.md). An entry belongs to whoever
 * owns its object. A large allocation has its group in `Page.flags`.
 * Kernel: mm/slub.c memcg_slab_post_alloc_hook(), memcg_slab_free_hook(), mm/memcontrol.c; 6.18.
 */
import { PAGE_SHIFT, PAGE_SIZE, SLAB_ACCOUNT } from "../base/config";
import { KmemCache, Page, Slab } from "../base/layout";
import { Memcg } from "../base/layout_percpu";
import { page_address, page_slab, virt_to_page } from "../page/page";
import { cpu_area } from "../sync/percpu";
import { charge_bytes, memcg_move, uncharge_bytes } from "./memcg_stock";
import { obj_to_index } from "./object";

/** Bytes that an object's entry takes in its slab, and is charged for. */
export const CHARGE_BYTES: u32 = 4;

/** @returns where the slab ends: entries lie right below. */
export function slab_end(slab: Slab): usize {
  return page_address(slab) + (PAGE_SIZE << slab.order);
}

function entry_of(cache: KmemCache, slab: Slab, object: usize): usize {
  return slab_end(slab) - (<usize>obj_to_index(cache, slab, object) + 1) * CHARGE_BYTES;
}

/** @returns what an object is charged, in bytes. Kernel: obj_full_size(), 6.18. */
export function obj_full_size(cache: KmemCache): u32 {
  return cache.size + CHARGE_BYTES;
}

/** Clear the entries of a new slab. */
export function memcg_init_slab(cache: KmemCache, slab: Slab, objects: u32): void {
  if ((cache.flags & SLAB_ACCOUNT) === 0) return;
  const bytes = <usize>objects * CHARGE_BYTES;
  memory.fill(slab_end(slab) - bytes, 0, bytes);
}

/** Charge bytes to this CPU's group, if any, and write it down. @returns false if it is full. */
function charge_entry(entry: usize, bytes: u32): bool {
  const memcg = cpu_area().memcg;
  if (memcg === 0) return true;
  memcg_move();
  const charged = charge_bytes(changetype<Memcg>(<usize>memcg), bytes);
  if (charged) store<u32>(entry, memcg);
  memcg_move();
  return charged;
}

/** Discharge what is written down, if anything is. */
function uncharge_entry(entry: usize, bytes: u32): void {
  const memcg = load<u32>(entry);
  if (memcg === 0) return;
  memcg_move();
  store<u32>(entry, 0);
  uncharge_bytes(changetype<Memcg>(<usize>memcg), bytes);
  memcg_move();
}

/**
 * Charge an object of a cache with SLAB_ACCOUNT to this CPU's group, if it has one.
 *
 * @returns false if the group is full. Context: any; the caller owns the object.
 */
export function memcg_charge_object(cache: KmemCache, object: usize): bool {
  const slab = changetype<Slab>(page_slab(virt_to_page(object)));
  return charge_entry(entry_of(cache, slab, object), obj_full_size(cache));
}

/** Discharge an object of a cache with SLAB_ACCOUNT. Context: any; the caller owns the object. */
export function memcg_uncharge_object(cache: KmemCache, slab: Slab, object: usize): void {
  uncharge_entry(entry_of(cache, slab, object), obj_full_size(cache));
}

/** @returns bytes of the pages of a large allocation. */
export function large_bytes(page: Page): u32 {
  const pages = page.nr_pages !== 0 ? page.nr_pages : (<u32>1) << page.order;
  return pages << PAGE_SHIFT;
}

/** Charge the pages of a large allocation to this CPU's group. @returns false if it is full. */
export function memcg_charge_large(page: Page): bool {
  return charge_entry(changetype<usize>(page) + offsetof<Page>("flags"), large_bytes(page));
}

/** Discharge them, if anybody was charged. */
export function memcg_uncharge_large(page: Page): void {
  uncharge_entry(changetype<usize>(page) + offsetof<Page>("flags"), large_bytes(page));
}
