/** Small arithmetic on sizes, orders and arrays. Pure functions; kernel: include/linux/log2.h. */
import { PAGE_SHIFT } from "./config";

/** @returns the position of the highest set bit, counted from 1; 0 for 0. */
export function fls(value: u32): u32 {
  return 32 - clz<u32>(value);
}

/** @returns floor(log2(value)); value must not be 0. */
export function ilog2(value: u32): u32 {
  return 31 - clz<u32>(value);
}

/** @returns the smallest order whose block holds `bytes` (1 .. 2^32-1). */
export function get_order(bytes: usize): u32 {
  return fls(<u32>((bytes - 1) >> PAGE_SHIFT));
}

/** @returns ceil(dividend / divisor). */
export function div_round_up(dividend: u32, divisor: u32): u32 {
  return (dividend + divisor - 1) / divisor;
}

/** @returns the address of element `index` of the u32 array at `array`. */
export function slot(array: usize, index: u32): usize {
  return array + ((<usize>index) << 2);
}
