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
import { header } from "../sync/percpu";
import { spin_lock, spin_unlock } from "../sync/spinlock";
import { BARN_GET, BARN_GET_FAIL, BARN_PUT, BARN_PUT_FAIL, stat } from "../sync/stat";
import { MAX_EMPTY_SHEAVES, set_main } from "./sheaf";

/** @returns the barn of `cache` on `node`. Context: a heap with sheaves. */
export function get_barn(cache: KmemCache, node: u32): NodeBarn {
  const head = header();
  const index = <usize>cache.index * head.nr_nodes + node;
  return changetype<NodeBarn>(<usize>head.node_barns + index * NODE_BARN_SIZE);
}

function full_address(barn: NodeBarn): usize {
  return changetype<usize>(barn) + offsetof<NodeBarn>("nr_full");
}

function empty_address(barn: NodeBarn): usize {
  return changetype<usize>(barn) + offsetof<NodeBarn>("nr_empty");
}

/** Take a sheaf off the front of the full ones. Context: the barn's lock. */
function unlink_full(barn: NodeBarn, sheaf: usize): void {
  barn.full = changetype<Sheaf>(sheaf).link;
  write_once(full_address(barn), barn.nr_full - 1);
  changetype<Sheaf>(sheaf).link = 0;
}

function push_full(barn: NodeBarn, sheaf: usize): void {
  changetype<Sheaf>(sheaf).link = barn.full;
  barn.full = <u32>sheaf;
  write_once(full_address(barn), barn.nr_full + 1);
}

function unlink_empty(barn: NodeBarn, sheaf: usize): void {
  barn.empty = changetype<Sheaf>(sheaf).link;
  write_once(empty_address(barn), barn.nr_empty - 1);
  changetype<Sheaf>(sheaf).link = 0;
}

function push_empty(barn: NodeBarn, sheaf: usize): void {
  changetype<Sheaf>(sheaf).link = barn.empty;
  barn.empty = <u32>sheaf;
  write_once(empty_address(barn), barn.nr_empty + 1);
}

/**
 * Let a full sheaf of the barn be `main`, and give the barn what was, and is in hand: an empty one,
 * or none.
 *
 * @returns false: nothing changed. Context: the section of `c`, without a main; no lock of a barn.
 */
export function barn_replace_empty_sheaf(
  cache: KmemCache,
  barn: NodeBarn,
  c: KmemCacheCpu,
  mode: u32,
): bool {
  // Asked before the lock: of a barn that stays empty nobody should have to take it.
  if (read_once(full_address(barn)) !== 0 && spin_lock(changetype<usize>(barn), mode)) {
    const full = <usize>barn.full;
    if (full !== 0) {
      set_main(c, changetype<Sheaf>(full));
      unlink_full(barn, full);
      if (c.sheaf_in_hand !== 0) push_empty(barn, <usize>c.sheaf_in_hand);
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
  return read_once(full_address(barn)) < cache.barn_full;
}

/**
 * Let an empty sheaf of the barn be `main`, and give the barn what was, and is in hand: full.
 *
 * @returns false, with nothing changed: the barn has none, or no room. Context: as above.
 */
export function barn_replace_full_sheaf(
  cache: KmemCache,
  barn: NodeBarn,
  c: KmemCacheCpu,
  mode: u32,
): bool {
  if (barn_has_room(cache, barn) && spin_lock(changetype<usize>(barn), mode)) {
    const empty = barn.nr_full < cache.barn_full ? <usize>barn.empty : 0;
    if (empty !== 0) {
      set_main(c, changetype<Sheaf>(empty));
      unlink_empty(barn, empty);
      push_full(barn, <usize>c.sheaf_in_hand);
      c.sheaf_in_hand = 0;
    }
    spin_unlock(changetype<usize>(barn));
    if (empty !== 0) {
      stat(cache, BARN_PUT);
      return true;
    }
  }
  stat(cache, BARN_PUT_FAIL);
  return false;
}

/**
 * Take an empty sheaf into the hand of `c`. @returns it, or 0: the barn has none. Context: `c` is
 * this CPU's and has nothing in hand; no lock of a barn.
 */
export function barn_get_empty_sheaf(barn: NodeBarn, c: KmemCacheCpu, mode: u32): usize {
  if (read_once(empty_address(barn)) === 0 || !spin_lock(changetype<usize>(barn), mode)) return 0;
  const empty = <usize>barn.empty;
  if (empty !== 0) {
    c.sheaf_in_hand = <u32>empty;
    unlink_empty(barn, empty);
  }
  spin_unlock(changetype<usize>(barn));
  return empty;
}

/**
 * Give the barn a full sheaf, which is in the hand of `c`, if in any.
 *
 * @returns false, with nothing changed: the barn has room for no more. Context: no barn lock.
 */
export function barn_put_full_sheaf(
  cache: KmemCache,
  barn: NodeBarn,
  c: KmemCacheCpu,
  full: usize,
  mode: u32,
): bool {
  if (barn_has_room(cache, barn) && spin_lock(changetype<usize>(barn), mode)) {
    const done = barn.nr_full < cache.barn_full;
    if (done) {
      push_full(barn, full);
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

/** The same with an empty one. @returns false, with nothing changed: the barn has enough. */
export function barn_put_empty_sheaf(
  barn: NodeBarn,
  c: KmemCacheCpu,
  empty: usize,
  mode: u32,
): bool {
  if (read_once(empty_address(barn)) >= MAX_EMPTY_SHEAVES) return false;
  if (!spin_lock(changetype<usize>(barn), mode)) return false;
  push_empty(barn, empty);
  c.sheaf_in_hand = 0;
  spin_unlock(changetype<usize>(barn));
  return true;
}

/**
 * Take any sheaf into the hand of `c`, the full ones first. @returns it, or 0: none is left.
 * Context: as barn_get_empty_sheaf().
 */
export function barn_take_any(barn: NodeBarn, c: KmemCacheCpu, mode: u32): usize {
  if ((read_once(full_address(barn)) | read_once(empty_address(barn))) === 0) return 0;
  if (!spin_lock(changetype<usize>(barn), mode)) return 0;
  const full = <usize>barn.full;
  const sheaf = full !== 0 ? full : <usize>barn.empty;
  if (sheaf !== 0) {
    c.sheaf_in_hand = <u32>sheaf;
    if (full !== 0) unlink_full(barn, full);
    else unlink_empty(barn, sheaf);
  }
  spin_unlock(changetype<usize>(barn));
  return sheaf;
}

/**
 * Make the counts what the lists say, after a death in the middle of the above. Context: the lock.
 */
export function recount_barn(barn: NodeBarn): void {
  let full: u32 = 0;
  for (let at = <usize>barn.full; at !== 0; at = <usize>changetype<Sheaf>(at).link) full++;
  let empty: u32 = 0;
  for (let at = <usize>barn.empty; at !== 0; at = <usize>changetype<Sheaf>(at).link) empty++;
  write_once(full_address(barn), full);
  write_once(empty_address(barn), empty);
}

/** @returns true if the barn has that sheaf. Context: its lock. */
export function is_in_barn(barn: NodeBarn, sheaf: usize): bool {
  let at = <usize>barn.full;
  while (at !== 0 && at !== sheaf) at = <usize>changetype<Sheaf>(at).link;
  if (at !== 0) return true;
  at = <usize>barn.empty;
  while (at !== 0 && at !== sheaf) at = <usize>changetype<Sheaf>(at).link;
  return at !== 0;
}
