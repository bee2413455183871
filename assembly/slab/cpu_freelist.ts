/**
 * The fast paths around the cpu freelist: pop it, or push onto it, again until nothing came
 * between.
 *
 * slab/fast.ts has one attempt of each, to be inlined into kmalloc() and kfree(); here are the
 * loops for everybody else, and what takes the local lock instead, on a heap with RT. Kernel:
 * mm/slub.c __slab_alloc_node(), do_slab_free(); 6.18.
 */
import { KmemCache, Slab } from "../base/layout";
import { cpu_cache_lock, is_rt, local_unlock_section } from "../sync/local_lock";
import {
  cpu_offset,
  next_word,
  this_cpu,
  this_cpu_cache,
  this_cpu_cmpxchg_double,
} from "../sync/percpu";
import { CMPXCHG_DOUBLE_CPU_FAIL, stat } from "../sync/stat";
import { cpu_slab } from "./kmem_cache_cpu";
import { get_freepointer, set_freepointer } from "./object";
import { lock_cpu_slab } from "./section";

/**
 * Pop the cpu freelist.
 *
 * The word is read once, tid and list together; `next` is read from an object that may already
 * be somebody's if this CPU was interrupted in between, so it is only trusted once the cmpxchg
 * has shown that nothing happened. Retries only when interrupted.
 *
 * @returns an object, or 0 if the list is empty. Context: any, local lock free.
 */
export function alloc_from_cpu_freelist(cache: KmemCache): usize {
  const offset = cpu_offset(cache);
  while (true) {
    const area = this_cpu;
    const word = load<u64>(area + offset);
    const object = <usize>(<u32>word);
    if (object === 0) return 0;
    const next = get_freepointer(cache, object);
    if (this_cpu_cmpxchg_double(area, offset, word, next_word(word, next))) return object;
    stat(cache, CMPXCHG_DOUBLE_CPU_FAIL);
  }
}

/**
 * Push the chain `head` .. `tail` onto this CPU's freelist if `slab` is its cpu slab.
 *
 * The word is read before `slab`, so that a tid that still matches proves that no section ran
 * in between and `slab` belongs to the freelist. Retries only when this very CPU was interrupted.
 *
 * @returns false if another slab is the cpu slab. Context: any, local lock free.
 */
export function free_to_cpu_slab(cache: KmemCache, slab: Slab, head: usize, tail: usize): bool {
  if (is_rt()) return free_to_cpu_slab_locked(cache, slab, head, tail);
  const offset = cpu_offset(cache);
  while (true) {
    const area = this_cpu;
    const word = load<u64>(area + offset);
    if (cpu_slab(this_cpu_cache(cache)) !== changetype<usize>(slab)) return false;
    set_freepointer(cache, tail, <usize>(<u32>word));
    if (this_cpu_cmpxchg_double(area, offset, word, next_word(word, head))) return true;
    stat(cache, CMPXCHG_DOUBLE_CPU_FAIL);
  }
}

/**
 * The same under the local lock: what a heap with RT does. Kernel: do_slab_free(), RT half.
 *
 * irq_work that is due does not run at the end of this section but at the next safe point: the
 * caller may be a nolock one, and the work would wait for locks (an RT kernel leaves it to a
 * thread, too).
 */
function free_to_cpu_slab_locked(cache: KmemCache, slab: Slab, head: usize, tail: usize): bool {
  const c = this_cpu_cache(cache);
  lock_cpu_slab(c);
  const mine = cpu_slab(c) === changetype<usize>(slab);
  if (mine) {
    const address = changetype<usize>(c);
    const word = load<u64>(address);
    set_freepointer(cache, tail, <usize>(<u32>word));
    store<u64>(address, next_word(word, head));
  }
  local_unlock_section(cpu_cache_lock(c));
  return mine;
}
