/**
 * The CPU's registers, and the one instruction that works on its own memory.
 *
 * A CPU is a wasm instance, and a mutable global is private to it: `this_cpu` is to this heap
 * what %gs is to x86. Nothing else in the allocator is a mutable global. Every per-CPU address
 * is computed from `this_cpu` each time it is used, because a simulated machine may move a task
 * to another CPU between any two accesses.
 */
import { PERCPU_LAYERS, PERCPU_SHEAF, TID_STEP } from "../base/config";
import {
  CACHE_TABLE,
  CACHE_TO_CPU_SHIFT,
  HeapHeader,
  KmemCache,
  KmemCacheCpu,
} from "../base/layout";
import { CPU_CACHES, CpuArea } from "../base/layout_percpu";
import { cmpxchg_double, fetch_add } from "./atomic";

/** Address of this CPU's CpuArea; 0 before cpu_attach(). */
export let this_cpu: usize = 0;
/** Address of the HeapHeader; constant once attached. */
export let heap_base: usize = 0;
/** Address of the descriptor of page 0; constant once attached. */
export let mem_map: usize = 0;
/** Address of the class of page 0 (slab/page_class.ts); constant once attached. */
export let page_class: usize = 0;

/** Set this instance's registers. Context: cpu_attach() and cpu_offline() only. */
export function set_registers(area: usize, base: usize, map: usize): void {
  this_cpu = area;
  heap_base = base;
  mem_map = map;
  if ((PERCPU_LAYERS & PERCPU_SHEAF) === 0) return;
  page_class = base === 0 ? 0 : <usize>changetype<HeapHeader>(base).page_class;
}

/** @returns the header of the attached heap. */
export function header(): HeapHeader {
  return changetype<HeapHeader>(heap_base);
}

/** @returns this CPU's area. */
export function cpu_area(): CpuArea {
  return changetype<CpuArea>(this_cpu);
}

/** @returns CPU `cpu`'s area; cpu below nr_cpu_ids. */
export function per_cpu(cpu: u32): CpuArea {
  const head = header();
  return changetype<CpuArea>(<usize>head.cpu_areas + <usize>cpu * head.cpu_area_size);
}

/** @returns this CPU's number + 1: what lock words and `in_hand` hold. */
export function cpu_token(): u32 {
  return cpu_area().cpu + 1;
}

/** @returns offset of a cache's KmemCacheCpu inside any CpuArea. */
export function cpu_offset(cache: KmemCache): usize {
  const index = changetype<usize>(cache) - heap_base - CACHE_TABLE;
  return CPU_CACHES + (index >> CACHE_TO_CPU_SHIFT);
}

/** @returns what this CPU holds of `cache`. */
export function this_cpu_cache(cache: KmemCache): KmemCacheCpu {
  return changetype<KmemCacheCpu>(this_cpu + cpu_offset(cache));
}

/** @returns what the CPU of `area` holds of `cache`. */
export function cpu_cache_of(area: CpuArea, cache: KmemCache): KmemCacheCpu {
  return changetype<KmemCacheCpu>(changetype<usize>(area) + cpu_offset(cache));
}

/** @returns the freelist|tid word after one event, with `object` as the list's new head. */
export function next_word(word: u64, object: usize): u64 {
  return ((word & 0xffff_ffff_0000_0000) + ((<u64>TID_STEP) << 32)) | <u64>object;
}

/**
 * If this CPU's word at `offset` in its area is `expected`, make it `desired`.
 *
 * Kernel: this_cpu_try_cmpxchg_freelist(), cmpxchg16b without lock prefix. In the ordinary
 * builds it is a load, a compare and a store: nothing interrupts a Worker between two
 * instructions, and no other CPU writes the word. In the model build it is one instruction, and
 * `this_cpu` is read inside, after the point where the machine may move the task; the build
 * keeps this function out of line for that reason.
 *
 * @param area `this_cpu` as the caller read it; the ordinary builds need not read it again
 */
export function this_cpu_cmpxchg_double(
  area: usize,
  offset: usize,
  expected: u64,
  desired: u64,
): bool {
  if (isDefined(SLUB_MODEL)) {
    return cmpxchg_double(this_cpu + offset, expected, desired) === expected;
  }
  if (load<u64>(area + offset) !== expected) return false;
  store<u64>(area + offset, desired);
  return true;
}

/**
 * Add to a word that this CPU alone changes as long as it lives, and others may read.
 *
 * Kernel: this_cpu_add(), which has no lock prefix either. In the ordinary builds a load and a
 * plain store: nothing interrupts a Worker between them. wasm has no atomic store below sequential
 * consistency, and x86 makes an xchg of that, as dear as the addition; so whoever reads the word
 * elsewhere, by an atomic load, is ordered by atomic accesses beside it, and each user names them:
 * - One that follows the store publishes it: who finds what that wrote finds this, too (the store
 *   happens before the load, which then reads no older one).
 * - Loads that precede the store, atomic ones, were made when anybody reads what it stored. The
 *   memory model does not say so, since reading a plain store synchronises nothing. What says so
 *   is the code of every engine: the store is one instruction, an aligned one of 32 bits, and
 *   stays behind atomic loads, which are acquires: a compiler that moved it in front of one would
 *   break programs that have no race.
 * - Nothing orders it behind the *store* of a cmpxchg before it: ARM may show the later one first.
 *   Where that matters fetch_add() is used.
 */
export function this_cpu_add(address: usize, by: u32): void {
  if (isDefined(SLUB_MODEL)) fetch_add(address, by);
  else store<u32>(address, load<u32>(address) + by);
}
