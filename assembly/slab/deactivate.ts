/**
 * Taking a cpu slab away from its CPU.
 *
 * Who wants it away says so in slab/flush.ts. Kernel: mm/slub.c deactivate_slab(), 6.18.
 */
import { KmemCache, KmemCacheCpu, Slab } from "../base/layout";
import { HAND_LEAVES, hold, let_go } from "../page/hand";
import { cpu_token, next_word } from "../sync/percpu";
import {
  DEACTIVATE_FULL,
  DEACTIVATE_REMOTE_FREES,
  DEACTIVATE_TO_HEAD,
  DEACTIVATE_TO_TAIL,
  stat,
} from "../sync/stat";
import { defer_slab } from "./defer";
import { cpu_slab, put_partial_slab } from "./kmem_cache_cpu";
import { get_freepointer, set_freepointer } from "./object";
import {
  make_word,
  slab_update_freelist,
  slab_word,
  word_freelist,
  word_inuse,
  word_objects,
} from "./slab";

/**
 * Take the cpu slab of `c` in hand, its list in `flush_freelist`; `c` is left with nothing and a
 * new tid.
 *
 * In this order, so that the slab is found through its hand before it is no cpu slab any more, and
 * the list is in one of the two places at least. @returns the slab, or 0. Context: local lock, or
 * as flush_cpu_of().
 */
export function detach_cpu_slab(c: KmemCacheCpu): usize {
  const address = changetype<usize>(c);
  const word = load<u64>(address);
  const slab = cpu_slab(c);
  if (slab !== 0) {
    hold(changetype<Slab>(slab));
    changetype<Slab>(slab).flush_freelist = <u32>word;
  }
  store<u64>(address, next_word(word, 0));
  c.slab = 0;
  return slab;
}

/**
 * Thaw a slab and give it back the list that was detached from it.
 *
 * - Publishes: the detached list, whose tail points at the slab's own list.
 * - Races with: remote frees; then the tail is linked again. Ends: each got through.
 * - A full slab is let go by this very cmpxchg: the next free, anywhere, may take it in hand.
 *
 * @returns false if it is full, and nobody's; else it is still in this CPU's hand.
 */
export function thaw(cache: KmemCache, slab: Slab): bool {
  const freelist = <usize>slab.flush_freelist;
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
    slab.in_hand = list === 0 ? cpu_token() | HAND_LEAVES : cpu_token();
    if (!slab_update_freelist(cache, slab, old, word)) continue;
    if (list === 0) let_go(slab);
    else slab.flush_freelist = 0;
    return list !== 0;
  }
}

/**
 * Put a frozen slab that was this CPU's away: to the page allocator, to its node's partial list,
 * or, full, to nobody.
 *
 * Context: detach_cpu_slab() took it, local lock free; a missed list_lock defers the slab.
 * Kernel: deactivate_slab(), 6.18 - differs: "empty" is decided under list_lock, so that a free
 * that comes in between is not missed.
 */
export function deactivate_slab(cache: KmemCache, slab: Slab, mode: u32): void {
  let where = DEACTIVATE_TO_HEAD;
  if (word_freelist(slab_word(slab)) !== 0) {
    stat(cache, DEACTIVATE_REMOTE_FREES);
    where = DEACTIVATE_TO_TAIL;
  }
  if (!thaw(cache, slab)) stat(cache, DEACTIVATE_FULL);
  else if (!put_partial_slab(cache, slab, where, where, mode)) defer_slab(cache, slab);
}
