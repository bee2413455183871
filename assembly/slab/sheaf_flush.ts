/**
 * Sheaves go back: their objects to their slabs, their memory to its own.
 *
 * Kernel: mm/slub.c sheaf_flush_unused(), sheaf_flush_main(), pcs_flush_all(), barn_shrink(); 7.0.
 */
import { LOCK_BOUNDED, NR_KMALLOC_CACHES } from "../base/config";
import { CACHE_LIVE, KmemCache, KmemCacheCpu, Slab } from "../base/layout";
import { Sheaf } from "../base/layout_sheaf";
import { CPU_TAKEN, CpuArea } from "../base/layout_percpu";
import { page_slab, virt_to_page } from "../page/page";
import { read_once } from "../sync/atomic";
import { cpu_area, cpu_cache_of, header, per_cpu, this_cpu_cache } from "../sync/percpu";
import { spin_lock } from "../sync/spinlock";
import { SHEAF_FLUSH, SHEAF_FREE, stat, stat_add } from "../sync/stat";
import {
  barn_put_empty_sheaf,
  barn_put_full_sheaf,
  barn_take_any,
  barn_take_back,
  get_barn,
  hand_of,
} from "./barn";
import { free_to_slabs } from "./bulk_free";
import { cache_at, cache_state } from "./cache_table";
import { do_slab_free } from "./do_free";
import { ask_to_flush, asked_for_sheaves } from "./flush";
import { pop_any } from "./pcs_stack";
import { is_full_sheaf, note_sheaf_move, pcs_trylock, pcs_unlock, sheaf_objects } from "./sheaf";
import { slab_mutex_address, unlock_slab_mutex } from "./slab_mutex";

/**
 * Free what a sheaf holds to its slabs. The size goes first: who dies in the middle loses objects,
 * and frees none twice. Context: ordinary, no lock held; the sheaf is in this CPU's hand.
 */
export function sheaf_flush(cache: KmemCache, sheaf: Sheaf): void {
  const size = sheaf.size;
  if (size === 0) return;
  sheaf.size = 0;
  stat_add(cache, SHEAF_FLUSH, size);
  free_to_slabs(size, sheaf_objects(sheaf));
}

/** Free an empty sheaf, and empty the word at `hand`. Context: ordinary, no lock held. */
export function free_empty_sheaf(cache: KmemCache, hand: usize, sheaf: usize): void {
  const slab = changetype<Slab>(page_slab(virt_to_page(sheaf)));
  stat(cache, SHEAF_FREE);
  note_sheaf_move(1);
  store<u32>(hand, 0);
  do_slab_free(changetype<KmemCache>(<usize>slab.slab_cache), slab, sheaf, sheaf, 1);
  note_sheaf_move(-1);
}

/**
 * A sheaf that has no place with this CPU: to the barn, if it is full or empty and fits; else its
 * objects go to their slabs, and its memory back. Context: ordinary, no lock held.
 */
export function put_away(cache: KmemCache, sheaf: usize, mode: u32): void {
  put_into_barn(cache, cpu_area().node, hand_of(this_cpu_cache(cache)), sheaf, mode);
}

/** put_away() to the barn of `node`, of a sheaf that the word at `hand` leads to, if any does. */
export function put_into_barn(
  cache: KmemCache,
  node: u32,
  hand: usize,
  sheaf: usize,
  mode: u32,
): void {
  const s = changetype<Sheaf>(sheaf);
  const barn = get_barn(cache, node);
  if (is_full_sheaf(s) && barn_put_full_sheaf(cache, barn, hand, sheaf, mode)) return;
  sheaf_flush(cache, s);
  if (!barn_put_empty_sheaf(barn, hand, sheaf, mode)) drop_sheaf(cache, hand, sheaf);
}

/** Flush and free a sheaf that the word at `hand` leads to, if any does; 0 is none. */
export function drop_sheaf(cache: KmemCache, hand: usize, sheaf: usize): void {
  if (sheaf === 0) return;
  sheaf_flush(cache, changetype<Sheaf>(sheaf));
  free_empty_sheaf(cache, hand, sheaf);
}

/**
 * Give up every sheaf that a CPU has of `cache`, but what waits for a grace period: that has other
 * ways (slab/rcu_sheaf.ts).
 *
 * Context: ordinary, no lock held; `c` is this CPU's, or that of one in no call on this cache.
 */
export function flush_pcs(cache: KmemCache, c: KmemCacheCpu): void {
  // A constructor's call, in a refill of this cache: the one hand is taken.
  if (c.sheaf_in_hand !== 0) return;
  // Ends: each turn takes one, or what a nested call has freed meanwhile.
  while ((c.main | c.spare) !== 0) {
    if (!pcs_trylock(c)) return;
    const sheaf = pop_any(c);
    pcs_unlock(c);
    drop_sheaf(cache, hand_of(c), sheaf);
  }
}

/**
 * Give back what a CPU has out of `cache`. Context: ordinary; `c` is this CPU's, which is about to
 * leave, and uses none any more.
 */
export function flush_prefilled(cache: KmemCache, c: KmemCacheCpu, mode: u32): void {
  const barn = get_barn(cache, cpu_area().node);
  while (true) {
    const sheaf = barn_take_back(barn, c, 0, cpu_area().cpu + 1, mode);
    if (sheaf === 0) return;
    drop_sheaf(cache, hand_of(c), sheaf);
  }
}

/** @returns sheaves of `cache` that CPUs have out. Context: slab_mutex; nobody uses the cache. */
export function prefilled_of(cache: KmemCache): u32 {
  let out: u32 = 0;
  for (let node: u32 = 0; node < header().nr_nodes; node++) {
    out += get_barn(cache, node).nr_prefilled;
  }
  return out;
}

/** Flush the barns of all nodes. Context: ordinary, no lock held. */
export function flush_barns(cache: KmemCache, mode: u32): void {
  const c = this_cpu_cache(cache);
  const nodes = header().nr_nodes;
  for (let node: u32 = 0; node < nodes; node++) {
    const barn = get_barn(cache, node);
    while (c.sheaf_in_hand === 0) {
      const hand = hand_of(c);
      const sheaf = barn_take_any(barn, hand, mode);
      if (sheaf === 0) break;
      drop_sheaf(cache, hand, sheaf);
    }
  }
}

/** Flush this CPU's sheaves of `cache` and the barns. Context: ordinary, no lock held. */
export function flush_sheaves(cache: KmemCache, mode: u32): void {
  flush_pcs(cache, this_cpu_cache(cache));
  flush_barns(cache, mode);
}

/**
 * Flush first if another CPU asked for it: before anything is in hand, since a flush takes the hand
 * itself.
 *
 * @returns false: the section is left, somebody here is in it. Context: the section of `c`, which
 * is this CPU's; ordinary otherwise, no other lock held, nothing in hand.
 */
export function flush_sheaves_if_asked(cache: KmemCache, c: KmemCacheCpu, mode: u32): bool {
  if (!asked_for_sheaves(cache)) return true;
  pcs_unlock(c);
  flush_sheaves(cache, mode);
  return pcs_trylock(c);
}

/** Ask every other CPU to flush what it has of `cache` when it next comes to a slow path. */
export function ask_others(cache: KmemCache): void {
  const head = header();
  const me = cpu_area().cpu;
  for (let cpu: u32 = 0; cpu < head.nr_cpu_ids; cpu++) {
    const area = per_cpu(cpu);
    const state = changetype<usize>(area) + offsetof<CpuArea>("state");
    if (cpu === me || read_once(state) !== CPU_TAKEN) continue;
    ask_to_flush(cpu_cache_of(area, cache));
  }
}

/** Flush what this CPU and the barns have of `cache`, and ask the other CPUs to. */
function flush_all_of(cache: KmemCache, mode: u32): void {
  if (cache_state(cache) !== CACHE_LIVE || cache.sheaf_capacity === 0) return;
  flush_sheaves(cache, mode);
  ask_others(cache);
}

/**
 * Before a call that may wait says that there is no memory: flush the sheaves of this CPU and the
 * barns, of all caches, and ask the other CPUs to do so.
 *
 * Caches of users may be destroyed at the same time, which flushes this CPU's part of them too: not
 * without slab_mutex. That is not waited for, since no allocation may wait for a CPU that died with
 * it; whoever holds it all the while is not asked for the sheaves of users' caches.
 *
 * Context: ordinary, no lock held.
 */
export function flush_all_sheaves(mode: u32): void {
  for (let index: u32 = 1; index < NR_KMALLOC_CACHES; index++) flush_all_of(cache_at(index), mode);
  if (!spin_lock(slab_mutex_address(), LOCK_BOUNDED)) return;
  const count = header().nr_caches;
  for (let index = NR_KMALLOC_CACHES; index < count; index++) flush_all_of(cache_at(index), mode);
  unlock_slab_mutex();
}
