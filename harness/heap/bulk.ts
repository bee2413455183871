/**
 * Many objects with one call into the wasm, through a temporary array in the heap itself.
 *
 * The array costs four bytes per object for the time of the call. Allocation is all or nothing,
 * the array included. Freeing checks every pointer first and then cannot fail: without memory
 * for the array, and for large allocations, it frees one by one.
 */
import { isUnsigned, unsigned } from "./abi.js";
import { REFUSED_DOUBLE, REFUSED_FOREIGN } from "./constants.js";
import { type CpuState, checkAlive, checkObject, throwRefused } from "./cpu-state.js";
import { describe, throwNotInteger } from "./errors.js";
import { GFP_KERNEL, ZERO_SIZE_PTR } from "./flags.js";
import { slabAt } from "./walk.js";

/** Larger objects come from no kmalloc cache. */
const KMALLOC_MAX_CACHE_SIZE = 8192;
const PAGE_BYTES = 4096;

/**
 * Fill an array by one wasm call.
 *
 * @param fill writes `count` addresses to `array` and returns count, or 0 with nothing allocated
 * @returns the addresses; empty on failure
 */
export function allocBulk(
  state: CpuState,
  count: number,
  fill: (array: number) => number,
): Uint32Array {
  checkAlive(state);
  const bytes = count * 4;
  if (count === 0 || !isUnsigned(bytes)) return new Uint32Array(0);
  const array = unsigned(state.calls.kmalloc(bytes, GFP_KERNEL));
  if (array === 0) return new Uint32Array(0);
  const filled = fill(array);
  // Copied before the array is freed: its words are links afterwards.
  const pointers = new Uint32Array(state.memory.buffer, array, filled).slice();
  state.calls.kfree_checked(array);
  return pointers;
}

/** kmalloc() `count` times; sizes that have no cache one by one. */
export function kmallocBulk(
  state: CpuState,
  size: number,
  count: number,
  flags: number,
): Uint32Array {
  checkAlive(state);
  const { calls } = state;
  if (size === 0 && count <= 2 ** 24) return new Uint32Array(count).fill(ZERO_SIZE_PTR);
  if (size > 0 && size <= KMALLOC_MAX_CACHE_SIZE) {
    return allocBulk(state, count, (array) => calls.kmalloc_bulk(size, flags, count, array));
  }
  const pointers: number[] = [];
  while (pointers.length < count) {
    const pointer = unsigned(calls.kmalloc(size, flags));
    if (pointer === 0) {
      for (const each of pointers) calls.kfree_checked(each);
      return new Uint32Array(0);
    }
    pointers.push(pointer);
  }
  return Uint32Array.from(pointers);
}

/** What pointers a bulk free takes, and for whom it takes them. */
export interface BulkFree {
  readonly call: string;
  /** The cache all of them must be of, by address and name; null: any. */
  readonly cache: { readonly address: number; readonly name: string } | null;
}

/**
 * Free all of `pointers`, or, if one of them may not be freed, none.
 *
 * @throws SlabError for such a pointer, TypeError or RangeError for what is no pointer
 */
export function freeBulk(state: CpuState, pointers: ArrayLike<number>, how: BulkFree): void {
  checkAlive(state);
  const objects = checkPointers(state, pointers, how);
  // A slab's first object is page-aligned too: it loses nothing but speed among the large ones.
  const isLarge = (pointer: number) => pointer % PAGE_BYTES === 0;
  const small = objects.filter((pointer) => !isLarge(pointer));
  const { calls } = state;
  const array = small.length === 0 ? 0 : unsigned(calls.kmalloc(small.length * 4, GFP_KERNEL));
  if (array !== 0) {
    new Uint32Array(state.memory.buffer, array, small.length).set(small);
    calls.kfree_bulk(small.length, array);
    calls.kfree_checked(array);
  }
  for (const pointer of objects) {
    if (array === 0 || isLarge(pointer)) calls.kfree_checked(pointer);
  }
}

/** @returns the pointers without NULL and ZERO_SIZE_PTR, each known to be freeable once. */
function checkPointers(state: CpuState, pointers: ArrayLike<number>, how: BulkFree): number[] {
  const length: unknown = pointers?.length;
  if (typeof length !== "number" || !isUnsigned(length)) {
    throw new TypeError(
      `${how.call}: expected an array of pointers, got ${describe(pointers)}; ` +
        "try an array or a Uint32Array",
    );
  }
  const objects = new Set<number>();
  if (how.cache !== null) state.view.refresh();
  for (let index = 0; index < length; index++) {
    const pointer = pointers[index];
    const call = `${how.call}[${index}]`;
    if (pointer === undefined || !isUnsigned(pointer)) throwNotInteger(call, pointer);
    if (pointer === 0 || pointer === ZERO_SIZE_PTR) continue;
    checkObject(state, call, pointer);
    const wanted = how.cache;
    if (wanted !== null && slabAt(state.view, pointer)?.cache.address !== wanted.address) {
      throwRefused(state, call, pointer, REFUSED_FOREIGN, wanted.name);
    }
    if (objects.has(pointer)) throwRefused(state, call, pointer, REFUSED_DOUBLE);
    objects.add(pointer);
  }
  return [...objects];
}
