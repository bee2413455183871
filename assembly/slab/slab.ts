/**
 * The slab word: freelist and counters of a slab, always read and changed as one i64.
 *
 * ```
 *  63     62        48 47      32 31             0
 * | frozen |  objects  |  inuse   |    freelist    |
 * ```
 * Why cmpxchg without a tag is safe (ABA): a slab's objects are taken only as a whole list, by
 * the one CPU that freezes the slab or already has it frozen; frees only add. So if freelist and
 * counters are what they were, every object below the head is what it was too.
 *
 * Kernel: mm/slub.c struct slab, slab_update_freelist(); 6.18.
 */
import { LOCK_BOUNDED, SLAB_NO_CMPXCHG } from "../base/config";
import { KmemCache, KmemCacheCpu, Slab } from "../base/layout";
import { cmpxchg_double, read_once64, write_once64 } from "../sync/atomic";
import { spin_lock, spin_unlock } from "../sync/spinlock";
import { CMPXCHG_DOUBLE_FAIL, stat } from "../sync/stat";

/** @returns the slab's word as it is now. Context: any. */
export function slab_word(slab: Slab): u64 {
  return read_once64(changetype<usize>(slab));
}

/** Set the word of a slab that nobody else can reach. */
export function set_slab_word(slab: Slab, word: u64): void {
  write_once64(changetype<usize>(slab), word);
}

/** @returns the first free object, or 0. */
export function word_freelist(word: u64): usize {
  return <usize>(<u32>word);
}

/** @returns objects in use. */
export function word_inuse(word: u64): u32 {
  return <u32>(word >> 32) & 0xffff;
}

/** @returns objects in the slab. */
export function word_objects(word: u64): u32 {
  return <u32>(word >> 48) & 0x7fff;
}

/** @returns true while the slab is a cpu slab. */
export function word_frozen(word: u64): bool {
  return word >> 63 !== 0;
}

/** @returns the packed word. */
export function make_word(freelist: usize, inuse: u32, objects: u32, frozen: bool): u64 {
  const counters = inuse | (objects << 16) | ((<u32>frozen) << 31);
  return ((<u64>counters) << 32) | <u64>freelist;
}

/**
 * Replace the word if it is still `old`; count a miss.
 *
 * Publishes: the free pointers that were written into the objects of the new list before.
 * Context: any; in a cache without cmpxchg nobody may call it who could have interrupted the
 * holder of the slab lock. Kernel: slab_update_freelist(), 6.18.
 */
export function slab_update_freelist(cache: KmemCache, slab: Slab, old: u64, word: u64): bool {
  return try_update(cache, slab, old, word) || update_slow(cache, slab, old, word);
}

/**
 * The one cmpxchg that nearly always does it. @returns false if it missed, or the cache has none:
 * then update_slow(). By itself only where a call would be a tenth of the whole operation.
 */
export function try_update(cache: KmemCache, slab: Slab, old: u64, word: u64): bool {
  if ((cache.flags & SLAB_NO_CMPXCHG) !== 0) return false;
  return cmpxchg_double(changetype<usize>(slab), old, word) === old;
}

/** What try_update() could not do: the update under the slab lock, or a miss that is counted. */
export function update_slow(cache: KmemCache, slab: Slab, old: u64, word: u64): bool {
  const locked = (cache.flags & SLAB_NO_CMPXCHG) !== 0;
  if (locked && update_locked(slab, old, word)) return true;
  stat(cache, CMPXCHG_DOUBLE_FAIL);
  return false;
}

/**
 * The same under the slab's own lock (kernel: slab_lock(), a bit spinlock in the page's flags).
 *
 * The word is still read without the lock elsewhere, as one i64, so it is written as one. The
 * section is irq-off and a few accesses long; calls inside it do nothing that could take the lock
 * again.
 */
function update_locked(slab: Slab, old: u64, word: u64): bool {
  const lock = changetype<usize>(slab) + offsetof<Slab>("lock");
  // Also a CPU that may not sleep waits here: the kernel's slab_lock() has no other way either.
  while (!spin_lock(lock, LOCK_BOUNDED)) {}
  const same = slab_word(slab) === old;
  if (same) set_slab_word(slab, word);
  spin_unlock(lock);
  return same;
}

/**
 * Freeze a slab, if it is not frozen yet, and take everything that is free in it.
 *
 * - Races with: remote frees to this slab, which add one object each; then retry.
 * - Ends: a retry means that a free got through, and there are at most `objects` of them.
 * - The list is in no place between the cmpxchg and the store to the cpu freelist, but its first
 *   object is noted in `c.moving`, for whoever recovers this CPU. Only this CPU takes from the
 *   slab, so the list was taken exactly if the slab's own list does not have that object any more.
 *
 * @returns the list, or 0 with nothing changed: the slab is full.
 * Context: local lock of `c`; the slab is its cpu slab or in this CPU's hand.
 * Kernel: get_freelist(), freeze_slab(), 6.18 - differs: a full slab is thawed by the caller.
 */
export function take_freelist(cache: KmemCache, c: KmemCacheCpu, slab: Slab): usize {
  while (true) {
    const old = slab_word(slab);
    const freelist = word_freelist(old);
    if (freelist === 0) return 0;
    c.moving = <u32>freelist;
    const objects = word_objects(old);
    const word = make_word(0, objects, objects, true);
    if (slab_update_freelist(cache, slab, old, word)) return freelist;
  }
}
