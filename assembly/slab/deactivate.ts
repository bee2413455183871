/**
 * Taking a cpu slab away from its CPU.
 *
 * Kernel: mm/slub.c deactivate_slab(), flush_slab(), __flush_cpu_slab(); 6.18.
 */
import { INTENT_DEACTIVATE, KmemCache, KmemCacheCpu, Slab } from "../base/layout";
import { intent_clear, intent_set } from "../sync/intent";
import { cpu_token, next_word, this_cpu_cache } from "../sync/percpu";
import {
  CPUSLAB_FLUSH,
  DEACTIVATE_FULL,
  DEACTIVATE_REMOTE_FREES,
  DEACTIVATE_TO_HEAD,
  DEACTIVATE_TO_TAIL,
  stat,
} from "../sync/stat";
import { defer_slab, drain_on_deactivate } from "./defer";
import { cpu_slab, put_partial_slab, put_partials } from "./kmem_cache_cpu";
import { get_freepointer, set_freepointer } from "./object";
import { lock_cpu_slab, unlock_cpu_slab } from "./section";
import {
  make_word,
  slab_update_freelist,
  slab_word,
  word_freelist,
  word_inuse,
  word_objects,
} from "./slab";

/** @returns the freelist of `c`, which becomes empty and gets a new tid. Context: local lock. */
export function detach_freelist(c: KmemCacheCpu): usize {
  const address = changetype<usize>(c);
  const word = load<u64>(address);
  store<u64>(address, next_word(word, 0));
  return <usize>(<u32>word);
}

/**
 * Thaw a slab and give it the CPU's freelist back.
 *
 * - Publishes: the detached list, whose tail points at the slab's own list.
 * - Races with: remote frees; then the tail is linked again. Ends: each got through.
 *
 * @returns the slab's word now.
 */
function thaw(cache: KmemCache, slab: Slab, freelist: usize): u64 {
  let tail: usize = 0;
  let count: u32 = 0;
  // Bounded by the objects of a slab: the list is ours alone.
  for (let object = freelist; object !== 0; object = get_freepointer(cache, object)) {
    tail = object;
    count++;
  }
  while (true) {
    const old = slab_word(slab);
    const list = tail === 0 ? word_freelist(old) : freelist;
    if (tail !== 0) set_freepointer(cache, tail, word_freelist(old));
    const word = make_word(list, word_inuse(old) - count, word_objects(old), false);
    // A full slab is let go by this very cmpxchg: the next free, anywhere, may take it in hand.
    slab.in_hand = list === 0 ? 0 : cpu_token();
    if (slab_update_freelist(cache, slab, old, word)) return word;
  }
}

/**
 * Put a frozen slab that was this CPU's away: to the page allocator, to its node's partial list,
 * or, full, to nobody.
 *
 * Context: the slab is detached, local lock free; a missed list_lock defers the slab.
 * Kernel: deactivate_slab(), 6.18 - differs: "empty" is decided under list_lock, so that a free
 * that comes in between is not missed; the arm `percpu-deactivate` drains here.
 */
export function deactivate_slab(cache: KmemCache, slab: Slab, freelist: usize, mode: u32): void {
  const noted = intent_set(INTENT_DEACTIVATE, changetype<usize>(slab), 0, 0);
  let where = DEACTIVATE_TO_HEAD;
  if (word_freelist(slab_word(slab)) !== 0) {
    stat(cache, DEACTIVATE_REMOTE_FREES);
    where = DEACTIVATE_TO_TAIL;
  }
  const word = thaw(cache, slab, freelist);
  if (word_freelist(word) === 0) stat(cache, DEACTIVATE_FULL);
  else if (!put_partial_slab(cache, slab, where, where, mode)) defer_slab(cache, slab, 0);
  intent_clear(noted);
  drain_on_deactivate(cache, mode);
}

/** Take the cpu slab of `c` away. Context: local lock free; `c` is this CPU's. */
export function flush_slab(cache: KmemCache, c: KmemCacheCpu, mode: u32): void {
  lock_cpu_slab(c);
  const slab = cpu_slab(c);
  c.slab = 0;
  const freelist = detach_freelist(c);
  unlock_cpu_slab(c);
  if (slab === 0) return;
  deactivate_slab(cache, changetype<Slab>(slab), freelist, mode);
  stat(cache, CPUSLAB_FLUSH);
}

/**
 * Give up everything this CPU holds of `cache`. What the lists hold is detached inside the local
 * lock's section, so that an NMI in between finds a whole list or none.
 *
 * Context: task, local lock free.
 */
export function flush_this_cpu(cache: KmemCache, mode: u32): void {
  const c = this_cpu_cache(cache);
  flush_slab(cache, c, mode);
  lock_cpu_slab(c);
  const first = <usize>c.partial;
  c.partial = 0;
  unlock_cpu_slab(c);
  place_partials(cache, first, mode);
}

/** Hand the percpu partial slabs of another CPU to their nodes. Context: as flush_cpu_of(). */
export function flush_partials(cache: KmemCache, c: KmemCacheCpu, mode: u32): void {
  const first = <usize>c.partial;
  c.partial = 0;
  place_partials(cache, first, mode);
}

/** Hand a detached percpu partial list to the nodes, all of it. */
function place_partials(cache: KmemCache, first: usize, mode: u32): void {
  let rest = put_partials(cache, first, mode);
  // A CPU that may not sleep tries until it gets the lock: its holders are short, and these
  // slabs have no other place left.
  while (rest !== 0) rest = put_partials(cache, rest, mode);
}
