/**
 * The arm `direct`: a nolock free that goes straight to the slab.
 *
 * Freeing to a slab is one lock-free cmpxchg. What cannot be done lock-free is what sometimes
 * follows: a slab that was full must get onto a list, and one that becomes empty may have to
 * leave its list. So the *slab* is deferred when it goes from full to partial, which happens
 * once until it is listed; and the object itself is deferred only where `inuse` would reach 0,
 * so that a nolock free never empties a slab. Hence each list is never longer than the slabs.
 *
 * Ours; the kernel's author considered it and deferred always, because put_cpu_partial() may
 * take a lock - which here is left to irq_work.
 */
import { KmemCache, Slab } from "../base/layout";
import { claim, claim_move } from "../page/hand";
import { DEFER_DIRECT_FREE, stat } from "../sync/stat";
import { defer_slab } from "./defer";
import { set_freepointer } from "./object";
import {
  make_word,
  slab_update_freelist,
  slab_word,
  word_freelist,
  word_frozen,
  word_inuse,
  word_objects,
} from "./slab";

/**
 * Free `object` to its slab without any lock.
 *
 * - Publishes: the object's free pointer, by the cmpxchg.
 * - Races with: frees by other CPUs, freezing, thawing; then all is computed again.
 * - Ends: a retry means that another CPU got through. An interrupted free on this CPU cannot
 *   make it retry for ever either, since it does not run meanwhile.
 * - A slab this call made partial is on no list and in this CPU's hand until irq_work lists it;
 *   other frees find it partial and unlisted, which to them is "some CPU's partial slab".
 *
 * @returns false, with nothing changed, if the slab would become empty. Context: any.
 */
export function free_direct(cache: KmemCache, slab: Slab, object: usize): bool {
  while (true) {
    const old = slab_word(slab);
    const prior = word_freelist(old);
    const frozen = word_frozen(old);
    const inuse = word_inuse(old) - 1;
    if (inuse === 0 && !frozen) return false;
    set_freepointer(cache, object, prior);
    const word = make_word(object, inuse, word_objects(old), frozen);
    const to_partial = prior === 0 && !frozen;
    if (to_partial) claim_move(1);
    if (!slab_update_freelist(cache, slab, old, word)) {
      if (to_partial) claim_move(-1);
      continue;
    }
    stat(cache, DEFER_DIRECT_FREE);
    if (to_partial && claim(slab)) defer_slab(cache, slab);
    return true;
  }
}
