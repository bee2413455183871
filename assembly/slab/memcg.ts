/**
 * Memory control groups: charging an allocation to this CPU's group, and discharging it.
 *
 * Of an object, slab/memcg_slab.ts says where its group is written down; a large allocation has it
 * in `Page.flags`. Kernel: mm/slub.c memcg_slab_post_alloc_hook(), memcg_slab_free_hook(),
 * mm/memcontrol.c; 6.18.
 */
import { PAGE_SHIFT } from "../base/config";
import { KmemCache, Page, Slab } from "../base/layout";
import { Memcg } from "../base/layout_percpu";
import { page_slab, virt_to_page } from "../page/page";
import { cpu_area } from "../sync/percpu";
import { entry_of, obj_full_size } from "./memcg_slab";
import { charge_bytes, memcg_move, uncharge_bytes } from "./memcg_stock";

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
