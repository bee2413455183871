/**
 * Memory control groups: charging objects.
 */
import { KmemCache, Page, Slab } from "../base/layout";

/** Charge an object to this CPU's group. @returns false if the group is full. */
export function memcg_charge_object(_cache: KmemCache, _object: usize): bool {
  return true;
}

/** Discharge an object. */
export function memcg_uncharge_object(_cache: KmemCache, _slab: Slab, _object: usize): void {}

/** Charge the pages of a large allocation to this CPU's group. @returns false if it is full. */
export function memcg_charge_large(_page: Page): bool {
  return true;
}

/** Discharge them. */
export function memcg_uncharge_large(_page: Page): void {}
