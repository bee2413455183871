/**
 * The sheaves of dead CPUs: their objects go to their slabs, their memory goes back.
 *
 * A CPU that dies leaves each of its sheaves in one of its places, in the hand and in one of them,
 * or in a barn and in a place, and then with the barn's lock held (slab/pcs_stack.ts,
 * slab/barn.ts). `main` and `spare` lead to more, by links; that of a sheaf in hand leads anywhere.
 * What it was refilling or flushing is lost with it: the sheaf says 0 objects meanwhile. What waits
 * for a grace period has left these places before (reap/rcu_sheaves.ts), but for sheaves that are
 * empty.
 */
import { slot } from "../base/bits";
import { CACHE_FREE, KmemCache, KmemCacheCpu, Slab } from "../base/layout";
import { NodeBarn, Sheaf } from "../base/layout_sheaf";
import { CpuArea } from "../base/layout_percpu";
import { ReapReport } from "../base/layout_reap";
import { page_slab, virt_to_page } from "../page/page";
import { barn_take_back, empty_list, first_of, full_list, get_barn } from "../slab/barn";
import { prefilled_list } from "../slab/barn";
import { cache_at, cache_state } from "../slab/cache_table";
import { defer_free } from "../slab/defer";
import { free_to_slab } from "../slab/put";
import { rcu_hand_of } from "../slab/rcu_sheaf";
import { forget_main, has_sheaves, hide_main, main_size, sheaf_objects } from "../slab/sheaf";
import { write_once } from "../sync/atomic";
import { cpu_cache_of, header, per_cpu } from "../sync/percpu";
import { is_victim, note } from "./dead";

/** The places for sheaves, and how many there are with the hand. */
const MAIN: u32 = 0;
const SPARE: u32 = 1;
const RCU_FREE: u32 = 2;
const PLACES: u32 = 4;

/** @returns the address of a place of `c` for a sheaf. */
function place_at(c: KmemCacheCpu, place: u32): usize {
  const address = changetype<usize>(c);
  if (place === MAIN) return address + offsetof<KmemCacheCpu>("main");
  if (place === SPARE) return address + offsetof<KmemCacheCpu>("spare");
  if (place === RCU_FREE) return address + offsetof<KmemCacheCpu>("rcu_free");
  return address + offsetof<KmemCacheCpu>("sheaf_in_hand");
}

function clear_place(c: KmemCacheCpu, place: u32): void {
  if (place === MAIN) forget_main(c);
  else store<u32>(place_at(c, place), 0);
}

/** @returns true if the sheaves that start at `first` have that one among them. */
export function is_among(first: usize, sheaf: usize): bool {
  let at = first;
  while (at !== 0 && at !== sheaf) at = <usize>changetype<Sheaf>(at).link;
  return at !== 0;
}

/** @returns how many sheaves there are from `first` on. */
export function count_from(first: usize): u32 {
  let count: u32 = 0;
  for (let at = first; at !== 0; at = <usize>changetype<Sheaf>(at).link) count++;
  return count;
}

function recount(list: usize): void {
  write_once(list, count_from(first_of(list)));
}

/**
 * A sheaf that had left the barn's lists leads to one on them: until the last store of its way out.
 */
function cut_link(barn: NodeBarn, sheaf: Sheaf): void {
  const link = <usize>sheaf.link;
  if (link !== 0 && is_in_barn(barn, link)) sheaf.link = 0;
}

/** Make a barn's counts what its lists say. Context: its lock. */
function recount_barn(barn: NodeBarn): void {
  recount(full_list(barn));
  recount(empty_list(barn));
  recount(prefilled_list(barn));
}

function is_in(list: usize, sheaf: usize): bool {
  return is_among(first_of(list), sheaf);
}

/** @returns true if the barn has that sheaf. Context: its lock. */
function is_in_barn(barn: NodeBarn, sheaf: usize): bool {
  return (
    is_in(full_list(barn), sheaf) ||
    is_in(empty_list(barn), sheaf) ||
    is_in(prefilled_list(barn), sheaf)
  );
}

/**
 * After a dead CPU's lock of the barn of `cache` on `node` was taken over: what the barn has is
 * not the CPU's. Context: that lock.
 */
export function repair_barn(cache: KmemCache, node: u32): void {
  const barn = get_barn(cache, node);
  recount_barn(barn);
  const cpus = header().nr_cpu_ids;
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    if (!is_victim(cpu)) continue;
    const c = cpu_cache_of(per_cpu(cpu), cache);
    for (let place: u32 = 0; place < PLACES; place++) {
      const sheaf = <usize>load<u32>(place_at(c, place));
      if (sheaf === 0) continue;
      if (is_in_barn(barn, sheaf)) clear_place(c, place);
      else cut_link(barn, changetype<Sheaf>(sheaf));
    }
    const hand = rcu_hand_of(per_cpu(cpu));
    const waited = <usize>load<u32>(hand);
    if (waited === 0) continue;
    if (is_in_barn(barn, waited)) store<u32>(hand, 0);
    else cut_link(barn, changetype<Sheaf>(waited));
  }
}

/** Free an object, or leave it to this CPU's deferred ones where a lock is missed. */
export function free_object(p: usize, mode: u32): void {
  const slab = changetype<Slab>(page_slab(virt_to_page(p)));
  const cache = changetype<KmemCache>(<usize>slab.slab_cache);
  if (!free_to_slab(cache, slab, p, p, 1, mode)) defer_free(cache, slab, p);
}

/**
 * Write into `main` how many objects it has, and leave the fast paths none. `top` says it, unless
 * the sheaf was on its way in or out: then it lies elsewhere, and the sheaf itself says it.
 */
function settle_main(c: KmemCacheCpu): void {
  const sheaf = changetype<Sheaf>(<usize>c.main);
  const below = <u32>sheaf_objects(sheaf) - 4;
  const top = c.top;
  if (top >= below && top <= below + (sheaf.capacity << 2)) sheaf.size = main_size(c);
  // The place stays: who dies here leaves it to the next.
  hide_main(c);
}

/** Free the objects of a sheaf. Something leads to it until it is empty. */
function free_objects(sheaf: Sheaf, report: usize, mode: u32): void {
  while (sheaf.size !== 0) {
    const last = sheaf.size - 1;
    // Before it is freed: whoever dies here loses this one, and frees none twice.
    sheaf.size = last;
    free_object(<usize>load<u32>(slot(sheaf_objects(sheaf), last)), mode);
    note(report, offsetof<ReapReport>("objects"), 1);
  }
}

/** Free one sheaf with all it holds. The places lead to it until it is empty. */
function free_sheaf(c: KmemCacheCpu, address: usize, report: usize, mode: u32): void {
  free_objects(changetype<Sheaf>(address), report, mode);
  for (let place: u32 = 0; place < PLACES; place++) {
    if (<usize>load<u32>(place_at(c, place)) === address) clear_place(c, place);
  }
  free_object(address, mode);
}

/** Free all that a place leads to, and what it has itself last: until then the rest is known. */
function free_stack(c: KmemCacheCpu, place: u32, report: usize, mode: u32): void {
  const first = <usize>load<u32>(place_at(c, place));
  if (first === 0) return;
  const head = changetype<Sheaf>(first);
  while (head.link !== 0) {
    const below = <usize>head.link;
    free_objects(changetype<Sheaf>(below), report, mode);
    head.link = changetype<Sheaf>(below).link;
    free_object(below, mode);
  }
  free_sheaf(c, first, report, mode);
}

/** Free what was in a dead CPU's hand, unless it was on its way and has a place. */
function free_hand(
  cache: KmemCache,
  c: KmemCacheCpu,
  area: CpuArea,
  report: usize,
  mode: u32,
): void {
  const hand = <usize>c.sheaf_in_hand;
  if (hand === 0) return;
  if (is_among(<usize>c.main, hand) || is_among(<usize>c.spare, hand)) {
    c.sheaf_in_hand = 0;
    return;
  }
  note_lost(changetype<Sheaf>(hand), report);
  // What is out and was being filled is in both, and goes by the hand.
  barn_take_back(get_barn(cache, area.node), c, hand, area.cpu + 1, mode);
  free_sheaf(c, hand, report, mode);
}

/**
 * Free everything that lies in the sheaves of a dead CPU. Context: slab_mutex; all hands empty;
 * what waits for a grace period is the heap's.
 */
export function free_sheaves_of(area: CpuArea, report: usize, mode: u32): void {
  if (!has_sheaves()) return;
  note(report, offsetof<ReapReport>("lost"), area.sheaf_moves);
  area.sheaf_moves = 0;
  const count = header().nr_caches;
  for (let index: u32 = 1; index < count; index++) {
    const cache = cache_at(index);
    if (cache_state(cache) === CACHE_FREE) continue;
    const c = cpu_cache_of(area, cache);
    c.sheaf_lock = 0;
    free_hand(cache, c, area, report, mode);
    if (c.main !== 0) settle_main(c);
    free_stack(c, MAIN, report, mode);
    free_stack(c, SPARE, report, mode);
    free_stack(c, RCU_FREE, report, mode);
    free_prefilled(cache, c, area, report, mode);
  }
}

/**
 * What a sheaf in a dead CPU's hand may have cost: it says 0 objects while it is refilled or
 * flushed, and what it had before while it is filled and out.
 */
function note_lost(sheaf: Sheaf, report: usize): void {
  if (sheaf.size !== 0 && sheaf.bottom === 0) return;
  note(report, offsetof<ReapReport>("lost"), sheaf.capacity - sheaf.size);
}

/** Free the sheaves that a dead CPU has out: each is in its hand before it leaves the list. */
function free_prefilled(
  cache: KmemCache,
  c: KmemCacheCpu,
  area: CpuArea,
  report: usize,
  mode: u32,
): void {
  while (true) {
    const sheaf = barn_take_back(get_barn(cache, area.node), c, 0, area.cpu + 1, mode);
    if (sheaf === 0) return;
    free_sheaf(c, sheaf, report, mode);
  }
}
