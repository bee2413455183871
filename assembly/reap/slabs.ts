/**
 * The slabs of dead CPUs: cpu slabs, percpu partial and deferred ones, those between two places,
 * and those that a dead CPU made partial and nobody has.
 *
 * Everything is done with slab_mutex held, so that no destroy flushes the same CPU meanwhile.
 */
import {
  KmemCache,
  KmemCacheCpu,
  PAGE_DESC_SHIFT,
  PG_SLAB,
  SL_PARTIAL,
  Slab,
} from "../base/layout";
import { CpuArea } from "../base/layout_percpu";
import { ReapReport } from "../base/layout_reap";
import { end_pfn } from "../page/grow";
import { HAND_LEAVES, hold, in_hand_address } from "../page/hand";
import { page_kind, page_slab, pfn_to_page, virt_to_page } from "../page/page";
import { thaw } from "../slab/deactivate";
import { add_full } from "../slab/debug_cache";
import { is_debug_cache } from "../slab/debug_layout";
import { cpu_slabs, defer_slab } from "../slab/defer";
import { slabs_lock } from "../slab/drain";
import { cpu_slab, unfreeze_partial } from "../slab/kmem_cache_cpu";
import { add_partial, slab_node } from "../slab/kmem_cache_node";
import { list_lock, list_unlock } from "../slab/section";
import { publish_slab } from "../slab/page_class";
import { slab_word, word_freelist, word_frozen } from "../slab/slab";
import { cmpxchg, cpu_relax, read_once, write_once } from "../sync/atomic";
import { cpu_cache_of, cpu_token, header, next_word, per_cpu } from "../sync/percpu";
import { spin_lock, spin_unlock } from "../sync/spinlock";
import { DEACTIVATE_TO_TAIL } from "../sync/stat";
import { is_dead, is_known_dead, is_taken, note } from "./dead";
import { cut_list, is_on_own_list } from "./freelist";

/**
 * Turns that a live CPU gets for a few accesses: some milliseconds. If it is off its core for
 * longer, the recovery is begun anew. On the machine each turn is a step of everybody.
 */
const TURNS: u32 = isDefined(SLUB_MODEL) ? 1 << 6 : 1 << 22;

/**
 * Forget the list of deferred slabs: each is in its CPU's hand anyway. @returns false: the lock is
 * missed.
 */
export function drop_deferred(area: CpuArea, mode: u32): bool {
  // A live CPU may be taking the list; a dead one adds no more.
  if (!spin_lock(slabs_lock(area), mode)) return false;
  write_once(cpu_slabs(area), 0);
  spin_unlock(slabs_lock(area));
  return true;
}

/**
 * Put the cpu slab that a dead CPU has of `cache` in its hand, as detach_cpu_slab() would have; its
 * percpu partial slabs are in its hand already.
 *
 * The list goes to `flush_freelist` first, then the slab into the hand, then the CPU forgets: at
 * each step `c` or the slab says what the list is, and if both do, they say the same.
 */
export function detach_dead_cpu_slab(area: CpuArea, cache: KmemCache, report: usize): void {
  const c = cpu_cache_of(area, cache);
  const address = changetype<usize>(c);
  const word = load<u64>(address);
  const moving = <usize>c.moving;
  let at = cpu_slab(c);
  if (at === 0 && moving !== 0) at = page_slab(virt_to_page(moving));
  if (at !== 0) {
    const slab = changetype<Slab>(at);
    let list = <usize>(<u32>word);
    if (moving !== 0 && !is_on_own_list(cache, slab, moving)) list = moving;
    if (list === 0) list = <usize>slab.flush_freelist;
    if (list !== <usize>(<u32>word)) {
      note(report, offsetof<ReapReport>("freelists"), cut_list(cache, slab, list));
    }
    slab.flush_freelist = <u32>list;
    slab.in_hand = area.cpu + 1;
  }
  store<u64>(address, next_word(word, 0));
  c.slab = 0;
  c.moving = 0;
  c.partial = 0;
  c.lock = 0;
  write_once(address + offsetof<KmemCacheCpu>("request"), 0);
}

/** @returns true if all pages of a slab lead to it: it was not on its way in or out. */
function has_heads(slab: Slab): bool {
  const base = changetype<usize>(slab);
  for (let i: u32 = 0; i < 1 << slab.order; i++) {
    if (page_slab(changetype<Slab>(base + ((<usize>i) << PAGE_DESC_SHIFT))) !== base) return false;
  }
  return true;
}

/**
 * List a thawed slab in this CPU's hand. Where the lock is missed, a live CPU defers it; one that
 * recovers itself has it in a dead hand, where the next pass finds it. @returns false in that case.
 */
function list_slab(cache: KmemCache, slab: Slab, mode: u32): bool {
  if (unfreeze_partial(cache, slab, mode)) return true;
  if (is_dead(cpu_token())) return false;
  defer_slab(cache, slab);
  return true;
}

/** Put a slab away that is in this CPU's hand and partial, or empty. */
function put_slab(cache: KmemCache, slab: Slab, mode: u32): bool {
  slab.flush_freelist = 0;
  slab.llnode = 0;
  slab.next = 0;
  // A live CPU that frees an object of it reads the heads: only those that are missing are set.
  if (!has_heads(slab)) publish_slab(cache, slab);
  return list_slab(cache, slab, mode);
}

/** A slab of a debug cache that was in a dead CPU's hand. */
function put_debug_slab(cache: KmemCache, slab: Slab, mode: u32): bool {
  const node = slab_node(cache, slab);
  if (!list_lock(node, mode)) return false;
  if (word_frozen(slab_word(slab))) slab.in_hand = 0;
  else add_full(node, slab);
  list_unlock(node);
  return true;
}

/** One slab that is in a dead CPU's hand. @returns false: a lock is missed, and it still is. */
function take_slab(cache: KmemCache, slab: Slab, seen: u32, mode: u32): bool {
  const word = slab_word(slab);
  if (is_debug_cache(cache) && (word_frozen(word) || word_freelist(word) === 0)) {
    return put_debug_slab(cache, slab, mode);
  }
  if (word_frozen(word)) {
    // A thaw may have linked the list to the slab's own one, and not have happened.
    cut_list(cache, slab, <usize>slab.flush_freelist);
    hold(slab);
    slab.llnode = 0;
    // Not deactivate_slab(), which drains: nothing may be freed before all hands are empty.
    return !thaw(cache, slab) || list_slab(cache, slab, mode);
  }
  if (word_freelist(word) === 0) {
    // Thawed full. Whoever frees to it next may have it.
    cmpxchg(in_hand_address(slab), seen, 0);
  } else if (seen < HAND_LEAVES) {
    hold(slab);
    return put_slab(cache, slab, mode);
  }
  return true;
}

/** @returns the cache of a slab, 0 for other pages. */
export function cache_of(slab: Slab): usize {
  if (page_kind(slab) !== PG_SLAB) return 0;
  return <usize>read_once(changetype<usize>(slab) + offsetof<Slab>("slab_cache"));
}

/** All slabs in the hands of dead CPUs. @returns false: a lock is missed. */
export function take_slabs_in_hand(report: usize, mode: u32): bool {
  const end = end_pfn();
  for (let pfn = header().first_pfn; pfn < end; pfn++) {
    const slab = pfn_to_page(pfn);
    const cache = cache_of(slab);
    if (cache === 0) continue;
    const seen = read_once(in_hand_address(slab));
    if (!is_dead(seen)) continue;
    note(report, offsetof<ReapReport>("slabs"), 1);
    if (!take_slab(changetype<KmemCache>(cache), slab, seen, mode)) return false;
  }
  return true;
}

/** Is this a slab that is partial and on no list, as far as a look can tell? */
function seems_lost(slab: Slab): bool {
  const word = slab_word(slab);
  const alone = !word_frozen(word) && word_freelist(word) !== 0 && (slab.flags & SL_PARTIAL) === 0;
  return alone && page_kind(slab) === PG_SLAB;
}

/**
 * Wait until every live CPU was seen outside claim_move(1) .. claim(): whoever made a slab partial
 * that is in our hand by now has found it there. A CPU that is known to be dead, also while it is
 * waited for, finds nothing any more; one of which nobody said so is not waited for for ever.
 *
 * @returns false if one is inside all the time.
 */
export function wait_for_claims(): bool {
  const cpus = header().nr_cpu_ids;
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    const claiming = changetype<usize>(per_cpu(cpu)) + offsetof<CpuArea>("claiming");
    let turn: u32 = 0;
    while (is_taken(cpu) && read_once(claiming) !== 0) {
      if (++turn === TURNS) return false;
      cpu_relax(claiming);
    }
  }
  return true;
}

/**
 * Put a slab away that somebody made partial and then nobody took in hand.
 *
 * It looks the same for a moment when a live CPU frees to a full slab: after its cmpxchg of the
 * word, before its claim(). Both take it in hand by a cmpxchg, so one of the two has it, and the
 * other leaves it alone; it stays in our hand until everybody who may want it has seen that. But
 * the look may be old by the time of ours: then the slab is somebody else's who has it without a
 * hand - a cpu slab, on a node's list - or nobody's, full. So it is looked at once more in our
 * hand, before the frees in progress are waited for: who made partial what that look finds is one
 * of them. And it is judged again under list_lock. All who take a slab in hand otherwise store to
 * the word without asking; if it still holds our token, nobody did since our cmpxchg, and nobody
 * can have listed, frozen or discarded it, which all begin or end with such a store; and a listing
 * under list_lock that was in progress is over. If it was not ours to take, the hand is taken back
 * by another cmpxchg, and the slab looked at again: a free that made it partial meanwhile saw our
 * token and left the slab to us. @returns false: a lock is missed, or a live CPU is in the middle
 * of it.
 */
function take_lost_slab(slab: Slab, report: usize, mode: u32): bool {
  const hand = in_hand_address(slab);
  const token = cpu_token();
  for (let turn: u32 = 0; turn < TURNS; turn++) {
    if (!seems_lost(slab)) return true;
    const seen = read_once(hand);
    if (seen !== 0 && !is_dead(seen)) {
      if (seen < HAND_LEAVES || is_known_dead(seen)) return true;
      // A live CPU is at the end of a thaw: a few accesses more.
      cpu_relax(hand);
      continue;
    }
    if (cmpxchg(hand, seen, token) !== seen) continue;
    const cache = changetype<KmemCache>(<usize>slab.slab_cache);
    if (changetype<usize>(cache) !== 0 && seems_lost(slab)) {
      const node = slab_node(cache, slab);
      if (!wait_for_claims() || !list_lock(node, mode)) {
        cmpxchg(hand, token, 0);
        return false;
      }
      const same = <usize>slab.slab_cache === changetype<usize>(cache);
      if (same && seems_lost(slab) && read_once(hand) === token) {
        add_partial(node, slab, DEACTIVATE_TO_TAIL);
        list_unlock(node);
        note(report, offsetof<ReapReport>("slabs"), 1);
        return true;
      }
      list_unlock(node);
    }
    cmpxchg(hand, token, 0);
  }
  return false;
}

/** All slabs that dead CPUs made partial and did not take in hand. @returns false: not all. */
export function take_lost_slabs(report: usize, mode: u32): bool {
  const end = end_pfn();
  for (let pfn = header().first_pfn; pfn < end; pfn++) {
    const slab = pfn_to_page(pfn);
    const cache = cache_of(slab);
    if (cache === 0 || is_debug_cache(changetype<KmemCache>(cache))) continue;
    if (!take_lost_slab(slab, report, mode)) return false;
  }
  return true;
}
