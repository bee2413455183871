/**
 * The main load, the core slow free: every free is exactly one cmpxchg of a slab's word.
 *
 * The slabs belong to one CPU, are never its cpu slab, and stay between a quarter and three
 * quarters free, so that no free touches a list or a lock; what is left to differ between the
 * arms of deferral is the deferral. Between phases a slab's word and chain look like this:
 *
 * ```
 * word:  freelist -> thin objects -> 0     inuse = objects - thin
 * phase: pushes `share` objects more, in an order permuted over all slabs
 * reset: pops exactly these again, without an allocation
 * ```
 * Whether a deferred object came back late, twice or not at all is seen by the reset: it checks
 * each slab's count and that the chain below is the one it knows.
 */
import { kfree } from "../kmalloc/kmalloc";
import { KmemCache, Slab } from "../base/layout";
import { get_freepointer } from "../slab/object";
import {
  make_word,
  slab_update_freelist,
  slab_word,
  word_freelist,
  word_frozen,
  word_inuse,
} from "../slab/slab";
import { next_gap, nolock_burst, pace_start } from "./pace";
import { slab_at, slab_bottom, slow_free_order } from "./slow_free_setup";
import { Work } from "./work";

/**
 * The timed call: free every object of the phase, `bursts` NMIs of nolock frees among them.
 *
 * Context: task; the block was made by slow_free_prepare() and slow_free_thin() on this CPU.
 */
export function slow_free_phase(work: usize, bursts: u32): void {
  const w = changetype<Work>(work);
  const total = w.slabs * w.share;
  let slot = slow_free_order(work);
  const end = slot + ((<usize>total) << 2);
  pace_start(w, total, bursts);
  while (slot < end) {
    const gap = next_gap(w, <u32>((end - slot) >> 2));
    const stop = slot + ((<usize>gap) << 2);
    for (; slot < stop; slot += 4) kfree(<usize>load<u32>(slot));
    if (slot < end) slot = nolock_burst(w, slot);
  }
}

/**
 * Take back what the phase freed.
 *
 * @returns slabs that were not as they had to be: 0 = all is well. Context: task; every CPU has
 * ended its phase and everything deferred was drained.
 */
export function slow_free_reset(work: usize): u32 {
  const w = changetype<Work>(work);
  let wrong: u32 = 0;
  for (let i: u32 = 0; i < w.slabs; i++) {
    if (!take_back(w, changetype<Slab>(slab_at(work, i)), slab_bottom(work, i))) wrong++;
  }
  return wrong;
}

/**
 * Pop the phase's objects off one slab. Nobody else touches the slab now, so that the cmpxchg
 * cannot fail; it is one all the same, because the word is only ever touched so.
 */
function take_back(w: Work, slab: Slab, bottom: usize): bool {
  const cache = changetype<KmemCache>(<usize>slab.slab_cache);
  const old = slab_word(slab);
  const inuse = w.objects - w.thin;
  if (word_inuse(old) !== inuse - w.share || word_frozen(old)) return false;
  let object = word_freelist(old);
  for (let i: u32 = 0; i < w.share && object !== 0; i++) object = get_freepointer(cache, object);
  if (object !== bottom) return false;
  return slab_update_freelist(cache, slab, old, make_word(bottom, inuse, w.objects, false));
}
