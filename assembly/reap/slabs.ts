/**
 * The slabs of dead CPUs: cpu slabs, percpu partial and deferred ones, those between two places,
 * and those that a dead CPU made partial and nobody has.
 *
 * Everything is done with slab_mutex held, so that no destroy flushes the same CPU meanwhile.
 */
import { LOCK_BOUNDED } from "../base/config";
import {
  CACHE_FREE,
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
import { page_kind, page_slab, pfn_to_page, set_page_heads, virt_to_page } from "../page/page";
import { add_full } from "../slab/debug_cache";
import { is_debug_cache } from "../slab/debug_layout";
import { cpu_slabs } from "../slab/defer";
import { deactivate_and_drain, slabs_lock } from "../slab/drain";
import { cache_at, cache_state } from "../slab/kmem_cache";
import { cpu_slab, list_or_defer } from "../slab/kmem_cache_cpu";
import {
  add_partial,
  get_node,
  nr_partial,
  remove_partial,
  slab_node,
} from "../slab/kmem_cache_node";
import { discard_slab } from "../slab/new_slab";
import { list_lock, list_unlock } from "../slab/section";
import { slab_word, word_freelist, word_frozen, word_inuse } from "../slab/slab";
import { cmpxchg, cpu_relax, read_once, write_once } from "../sync/atomic";
import { cpu_cache_of, cpu_token, header, next_word, per_cpu } from "../sync/percpu";
import { spin_lock, spin_unlock } from "../sync/spinlock";
import { DEACTIVATE_TO_TAIL } from "../sync/stat";
import { is_dead, is_known_dead, is_taken, note } from "./dead";
import { cut_list, is_on_own_list } from "./freelist";

/** Turns that a live CPU gets for a few accesses: longer than it may be off its core. */
const TURNS: u32 = 1 << 26;

/** Forget the list of deferred slabs: each is in its CPU's hand anyway. */
export function drop_deferred(area: CpuArea): void {
  // A live CPU may be taking the list; a dead one adds no more.
  while (!spin_lock(slabs_lock(area), LOCK_BOUNDED)) {}
  write_once(cpu_slabs(area), 0);
  spin_unlock(slabs_lock(area));
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

/** Put a slab away that is in this CPU's hand and partial, or empty. */
function put_slab(cache: KmemCache, slab: Slab, mode: u32): void {
  slab.flush_freelist = 0;
  slab.llnode = 0;
  slab.next = 0;
  // A live CPU that frees an object of it reads the heads: only those that are missing are set.
  if (!has_heads(slab)) set_page_heads(slab, slab.order, changetype<usize>(slab));
  list_or_defer(cache, slab, mode);
}

/** A slab of a debug cache that was in a dead CPU's hand. */
function put_debug_slab(cache: KmemCache, slab: Slab, mode: u32): void {
  const node = slab_node(cache, slab);
  while (!list_lock(node, mode)) {}
  if (word_frozen(slab_word(slab))) slab.in_hand = 0;
  else add_full(node, slab);
  list_unlock(node);
}

/** One slab that is in a dead CPU's hand. */
function take_slab(cache: KmemCache, slab: Slab, seen: u32, mode: u32): void {
  const word = slab_word(slab);
  if (is_debug_cache(cache) && (word_frozen(word) || word_freelist(word) === 0)) {
    put_debug_slab(cache, slab, mode);
  } else if (word_frozen(word)) {
    // A thaw may have linked the list to the slab's own one, and not have happened.
    cut_list(cache, slab, <usize>slab.flush_freelist);
    hold(slab);
    slab.llnode = 0;
    deactivate_and_drain(cache, slab, mode);
  } else if (word_freelist(word) === 0) {
    // Thawed full. Whoever frees to it next may have it.
    cmpxchg(in_hand_address(slab), seen, 0);
  } else if (seen < HAND_LEAVES) {
    hold(slab);
    put_slab(cache, slab, mode);
  }
}

/** @returns the cache of a slab, 0 for other pages. */
export function cache_of(slab: Slab): usize {
  if (page_kind(slab) !== PG_SLAB) return 0;
  return <usize>read_once(changetype<usize>(slab) + offsetof<Slab>("slab_cache"));
}

/** All slabs in the hands of dead CPUs. */
export function take_slabs_in_hand(report: usize, mode: u32): void {
  const end = end_pfn();
  for (let pfn = header().first_pfn; pfn < end; pfn++) {
    const slab = pfn_to_page(pfn);
    const cache = cache_of(slab);
    if (cache === 0) continue;
    const seen = read_once(in_hand_address(slab));
    if (!is_dead(seen)) continue;
    note(report, offsetof<ReapReport>("slabs"), 1);
    take_slab(changetype<KmemCache>(cache), slab, seen, mode);
  }
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
 * the look may be old by the time of ours: then the slab is somebody
 * else's who has it without a hand - a cpu slab, on a node's list - or nobody's, full. So it is
 * judged again under list_lock. All who take a slab in hand otherwise store to the word without
 * asking; if it still holds our token, nobody did since our cmpxchg, and nobody can have listed,
 * frozen or discarded it, which all begin or end with such a store; and a listing under list_lock
 * that was in progress is over. If it was not ours to take, the hand is taken back by another
 * cmpxchg, and the slab looked at again: a free that made it partial meanwhile saw our token and
 * left the slab to us.
 */
function take_lost_slab(slab: Slab, report: usize, mode: u32): void {
  const hand = in_hand_address(slab);
  const token = cpu_token();
  for (let turn: u32 = 0; turn < TURNS && seems_lost(slab); turn++) {
    const seen = read_once(hand);
    if (seen !== 0 && !is_dead(seen)) {
      if (seen < HAND_LEAVES || is_known_dead(seen)) return;
      // A live CPU is at the end of a thaw: a few accesses more.
      cpu_relax(hand);
      continue;
    }
    if (cmpxchg(hand, seen, token) !== seen) continue;
    const cache = changetype<KmemCache>(<usize>slab.slab_cache);
    // Another dead CPU may be in there: then it is left to who recovers that.
    if (!wait_for_claims()) turn = TURNS - 1;
    else if (changetype<usize>(cache) !== 0) {
      const node = slab_node(cache, slab);
      while (!list_lock(node, mode)) {}
      const same = <usize>slab.slab_cache === changetype<usize>(cache);
      if (same && seems_lost(slab) && read_once(hand) === token) {
        add_partial(node, slab, DEACTIVATE_TO_TAIL);
        list_unlock(node);
        note(report, offsetof<ReapReport>("slabs"), 1);
        return;
      }
      list_unlock(node);
    }
    cmpxchg(hand, token, 0);
  }
}

/** All slabs that dead CPUs made partial and did not take in hand. */
export function take_lost_slabs(report: usize, mode: u32): void {
  const end = end_pfn();
  for (let pfn = header().first_pfn; pfn < end; pfn++) {
    const slab = pfn_to_page(pfn);
    const cache = cache_of(slab);
    if (cache === 0 || is_debug_cache(changetype<KmemCache>(cache))) continue;
    take_lost_slab(slab, report, mode);
  }
}

/** Take an empty slab off a node's list if there are too many. @returns it, or 0. */
function take_empty(cache: KmemCache, number: u32, mode: u32): usize {
  const node = get_node(cache, number);
  if (nr_partial(node) <= cache.min_partial) return 0;
  while (!list_lock(node, mode)) {}
  let count: u32 = 0;
  let last: usize = 0;
  for (let at = <usize>node.partial; at !== 0; at = <usize>changetype<Slab>(at).next) {
    if (word_inuse(slab_word(changetype<Slab>(at))) !== 0) continue;
    last = at;
    count++;
  }
  if (count <= cache.min_partial) last = 0;
  if (last !== 0) remove_partial(node, changetype<Slab>(last));
  list_unlock(node);
  return last;
}

/** Give empty slabs back that a rebuilt list has too many of. */
export function trim_empties(mode: u32): void {
  const head = header();
  for (let index: u32 = 1; index < head.nr_caches; index++) {
    const cache = cache_at(index);
    if (cache_state(cache) === CACHE_FREE) continue;
    for (let number: u32 = 0; number < head.nr_nodes; number++) {
      while (true) {
        const slab = take_empty(cache, number, mode);
        if (slab === 0) break;
        discard_slab(cache, changetype<Slab>(slab), mode);
      }
    }
  }
}
