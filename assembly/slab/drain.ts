/**
 * Drains: whoever empties a deferred list, and irq_work.
 *
 * Objects go back to their slabs (slab/put.ts), slabs to where they belong. What cannot be done
 * even then is deferred once more. A drain happens inside its CPU's drain sequence, and notes what
 * is left of its list: destroy and whoever recovers this CPU ask. Kernel: mm/slub.c
 * free_deferred_objects(), 6.18; global: version 1 of the patch.
 */
import {
  DEFER_GLOBAL,
  DEFER_GLOBAL_LINE,
  DEFER_NODE,
  DEFER_NONE,
  DEFER_PERCPU_DEACTIVATE,
  DEFER_PERCPU_SLOW_FREE,
  DEFER_PERCPU_SWITCH,
  LOCK_TRY,
} from "../base/config";
import { KmemCache, Slab } from "../base/layout";
import { CpuArea, MAX_DRAINS } from "../base/layout_percpu";
import { hold } from "../page/hand";
import { page_slab, virt_to_page } from "../page/page";
import { cmpxchg, fetch_add, fetch_sub, read_once, write_once, xchg } from "../sync/atomic";
import {
  HARDIRQ,
  context_enter,
  context_exit,
  in_interrupt,
  irq_work_mode,
  irqs_disabled,
} from "../sync/context";
import { llist_del_all, llist_empty, llist_next } from "../sync/llist";
import { cpu_area, cpu_cache_of, header, per_cpu } from "../sync/percpu";
import { spin_lock, spin_unlock } from "../sync/spinlock";
import {
  CPU_PARTIAL_FREE,
  DEFER_DRAIN_DEACTIVATE,
  DEFER_DRAIN_IRQ_WORK,
  DEFER_DRAIN_SLOW_FREE,
  DEFER_DRAIN_SWITCH,
  DEFER_LOOK_EMPTY,
  DEFER_REQUEUE,
  deferred_since,
  stat,
  stat_drained,
  stat_verbose,
} from "../sync/stat";
import { TRACE_DEFER, TRACE_DRAIN, trace } from "../sync/trace";
import { deactivate_slab } from "./deactivate";
import {
  cache_line_list,
  cache_list,
  cache_stamp,
  cpu_cache_list,
  cpu_cache_stamp,
  cpu_objects,
  cpu_slabs,
  cpu_stamp,
  defer_add,
  node_list,
  node_stamp,
} from "./defer";
import { kmem_cache_has_cpu_partial, list_or_defer, put_cpu_partial } from "./kmem_cache_cpu";
import { get_node, slab_node } from "./kmem_cache_node";
import { set_freepointer } from "./object";
import { free_to_slab } from "./put";
import { slab_word, word_frozen } from "./slab";

/** Free one taken object, or let it wait once more. */
export function free_deferred(link: usize, mode: u32): KmemCache {
  const slab = changetype<Slab>(page_slab(virt_to_page(link)));
  const cache = changetype<KmemCache>(<usize>slab.slab_cache);
  const object = link - cache.offset;
  // The link was the free pointer: clear it, or a check would follow it into another slab.
  set_freepointer(cache, object, 0);
  if (!free_to_slab(cache, slab, object, object, 1, mode)) {
    stat(cache, DEFER_REQUEUE);
    // The drain in progress counts it, and so will the one that frees it.
    trace(TRACE_DEFER, object, changetype<usize>(cache), 0);
    defer_add(cache, slab, object);
  }
  return cache;
}

/**
 * Take a list and free all of it, inside this CPU's drain sequence, so that destroy can tell
 * whether objects are still in somebody's hands.
 *
 * What is left of it is noted in the CpuArea, for whoever recovers this CPU: one store to a line
 * of its own per object, before the object is freed. What the exchange took is nowhere for one
 * access. The whole list is accounted to the cache of its last object. @returns false if it was
 * empty.
 */
export function drain_objects(list: usize, stamp: usize, trigger: u32, mode: u32): bool {
  if (llist_empty(list)) return false;
  const drain = drain_begin();
  const since = deferred_since(stamp);
  const rest = rest_of(drain);
  let link = llist_del_all(list);
  if (link !== 0) {
    let length: u32 = 0;
    let cache = changetype<KmemCache>(0);
    store<u32>(rest, <u32>link);
    while (link !== 0) {
      const next = llist_next(link);
      store<u32>(rest, <u32>next);
      cache = free_deferred(link, mode);
      length++;
      link = next;
    }
    stat(cache, trigger);
    stat_drained(cache, length, since);
    trace(TRACE_DRAIN, <usize>length, changetype<usize>(cache), <usize>trigger);
  }
  drain_end(drain);
  return true;
}

export function slabs_lock(area: CpuArea): usize {
  return changetype<usize>(area) + offsetof<CpuArea>("slabs_lock");
}

/**
 * Take all slabs that wait on `area`'s list in this CPU's hand.
 *
 * The lock keeps takers apart, so that the list only grows in front while each slab on it changes
 * hands; and then the cmpxchg misses and what came is taken in hand too. @returns the first link;
 * 0: none, or the lock was not to be had.
 */
function take_slabs(area: CpuArea, mode: u32): usize {
  const list = cpu_slabs(area);
  if (!spin_lock(slabs_lock(area), mode)) {
    write_once(changetype<usize>(area) + offsetof<CpuArea>("irq_pending"), 1);
    return 0;
  }
  let first: u32;
  do {
    first = read_once(list);
    for (let link = <usize>first; link !== 0; link = llist_next(link)) {
      hold(changetype<Slab>(link - offsetof<Slab>("llnode")));
    }
  } while (cmpxchg(list, first, 0) !== first);
  spin_unlock(slabs_lock(area));
  return <usize>first;
}

/** Put away all slabs that wait for `area`'s irq_work. */
function drain_slabs(area: CpuArea, mode: u32): void {
  if (llist_empty(cpu_slabs(area))) return;
  const drain = drain_begin();
  let link = take_slabs(area, mode);
  while (link !== 0) {
    const next = llist_next(link);
    const slab = changetype<Slab>(link - offsetof<Slab>("llnode"));
    slab.llnode = 0;
    put_away(changetype<KmemCache>(<usize>slab.slab_cache), slab, mode);
    link = next;
  }
  drain_end(drain);
}

/**
 * Put a detached cpu slab away, and drain what the arm `percpu-deactivate` drains where one is.
 * Context: as deactivate_slab().
 */
export function deactivate_and_drain(cache: KmemCache, slab: Slab, mode: u32): void {
  deactivate_slab(cache, slab, mode);
  drain_on_deactivate(cache, mode);
}

/** Deactivate a deferred cpu slab, or list a slab that a direct free made partial. */
export function put_away(cache: KmemCache, slab: Slab, mode: u32): void {
  if (word_frozen(slab_word(slab))) {
    deactivate_and_drain(cache, slab, mode);
  } else if (kmem_cache_has_cpu_partial(cache)) {
    put_cpu_partial(cache, slab, true, mode);
    stat(cache, CPU_PARTIAL_FREE);
  } else {
    list_or_defer(cache, slab, mode);
  }
}

/** From here on objects may be in this CPU's hands and on no list; drains nest. */
export function drain_begin(): usize {
  const area = changetype<usize>(cpu_area());
  fetch_add(area + offsetof<CpuArea>("drain_depth"), 1);
  return area;
}

/** @returns where the drain in progress notes what is left of its list. */
function rest_of(area: usize): usize {
  const depth = read_once(area + offsetof<CpuArea>("drain_depth")) - 1;
  return area + offsetof<CpuArea>("drain_rest") + ((<usize>depth % MAX_DRAINS) << 2);
}

/**
 * End what drain_begin() began, on the CPU it began on. Only the outermost end moves the
 * sequence: an irq_work that ran inside says nothing about the list of the drain around it.
 */
export function drain_end(area: usize): void {
  if (fetch_sub(area + offsetof<CpuArea>("drain_depth"), 1) === 1) {
    fetch_add(area + offsetof<CpuArea>("drain_seq"), 1);
  }
}

/**
 * What an ordinary slow free drains before it frees its own: the arms that check here.
 *
 * Context: task, no lock held. Kernel: version 1 of the patch, do_slab_free().
 */
export function drain_on_slow_free(cache: KmemCache, slab: Slab, mode: u32): void {
  const arm = header().defer_arm;
  if (arm > DEFER_PERCPU_SLOW_FREE || arm === DEFER_NONE) return;
  let found: bool = false;
  if (arm === DEFER_GLOBAL) {
    found = drain_objects(cache_list(cache), cache_stamp(cache), DEFER_DRAIN_SLOW_FREE, mode);
  } else if (arm === DEFER_GLOBAL_LINE) {
    found = drain_objects(cache_line_list(cache), cache_stamp(cache), DEFER_DRAIN_SLOW_FREE, mode);
  } else if (arm === DEFER_NODE) {
    const node = slab_node(cache, slab);
    found = drain_objects(node_list(node), node_stamp(node), DEFER_DRAIN_SLOW_FREE, mode);
  } else {
    const c = cpu_cache_of(cpu_area(), cache);
    found = drain_objects(cpu_cache_list(c), cpu_cache_stamp(c), DEFER_DRAIN_SLOW_FREE, mode);
  }
  if (!found) stat_verbose(cache, DEFER_LOOK_EMPTY);
}

/** What deactivate_slab() drains: the arm that its reviewer proposed. Context: as above. */
export function drain_on_deactivate(cache: KmemCache, mode: u32): void {
  if (mode === LOCK_TRY || header().defer_arm !== DEFER_PERCPU_DEACTIVATE) return;
  const c = cpu_cache_of(cpu_area(), cache);
  drain_objects(cpu_cache_list(c), cpu_cache_stamp(c), DEFER_DRAIN_DEACTIVATE, mode);
}

/** What an ordinary call drains after it replaced the cpu slab. Context: as above. */
export function drain_on_switch(cache: KmemCache, mode: u32): void {
  if (mode === LOCK_TRY || header().defer_arm !== DEFER_PERCPU_SWITCH) return;
  const c = cpu_cache_of(cpu_area(), cache);
  drain_objects(cpu_cache_list(c), cpu_cache_stamp(c), DEFER_DRAIN_SWITCH, mode);
}

/** Drain everything that waits for `area`'s irq_work, on this CPU. */
export function drain_cpu(area: CpuArea, trigger: u32, mode: u32): void {
  drain_objects(cpu_objects(area), cpu_stamp(area), trigger, mode);
  drain_slabs(area, mode);
}

/** @returns true if anything waits for `area`'s irq_work. */
export function waits_for_irq_work(area: CpuArea): bool {
  return !llist_empty(cpu_objects(area)) || !llist_empty(cpu_slabs(area));
}

/** Drain the lists of one cache, of its nodes and of every CPU. Context: task. */
export function drain_cache(cache: KmemCache, trigger: u32, mode: u32): void {
  const head = header();
  drain_objects(cache_list(cache), cache_stamp(cache), trigger, mode);
  drain_objects(cache_line_list(cache), cache_stamp(cache), trigger, mode);
  for (let i: u32 = 0; i < head.nr_nodes; i++) {
    const node = get_node(cache, i);
    drain_objects(node_list(node), node_stamp(node), trigger, mode);
  }
  for (let cpu: u32 = 0; cpu < head.nr_cpu_ids; cpu++) {
    const c = cpu_cache_of(per_cpu(cpu), cache);
    drain_objects(cpu_cache_list(c), cpu_cache_stamp(c), trigger, mode);
  }
}

/** Drain this CPU's list of one cache. Context: task. */
export function drain_cache_here(cache: KmemCache, trigger: u32, mode: u32): void {
  const c = cpu_cache_of(cpu_area(), cache);
  drain_objects(cpu_cache_list(c), cpu_cache_stamp(c), trigger, mode);
}

/**
 * Run what was raised on this CPU.
 *
 * It runs with the hardirq bit held, so that it does not nest and the task cannot be moved; what
 * it defers again waits for the next safe point, so it ends. Kernel: free_deferred_objects().
 */
function irq_work_run(area: CpuArea): void {
  xchg(changetype<usize>(area) + offsetof<CpuArea>("irq_pending"), 0);
  const mode = irq_work_mode();
  context_enter(HARDIRQ);
  drain_cpu(area, DEFER_DRAIN_IRQ_WORK, mode);
  context_exit(HARDIRQ);
}

/** A safe point: run irq_work if it was raised and nothing forbids it. Context: any. */
export function irq_work_check(): void {
  const area = cpu_area();
  if (read_once(changetype<usize>(area) + offsetof<CpuArea>("irq_pending")) === 0) return;
  if (irqs_disabled() || in_interrupt()) return;
  irq_work_run(area);
}
