/**
 * Barns: a node's full and empty sheaves of a cache, which its CPUs exchange for their own.
 *
 * What CPU A frees and CPU B allocates goes from one to the other in whole sheaves, one lock for
 * as many objects as a sheaf holds. Full ones are bounded by the bytes of their objects, not by
 * their number: ten sheaves of 60 objects of 64 bytes are nothing, a thousand of 12 of 2 KiB are
 * 24 MB. Kernel: mm/slub.c struct node_barn, barn_get_empty_sheaf(), barn_put_full_sheaf(),
 * barn_replace_empty_sheaf(), barn_replace_full_sheaf(); 7.0 - differs: the bound.
 *
 * A sheaf that comes is a CPU's before it leaves its list, and one that goes is on its list before
 * it leaves the CPU, both under the lock. So whoever dies in between leaves it in two places, never
 * in none: with the lock held, by which the recovery knows, and takes it for the barn's.
 */
import { KmemCache, KmemCacheCpu } from "../base/layout";
import { NODE_BARN_SIZE, NodeBarn, Sheaf } from "../base/layout_sheaf";
import { read_once, write_once } from "../sync/atomic";
import { note_miss } from "../sync/nolock_stat";
import { cpu_area, header } from "../sync/percpu";
import { spin_lock, spin_lock_surely, spin_unlock } from "../sync/spinlock";
import {
  BARN_GET,
  BARN_GET_FAIL,
  BARN_PUT,
  BARN_PUT_FAIL,
  NOLOCK_NULL_BARN,
  stat,
} from "../sync/stat";
import { MAX_EMPTY_SHEAVES, set_main } from "./sheaf";

/** @returns the barn of `cache` on `node`. Context: a heap with sheaves. */
export function get_barn(cache: KmemCache, node: u32): NodeBarn {
  const head = header();
  const index = <usize>cache.index * head.nr_nodes + node;
  return changetype<NodeBarn>(<usize>head.node_barns + index * NODE_BARN_SIZE);
}

/** @returns the list of full sheaves: how many, then the first. */
export function full_list(barn: NodeBarn): usize {
  return changetype<usize>(barn) + offsetof<NodeBarn>("nr_full");
}

/** @returns that of the empty ones. */
export function empty_list(barn: NodeBarn): usize {
  return changetype<usize>(barn) + offsetof<NodeBarn>("nr_empty");
}

/** @returns that of the sheaves that are out. */
export function prefilled_list(barn: NodeBarn): usize {
  return changetype<usize>(barn) + offsetof<NodeBarn>("nr_prefilled");
}

/** Where the first sheaf stands in a list. */
const FIRST: usize = 4;

/** @returns the address of what `c` has on its way between two places. */
export function hand_of(c: KmemCacheCpu): usize {
  return changetype<usize>(c) + offsetof<KmemCacheCpu>("sheaf_in_hand");
}

/** @returns the address of the first of the empty sheaves of `c`. */
export function spare_of(c: KmemCacheCpu): usize {
  return changetype<usize>(c) + offsetof<KmemCacheCpu>("spare");
}

/** @returns how many sheaves a list has: a hint without the barn's lock. */
function count_of(list: usize): u32 {
  return read_once(list);
}

/** @returns the first sheaf, or 0. Context: the barn's lock, as the next two. */
export function first_of(list: usize): usize {
  return <usize>load<u32>(list, FIRST);
}

/** Take the first sheaf off a list that has one. */
function unlink_first(list: usize): void {
  const sheaf = changetype<Sheaf>(first_of(list));
  store<u32>(list, sheaf.link, FIRST);
  write_once(list, load<u32>(list) - 1);
  sheaf.link = 0;
}

function push_first(list: usize, sheaf: usize): void {
  changetype<Sheaf>(sheaf).link = <u32>first_of(list);
  store<u32>(list, <u32>sheaf, FIRST);
  write_once(list, load<u32>(list) + 1);
}

/** Take the lock of a barn that has full ones. @returns false: missed. Context: no barn lock. */
function barn_lock_for_full(barn: NodeBarn, mode: u32): bool {
  if (spin_lock(changetype<usize>(barn), mode)) return true;
  note_miss(NOLOCK_NULL_BARN);
  return false;
}

/**
 * Let a full sheaf of the barn be `main`, and give the barn what was, and is in hand: an empty one,
 * or none.
 *
 * @returns false: nothing changed. Context: the section of `c`, with nothing below `main`; no lock
 * of a barn.
 */
export function barn_replace_empty_sheaf(
  cache: KmemCache,
  barn: NodeBarn,
  c: KmemCacheCpu,
  mode: u32,
): bool {
  // Asked before the lock: of a barn that stays empty nobody should have to take it.
  if (count_of(full_list(barn)) !== 0 && barn_lock_for_full(barn, mode)) {
    const full = <usize>barn.full;
    if (full !== 0) {
      set_main(c, changetype<Sheaf>(full));
      unlink_first(full_list(barn));
      if (c.sheaf_in_hand !== 0) push_first(empty_list(barn), <usize>c.sheaf_in_hand);
      c.sheaf_in_hand = 0;
    }
    spin_unlock(changetype<usize>(barn));
    if (full !== 0) {
      stat(cache, BARN_GET);
      return true;
    }
  }
  stat(cache, BARN_GET_FAIL);
  return false;
}

/** @returns true if the barn has room for a full sheaf, as far as a look can tell. */
export function barn_has_room(cache: KmemCache, barn: NodeBarn): bool {
  return count_of(full_list(barn)) < cache.barn_full;
}

/**
 * Give the barn the full sheaf in hand, and take an empty one for it, if this CPU has none.
 *
 * @returns false, with nothing changed: the barn has no room, or none. Context: the section of `c`;
 * no lock of a barn.
 */
export function barn_replace_full_sheaf(
  cache: KmemCache,
  barn: NodeBarn,
  c: KmemCacheCpu,
  mode: u32,
): bool {
  if (barn_has_room(cache, barn) && spin_lock(changetype<usize>(barn), mode)) {
    const done = barn.nr_full < cache.barn_full && (c.spare | barn.empty) !== 0;
    if (done) {
      if (c.spare === 0) {
        c.spare = barn.empty;
        unlink_first(empty_list(barn));
      }
      push_first(full_list(barn), <usize>c.sheaf_in_hand);
      c.sheaf_in_hand = 0;
    }
    spin_unlock(changetype<usize>(barn));
    if (done) {
      stat(cache, BARN_PUT);
      return true;
    }
  }
  stat(cache, BARN_PUT_FAIL);
  return false;
}

/**
 * Take an empty sheaf to `place`, the address of a word of this CPU's in which there is none.
 *
 * @returns it, or 0: the barn has none. Context: the lock of that place; no lock of a barn.
 */
export function barn_get_empty_sheaf(barn: NodeBarn, place: usize, mode: u32): usize {
  if (count_of(empty_list(barn)) === 0 || !spin_lock(changetype<usize>(barn), mode)) return 0;
  const empty = <usize>barn.empty;
  if (empty !== 0) {
    store<u32>(place, <u32>empty);
    unlink_first(empty_list(barn));
  }
  spin_unlock(changetype<usize>(barn));
  return empty;
}

/**
 * Give the barn a full sheaf, which `hand` leads to, or nothing: the address of a word.
 *
 * @returns false, with nothing changed: the barn has room for no more. Context: no barn lock.
 */
export function barn_put_full_sheaf(
  cache: KmemCache,
  barn: NodeBarn,
  hand: usize,
  full: usize,
  mode: u32,
): bool {
  if (barn_has_room(cache, barn) && spin_lock(changetype<usize>(barn), mode)) {
    const done = barn.nr_full < cache.barn_full;
    if (done) {
      push_first(full_list(barn), full);
      store<u32>(hand, 0);
    }
    spin_unlock(changetype<usize>(barn));
    if (done) {
      stat(cache, BARN_PUT);
      return true;
    }
  }
  stat(cache, BARN_PUT_FAIL);
  return false;
}

/** The same with an empty one. @returns false, with nothing changed: the barn has enough. */
export function barn_put_empty_sheaf(barn: NodeBarn, hand: usize, empty: usize, mode: u32): bool {
  if (count_of(empty_list(barn)) >= MAX_EMPTY_SHEAVES) return false;
  if (!spin_lock(changetype<usize>(barn), mode)) return false;
  push_first(empty_list(barn), empty);
  store<u32>(hand, 0);
  spin_unlock(changetype<usize>(barn));
  return true;
}

/**
 * Take any sheaf to `place`, the full ones first. @returns it, or 0: none is left. Context: as
 * barn_get_empty_sheaf().
 */
export function barn_take_any(barn: NodeBarn, place: usize, mode: u32): usize {
  if ((count_of(full_list(barn)) | count_of(empty_list(barn))) === 0) return 0;
  if (!spin_lock(changetype<usize>(barn), mode)) return 0;
  const list = barn.full !== 0 ? full_list(barn) : empty_list(barn);
  const sheaf = first_of(list);
  if (sheaf !== 0) {
    store<u32>(place, <u32>sheaf);
    unlink_first(list);
  }
  spin_unlock(changetype<usize>(barn));
  return sheaf;
}

/** List a sheaf in the hand of this CPU as one that it has out. Context: a caller that may wait. */
export function barn_give_out(barn: NodeBarn, c: KmemCacheCpu, sheaf: Sheaf, mode: u32): void {
  spin_lock_surely(changetype<usize>(barn), mode);
  sheaf.bottom = cpu_area().cpu + 1;
  push_first(prefilled_list(barn), changetype<usize>(sheaf));
  c.sheaf_in_hand = 0;
  spin_unlock(changetype<usize>(barn));
}

/**
 * Take a sheaf that CPU `owner` - 1 has out off the list, into the hand of `c`. It keeps its owner.
 *
 * @param sheaf 0: any
 * @returns it, or 0: there is none, or the lock was missed. Context: no lock of a barn.
 */
export function barn_take_back(
  barn: NodeBarn,
  c: KmemCacheCpu,
  sheaf: usize,
  owner: u32,
  mode: u32,
): usize {
  if (count_of(prefilled_list(barn)) === 0 || !spin_lock_surely(changetype<usize>(barn), mode))
    return 0;
  let before = prefilled_list(barn) + FIRST;
  let at = <usize>load<u32>(before);
  while (at !== 0 && ((sheaf !== 0 && at !== sheaf) || changetype<Sheaf>(at).bottom !== owner)) {
    before = at;
    at = <usize>changetype<Sheaf>(at).link;
  }
  if (at !== 0) {
    c.sheaf_in_hand = <u32>at;
    store<u32>(before, changetype<Sheaf>(at).link);
    write_once(prefilled_list(barn), barn.nr_prefilled - 1);
    changetype<Sheaf>(at).link = 0;
  }
  spin_unlock(changetype<usize>(barn));
  return at;
}

if (offsetof<Sheaf>("link") !== 0) ERROR("a sheaf is where its link is");
