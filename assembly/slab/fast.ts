/**
 * The fast paths by themselves: one attempt, no loop, no call, small enough to be inlined.
 *
 * Whoever gets "no" goes to slab_alloc() or slab_free(), which try again in their own loops and
 * know everything else. Cost target: an allocation and a free together at most 1.3 times the
 * same loads and stores written by hand for one size (bench fastpath).
 * Kernel: mm/slub.c __slab_alloc_node(), do_slab_free(), their first halves; 6.18.
 */
import {
  CACHE_TABLE,
  KMEM_CACHE_SHIFT,
  KmemCache,
  KmemCacheCpu,
  Slab,
  pfn_of,
} from "../base/layout";
import { CPU_CACHES, CpuArea } from "../base/layout_percpu";
import { pfn_to_page } from "../page/page";
import { cpu_offset, header, next_word, this_cpu, this_cpu_cmpxchg_double } from "../sync/percpu";
import { ALLOC_FASTPATH, FREE_FASTPATH, stat_fast } from "../sync/stat";
import { debug_alloc, debug_free } from "./debug";
import { get_freepointer, index_to_obj, obj_to_index, set_freepointer } from "./object";
import { slab_word, word_freelist, word_objects } from "./slab";

/**
 * Pop this CPU's freelist of the kmalloc cache `index`.
 *
 * The word is read once, tid and list together. `next` is read from an object that may already
 * be somebody's if this CPU was interrupted in between, so it counts only once the cmpxchg has
 * shown that nothing happened. @returns an object; 0 if the list is empty or this CPU was
 * interrupted. Context: plain task.
 */
export function try_pop(area: usize, base: usize, index: usize): usize {
  const offset = CPU_CACHES + (index << 6);
  const word = load<u64>(area + offset);
  const object = <usize>(<u32>word);
  if (object === 0) return 0;
  const cache = changetype<KmemCache>(base + CACHE_TABLE + (index << KMEM_CACHE_SHIFT));
  const next = get_freepointer(cache, object);
  if (!this_cpu_cmpxchg_double(area, offset, word, next_word(word, next))) return 0;
  debug_alloc(cache, object);
  stat_fast(cache, ALLOC_FASTPATH);
  return object;
}

/**
 * Push onto this CPU's freelist if `slab` is its cpu slab.
 *
 * The word is read before `slab`: a tid that still matches proves that no section ran between,
 * so that slab and list belong together. @returns false if another slab is the cpu slab or this
 * CPU was interrupted; then nothing changed. Context: plain task.
 */
export function try_push(area: usize, slab: usize, object: usize): bool {
  const cache = changetype<KmemCache>(<usize>changetype<Slab>(slab).slab_cache);
  const offset = cpu_offset(cache);
  const word = load<u64>(area + offset);
  if (<usize>changetype<KmemCacheCpu>(area + offset).slab !== slab) return false;
  debug_free(cache, object);
  set_freepointer(cache, object, <usize>(<u32>word));
  if (!this_cpu_cmpxchg_double(area, offset, word, next_word(word, object))) return false;
  stat_fast(cache, FREE_FASTPATH);
  return true;
}

/**
 * try_push() for an address that may be anything: frees `p` if it is plainly the start of an
 * object of this CPU's cpu slab that is not free.
 *
 * The tests hang off the same loads as the free itself and lengthen no chain. @returns false,
 * with nothing changed, if `p` is anything else, or right but not plainly. Context: any.
 */
export function try_push_checked(p: usize): bool {
  // Debug builds also look for stamps, which check_free() does.
  if (isDefined(SLUB_DEBUG)) return false;
  const pfn = pfn_of(p);
  const area = this_cpu;
  if (changetype<CpuArea>(area).preempt_count !== 0 || pfn >= header().maximum_pages) return false;
  const address = <usize>pfn_to_page(pfn).head;
  if (address === 0) return false;
  const slab = changetype<Slab>(address);
  const cache = changetype<KmemCache>(<usize>slab.slab_cache);
  const offset = cpu_offset(cache);
  const word = load<u64>(area + offset);
  const c = changetype<KmemCacheCpu>(area + offset);
  if (<usize>c.slab !== address || <usize>(<u32>word) === p) return false;
  const state = slab_word(slab);
  const index = obj_to_index(cache, slab, p);
  if (index_to_obj(cache, slab, index) !== p || index >= word_objects(state)) return false;
  if (word_freelist(state) === p) return false;
  set_freepointer(cache, p, <usize>(<u32>word));
  if (!this_cpu_cmpxchg_double(area, offset, word, next_word(word, p))) return false;
  stat_fast(cache, FREE_FASTPATH);
  return true;
}
