/**
 * Many objects with one call into the wasm, whose addresses lie in memory meanwhile.
 *
 * Few lie in words of this CPU's own area. One call at a time has them: what it runs in its middle
 * (constructors, handlers, getters of an array) takes the other way, a temporary array in the heap
 * that costs 4 bytes per object that is allocated, and up to 20 per object that is freed, whose
 * addresses are checked against each other there. Allocation is all or nothing, the array included.
 * Freeing checks everything first and then cannot fail: without memory for the array it goes one by
 * one.
 *
 * Law: a count is compared with what the heap's memory can hold before anything of that size is
 * made, here or there; and the work is linear in the count, some steps an object, one call a bulk.
 */
import { isUnsigned, unsigned } from "./abi.js";
import { REFUSED_DOUBLE } from "./constants.js";
import { type CpuState, checkAlive, throwRefused } from "./cpu-state.js";
import { describe, throwNotInteger } from "./errors.js";
import { GFP_KERNEL, ZERO_SIZE_PTR } from "./flags.js";

/** Larger objects come from no kmalloc cache, and take whole pages. */
const KMALLOC_MAX_CACHE_SIZE = 8192;
const PAGE_BYTES = 4096;
/** No object takes less. */
const OBJECT_BYTES_MIN = 8;
const WORD_BYTES = Uint32Array.BYTES_PER_ELEMENT;

/** Words that a CPU's area has for it; a bad free is told in the one behind the addresses. */
export const BULK_WORDS = 48;

/**
 * Allocate `count` objects with one call into the wasm, all or none.
 *
 * @param cache address of the cache, or 0: kmalloc()
 * @param sizeBytes of an object
 * @returns the addresses; empty on failure
 */
export function allocBulk(
  state: CpuState,
  cache: number,
  sizeBytes: number,
  count: number,
  flags: number,
): Uint32Array {
  if (!state.isOnline) checkAlive(state);
  const isPossible = fits(state, count, Math.max(sizeBytes, OBJECT_BYTES_MIN));
  if (count === 0 || !isPossible) return new Uint32Array(0);
  if (count === 1) return allocOne(state, cache, sizeBytes, flags);
  const at = state.bulkAt;
  if (count >= BULK_WORDS || at === 0) return allocMany(state, cache, sizeBytes, count, flags);
  const pointers = new Uint32Array(count);
  state.bulkAt = 0;
  try {
    const filled = fill(state, cache, sizeBytes, count, flags, at * WORD_BYTES);
    if (filled === 0) return new Uint32Array(0);
    const { words } = state;
    for (let i = 0; i < count; i++) pointers[i] = words[at + i] as number;
  } finally {
    state.bulkAt = at;
  }
  return pointers;
}

function allocOne(state: CpuState, cache: number, size: number, flags: number): Uint32Array {
  const { calls } = state;
  const pointer = cache === 0 ? calls.kmalloc(size, flags) : calls.kmem_cache_alloc(cache, flags);
  if (pointer === 0) return new Uint32Array(0);
  const pointers = new Uint32Array(1);
  pointers[0] = pointer;
  return pointers;
}

/** @returns count, or 0 with nothing allocated */
function fill(
  { calls }: CpuState,
  cache: number,
  sizeBytes: number,
  count: number,
  flags: number,
  array: number,
): number {
  return cache === 0
    ? calls.kmalloc_bulk(sizeBytes, flags, count, array)
    : calls.kmem_cache_alloc_bulk(cache, flags, count, array);
}

/** The same through an array in the heap. */
function allocMany(
  state: CpuState,
  cache: number,
  sizeBytes: number,
  count: number,
  flags: number,
): Uint32Array {
  const { calls } = state;
  const array = unsigned(calls.kmalloc(count * WORD_BYTES, GFP_KERNEL));
  if (array === 0) return new Uint32Array(0);
  const filled = fill(state, cache, sizeBytes, count, flags, array);
  const at = array / WORD_BYTES;
  try {
    // Copied before the array is freed: its words are links afterwards.
    return wordsTo(state, at + filled).slice(at, at + filled);
  } catch {
    // JavaScript has no memory for the list: what is on it goes back.
    calls.kfree_bulk(filled, array);
    return new Uint32Array(0);
  } finally {
    calls.kfree_checked(array);
  }
}

/** kmalloc() `count` times; sizes that have no cache one by one. */
export function kmallocBulk(
  state: CpuState,
  size: number,
  count: number,
  flags: number,
): Uint32Array {
  if (!state.isOnline) checkAlive(state);
  const { calls } = state;
  if (size === 0) return makePointers(state, count, 0).fill(ZERO_SIZE_PTR);
  if (size <= KMALLOC_MAX_CACHE_SIZE) return allocBulk(state, 0, size, count, flags);
  const pointers = makePointers(state, count, Math.ceil(size / PAGE_BYTES) * PAGE_BYTES);
  for (let done = 0; done < pointers.length; done++) {
    const pointer = unsigned(calls.kmalloc(size, flags));
    if (pointer === 0) {
      for (const each of pointers.subarray(0, done)) calls.kfree_checked(each);
      return new Uint32Array(0);
    }
    pointers[done] = pointer;
  }
  return pointers;
}

/**
 * Room for `count` addresses of objects of `sizeBytes`; none if the whole of the heap's memory
 * could not hold that many and their addresses, or if JavaScript has no memory for them.
 */
function makePointers(state: CpuState, count: number, sizeBytes: number): Uint32Array<ArrayBuffer> {
  try {
    return new Uint32Array(fits(state, count, sizeBytes) ? count : 0);
  } catch {
    return new Uint32Array(0);
  }
}

/** Whether a heap that holds nothing else could hold that, and the addresses. */
function fits({ options }: CpuState, count: number, sizeBytes: number): boolean {
  return count * (sizeBytes + WORD_BYTES) <= options.maximumBytes;
}

/** What pointers a bulk free takes, and for whom it takes them. */
export interface BulkFree {
  readonly call: string;
  /** Address of the cache all of them must be of; 0: any. */
  readonly cache: number;
  /** Its name; null: any. */
  readonly name: string | null;
}

/**
 * Free all of `pointers`, or, if one of them may not be freed, none.
 *
 * @throws SlabError for such a pointer, TypeError or RangeError for what is no pointer
 */
export function freeBulk(state: CpuState, pointers: ArrayLike<number>, how: BulkFree): void {
  if (!state.isOnline) checkAlive(state);
  const count = checkPointers(pointers, how.call);
  if (count === 0) return;
  const at = state.bulkAt;
  if (count === 1) freeOne(state, Number(pointers[0]), how);
  else if (count < BULK_WORDS && at !== 0) freeFew(state, at, pointers, count, how);
  else freeMany(state, pointers, count, how);
}

/** For one object the array would be most of the work. */
function freeOne(state: CpuState, pointer: number, { call, cache, name }: BulkFree): void {
  const { calls } = state;
  const refused =
    cache === 0 ? calls.kfree_checked(pointer) : calls.kmem_cache_free_checked(cache, pointer);
  if (refused !== 0) throwRefused(state, `${call}[0]`, pointer, refused, name);
}

/** @returns how many there are, all of them integers in 0..2^32-1 */
function checkPointers(pointers: ArrayLike<number>, call: string): number {
  if (pointers instanceof Uint32Array) return pointers.length;
  const length: unknown = pointers?.length;
  if (typeof length !== "number" || !isUnsigned(length)) {
    throw new TypeError(
      `${call}: expected an array of pointers, got ${describe(pointers)}; ` +
        "try an array or a Uint32Array",
    );
  }
  for (let index = 0; index < length; index++) {
    const pointer = pointers[index];
    if (!isUnsigned(pointer)) throwNotInteger(`${call}[${index}]`, pointer);
  }
  return length;
}

/** Through the words of the CPU's area, which nobody else has until this ends. */
function freeFew(
  state: CpuState,
  at: number,
  pointers: ArrayLike<number>,
  count: number,
  how: BulkFree,
): void {
  const { words } = state;
  let refused = 0;
  let index = 0;
  let pointer = 0;
  state.bulkAt = 0;
  try {
    for (let i = 0; i < count; i++) {
      const each = pointers[i] as number;
      // A getter may have taken this CPU offline: then the words are another's.
      if (!state.isOnline) checkAlive(state);
      words[at + i] = each;
    }
    refused = state.calls.kfree_bulk_checked(how.cache, count, at * WORD_BYTES);
    if (refused !== 0) {
      index = words[at + count] as number;
      pointer = words[at + index] as number;
    }
  } finally {
    state.bulkAt = at;
  }
  if (refused !== 0) throwRefused(state, `${how.call}[${index}]`, pointer, refused, how.name);
}

/** Through an array in the heap. */
function freeMany(
  state: CpuState,
  pointers: ArrayLike<number>,
  count: number,
  how: BulkFree,
): void {
  const array = allocArray(state, count);
  if (array === 0) freeOneByOne(state, pointers, how);
  else freeThrough(state, array, pointers, how);
}

/** What kfree_bulk_checked() needs: the addresses, and a table for them. @returns 0: no memory */
function allocArray(state: CpuState, count: number): number {
  const tableWords = count < BULK_WORDS ? 1 : 2 ** (32 - Math.clz32(2 * count - 1));
  const bytes = (count + tableWords) * WORD_BYTES;
  // A count whose double has no 32 bits is far above it too.
  if (bytes > state.options.maximumBytes) return 0;
  return unsigned(state.calls.kmalloc(bytes, GFP_KERNEL));
}

function freeThrough(
  state: CpuState,
  array: number,
  pointers: ArrayLike<number>,
  { call, cache, name }: BulkFree,
): void {
  const { calls } = state;
  const { length } = pointers;
  const at = array / WORD_BYTES;
  const words = wordsTo(state, at + length + 1);
  let refused = 0;
  let index = 0;
  let pointer = 0;
  try {
    // A few words are there before the engine's copy would have begun.
    if (length > 64 && pointers instanceof Uint32Array) words.set(pointers, at);
    else for (let i = 0; i < length; i++) words[at + i] = pointers[i] as number;
    refused = calls.kfree_bulk_checked(cache, length, array);
    if (refused !== 0) index = words[at + length] ?? 0;
    if (refused !== 0) pointer = words[at + index] ?? 0;
  } finally {
    calls.kfree_checked(array);
  }
  if (refused !== 0) throwRefused(state, `${call}[${index}]`, pointer, refused, name);
}

/** The same in two calls an object: for a heap that has no room for the array. */
function freeOneByOne(state: CpuState, pointers: ArrayLike<number>, how: BulkFree): void {
  const { call, cache, name } = how;
  const { calls } = state;
  const objects = Uint32Array.from(pointers);
  const repeated = valuesTwice(objects);
  const seen = new Set<number>();
  for (let index = 0; index < objects.length; index++) {
    const pointer = objects[index] ?? 0;
    let refused = calls.check_object(pointer, cache);
    if (refused === 0 && repeated.has(pointer)) {
      if (seen.has(pointer)) refused = REFUSED_DOUBLE;
      seen.add(pointer);
    }
    if (refused === 0) continue;
    throwRefused(state, `${call}[${index}]`, pointer, refused, name);
  }
  for (const pointer of objects) calls.kfree_checked(pointer);
}

/** Addresses that are there more than once, NULL and ZERO_SIZE_PTR left aside. */
function valuesTwice(objects: Uint32Array): Set<number> {
  const sorted = objects.slice().sort();
  const isTwice = (value: number, index: number) => index > 0 && value === sorted[index - 1];
  return new Set(sorted.filter((value, i) => value > ZERO_SIZE_PTR && isTwice(value, i)));
}

/** The memory as words, at least up to word `end`: made anew only when it has grown. */
function wordsTo(state: CpuState, end: number): Uint32Array {
  if (state.words.length < end) state.words = new Uint32Array(state.memory.buffer);
  return state.words;
}
