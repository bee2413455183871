/**
 * Drains: whoever empties a deferred list, and irq_work.
 *
 * Objects go back to their slabs (slab/put.ts), slabs to where they belong. What cannot be done
 * even then is deferred once more. A drain happens inside its CPU's drain sequence, and notes what
 * is left of its list: destroy and whoever recovers this CPU ask. Kernel: mm/slub.c
 * free_deferred_objects(), 6.18; global: version 1 of the patch.
 */
import { LOCK_TRY } from "../base/config";
import { KmemCache, Slab } from "../base/layout";
import { CpuArea, DRAIN_DEPTH, DRAIN_FINISHED, MAX_DRAINS } from "../base/layout_percpu";
import { hold } from "../page/hand";
import { page_slab, virt_to_page } from "../page/page";
import { cmpxchg, fetch_add, read_once, write_once, xchg } from "../sync/atomic";
import {
  HARDIRQ,
  context_enter,
  context_exit,
  in_interrupt,
  irq_work_mode,
  irqs_disabled,
} from "../sync/context";
import { llist_del_all, llist_empty, llist_next } from "../sync/llist";
import { cpu_area, cpu_cache_of, header, per_cpu, this_cpu_add } from "../sync/percpu";
import { spin_lock, spin_unlock } from "../sync/spinlock";
import {
  CPU_PARTIAL_FREE,
  DEFER_DRAIN_DEACTIVATE,
  DEFER_DRAIN_IRQ_WORK,
  DEFER_REQUEUE,
  deferred_since,
  stat,
  stat_drained,
} from "../sync/stat";
import { TRACE_DEFER, TRACE_DRAIN, trace } from "../sync/trace";
import { deactivate_slab } from "./deactivate";
import {
  cache_line_list,
  cache_list,
  cpu_cache_list,
  cpu_objects,
  cpu_slabs,
  defer_add,
  deferred_list,
  node_list,
  stamp_of,
} from "./defer";
import { kmem_cache_has_cpu_partial, list_or_defer, put_cpu_partial } from "./kmem_cache_cpu";
import { get_node } from "./kmem_cache_node";
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
 * Put a detached cpu slab away, and drain what arms drain where one is.
 * Context: as deactivate_slab().
 */
export function deactivate_and_drain(cache: KmemCache, slab: Slab, mode: u32): void {
  // Before: a slab that was empty is nobody's after.
  const node = slab.node;
  deactivate_slab(cache, slab, mode);
  drain_at(DEFER_DRAIN_DEACTIVATE, cache, node, mode);
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

/**
 * From here on objects may be in this CPU's hands and on no list; drains nest.
 *
 * The exchange, or the store under a lock, that takes them off their list publishes it: whoever
 * finds that list empty by it finds the drain (slab/barrier.ts wait_for_drain()).
 */
export function drain_begin(): usize {
  const area = changetype<usize>(cpu_area());
  this_cpu_add(area + offsetof<CpuArea>("drains"), 1);
  return area;
}

/** @returns where the drain in progress notes what is left of its list. */
function rest_of(area: usize): usize {
  // MAX_DRAINS divides what lies above the depth, too.
  const depth = changetype<CpuArea>(area).drains - 1;
  return area + offsetof<CpuArea>("drain_rest") + ((<usize>depth % MAX_DRAINS) << 2);
}

/**
 * End what drain_begin() began, on the CPU it began on. Only the outermost end counts as one
 * finished: an irq_work that ran inside says nothing about the list of the drain around it.
 *
 * Atomic, not this_cpu_add(): who waited looks at what the last free stored, and finds it by this.
 */
export function drain_end(area: usize): void {
  // Who interrupts this CPU behind the look ends what it began, and leaves the depth as it was.
  const outermost = (changetype<CpuArea>(area).drains & DRAIN_DEPTH) === 1;
  fetch_add(area + offsetof<CpuArea>("drains"), outermost ? DRAIN_FINISHED - 1 : -1);
}

/**
 * @returns true if the heap's arm drains at `trigger`: DEFER_DRAIN_*. One load, so that whoever
 * asks may be a fast enough slow path. Context: any.
 */
export function drains_at(trigger: u32): bool {
  return header().defer_trigger === trigger;
}

/**
 * A point where some arms drain: take what this CPU would have deferred of `cache` and `node`.
 *
 * | trigger | where |
 * |---|---|
 * | DEFER_DRAIN_SLOW_FREE | an ordinary slow free looks first (version 1 of the patch) |
 * | DEFER_DRAIN_DEACTIVATE | deactivate_slab(): what the reviewer of it proposed |
 * | DEFER_DRAIN_SWITCH | an ordinary call replaced the cpu slab |
 * | DEFER_DRAIN_IRQ_WORK | irq_work, which looks at its CPU's list by itself |
 *
 * Context: no lock held; with LOCK_TRY nothing happens.
 */
export function drain_at(trigger: u32, cache: KmemCache, node: u32, mode: u32): void {
  if (mode === LOCK_TRY || !drains_at(trigger)) return;
  drain_list(cache, deferred_list(cpu_area(), cache, node), trigger, mode);
}

/** Drain everything that waits for `area`'s irq_work, on this CPU. */
export function drain_cpu(area: CpuArea, trigger: u32, mode: u32): void {
  const list = cpu_objects(area);
  drain_objects(list, list + 4, trigger, mode);
  drain_slabs(area, mode);
}

/** @returns true if anything waits for `area`'s irq_work. */
export function waits_for_irq_work(area: CpuArea): bool {
  return !llist_empty(cpu_objects(area)) || !llist_empty(cpu_slabs(area));
}

function drain_list(cache: KmemCache, list: usize, trigger: u32, mode: u32): void {
  drain_objects(list, stamp_of(cache, list), trigger, mode);
}

/** Drain the lists of one cache, of its nodes and of every CPU. Context: task. */
export function drain_cache(cache: KmemCache, trigger: u32, mode: u32): void {
  const head = header();
  drain_list(cache, cache_list(cache), trigger, mode);
  drain_list(cache, cache_line_list(cache), trigger, mode);
  for (let i: u32 = 0; i < head.nr_nodes; i++) {
    drain_list(cache, node_list(get_node(cache, i)), trigger, mode);
  }
  for (let cpu: u32 = 0; cpu < head.nr_cpu_ids; cpu++) {
    drain_list(cache, cpu_cache_list(cpu_cache_of(per_cpu(cpu), cache)), trigger, mode);
  }
}

/** Drain this CPU's list of one cache. Context: task. */
export function drain_cache_here(cache: KmemCache, trigger: u32, mode: u32): void {
  drain_list(cache, cpu_cache_list(cpu_cache_of(cpu_area(), cache)), trigger, mode);
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
