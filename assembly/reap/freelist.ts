/**
 * The free list of a frozen slab of a dead CPU, wherever it was on its way.
 *
 * It is, in this order of precedence:
 * - noted in `c.moving`, if the slab's own list does not have its first object any more: then
 *   take_freelist() took it, and whatever part of it became the cpu freelist, no object of it was
 *   given to anybody, because the note is removed before that section ends;
 * - the cpu freelist, if the slab is the cpu slab;
 * - `flush_freelist`, where detach_cpu_slab() puts it before it empties the cpu freelist.
 *
 * Only its CPU takes objects from a frozen slab, others add to its own list in front: what a look
 * at the slab's word finds below the head stays as it is.
 */
import { KmemCache, Slab } from "../base/layout";
import { get_freepointer, set_freepointer } from "../slab/object";
import { slab_word, word_freelist, word_objects } from "../slab/slab";

/** @returns objects from `first` to the end of the list, not more than the slab has. */
function length_of(cache: KmemCache, slab: Slab, first: usize): u32 {
  const most = word_objects(slab_word(slab));
  let length: u32 = 0;
  for (let at = first; at !== 0 && length < most; at = get_freepointer(cache, at)) length++;
  return length;
}

/** @returns true if `object` is on the slab's own list. */
export function is_on_own_list(cache: KmemCache, slab: Slab, object: usize): bool {
  let at = word_freelist(slab_word(slab));
  let left = word_objects(slab_word(slab));
  while (at !== 0 && at !== object && left > 0) {
    at = get_freepointer(cache, at);
    left--;
  }
  return at === object;
}

/**
 * End a detached list before the slab's own one, to which a thaw may have linked it already.
 *
 * Both end with the same objects if it did: then the longer one is walked until they are equally
 * long, and both together until they meet. @returns the list's length
 */
export function cut_list(cache: KmemCache, slab: Slab, first: usize): u32 {
  if (first === 0) return 0;
  let own = word_freelist(slab_word(slab));
  let own_left = length_of(cache, slab, own);
  let left = length_of(cache, slab, first);
  while (own_left > left) {
    own = get_freepointer(cache, own);
    own_left--;
  }
  let at = first;
  let tail: usize = 0;
  let length: u32 = 0;
  // `left` ends a list that a user has damaged.
  for (; at !== own && left > 0; left--) {
    tail = at;
    at = get_freepointer(cache, at);
    length++;
    if (left !== own_left) continue;
    own = get_freepointer(cache, own);
    own_left--;
  }
  if (tail !== 0) set_freepointer(cache, tail, 0);
  return length;
}
