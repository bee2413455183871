/**
 * Why a nolock allocation came to nothing: the first thing on its way that it could not have.
 *
 * A bucket that has nothing met several things: its sheaves' local lock, the barn's, its slab's,
 * list_lock. The first lock that was missed is counted, since with it nothing behind it would have
 * been asked; where none was, there was no page. So the counters of NULL sum up to the buckets that
 * had nothing. Who interrupts such a call has a count of its own, as handlers nest: what it missed
 * is forgotten when it ends. All of it is in builds that count alone.
 */
import { KmemCache } from "../base/layout";
import { cpu_area } from "./percpu";
import { NOLOCK_NULL_PAGES, stat } from "./stat";

/** A lock was not to be had. @param cause NOLOCK_NULL_LOCK, _BARN or _LIST_LOCK. Context: any. */
export function note_miss(cause: u32): void {
  if (isDefined(SLUB_STATS)) {
    const area = cpu_area();
    if (area.nolock_missed === 0) area.nolock_missed = cause;
  }
}

/** A nolock allocation begins. @returns what end_misses() takes. Context: any. */
export function begin_misses(): u32 {
  if (!isDefined(SLUB_STATS)) return 0;
  const area = cpu_area();
  const before = area.nolock_missed;
  area.nolock_missed = 0;
  return before;
}

/** It has ended. @param object what `cache` gave; 0: nothing, which is counted */
export function end_misses(cache: KmemCache, object: usize, before: u32): void {
  if (!isDefined(SLUB_STATS)) return;
  const area = cpu_area();
  const missed = area.nolock_missed;
  if (object === 0) stat(cache, missed !== 0 ? missed : NOLOCK_NULL_PAGES);
  area.nolock_missed = before;
}
