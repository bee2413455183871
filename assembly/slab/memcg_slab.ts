/**
 * Where it is written down whom an object is charged to: at the end of its slab.
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
 * owns its object.
 */
import { PAGE_SIZE, SLAB_ACCOUNT } from "../base/config";
import { KmemCache, Slab } from "../base/layout";
import { page_address } from "../page/page";
import { obj_to_index } from "./object";

/** Bytes that an object's entry takes in its slab, and is charged for. */
export const CHARGE_BYTES: u32 = 4;

/** @returns where the slab ends: entries lie right below. */
export function slab_end(slab: Slab): usize {
  return page_address(slab) + (PAGE_SIZE << slab.order);
}

export function entry_of(cache: KmemCache, slab: Slab, object: usize): usize {
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
