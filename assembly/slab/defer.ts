/**
 * Deferral: objects and slabs that could not be freed at once, and where they wait; slab/drain.ts
 * has who drains them.
 *
 * | arm | where an object waits | who drains |
 * |---|---|---|
 * | global, global-line | one llist per cache | every ordinary slow free of the cache |
 * | node | one llist per cache and node | ordinary slow frees to that node |
 * | percpu-slow-free | one per cache and CPU | that CPU's ordinary slow frees |
 * | percpu-deactivate | the same | deactivate_slab() |
 * | percpu-switch | the same | an ordinary call that replaced the cpu slab |
 * | irq-work | one per CPU | irq_work |
 * | direct | nowhere if it can be helped (slab/direct.ts) | irq_work |
 *
 * The link is the object's own free pointer slot, so constructed objects stay constructed. Slabs
 * always wait for irq_work, whatever the arm. irq_work is raised by whoever found its list empty:
 * one raise a batch. Kernel: defer_free(), defer_deactivate_slab(), 6.18; global: version 1 of the
 * patch.
 */
import {
  DEFER_GLOBAL,
  DEFER_GLOBAL_LINE,
  DEFER_NODE,
  DEFER_PERCPU_SLOW_FREE,
  DEFER_PERCPU_SWITCH,
} from "../base/config";
import { KmemCache, KmemCacheCpu, KmemCacheNode, Slab } from "../base/layout";
import { CpuArea } from "../base/layout_percpu";
import { read_once, write_once } from "../sync/atomic";
import { llist_add } from "../sync/llist";
import { cpu_area, cpu_cache_of, header, per_cpu } from "../sync/percpu";
import {
  DEFER_ADD,
  DEFER_ADD_REMOTE,
  DEFER_RAISE,
  DEFER_SLAB,
  stamp_deferred,
  stat,
} from "../sync/stat";
import { TRACE_DEFER, TRACE_DEFER_SLAB, trace } from "../sync/trace";
import { slab_node } from "./kmem_cache_node";

export function cache_list(cache: KmemCache): usize {
  return changetype<usize>(cache) + offsetof<KmemCache>("defer_free_objects");
}

export function cache_line_list(cache: KmemCache): usize {
  return changetype<usize>(cache) + offsetof<KmemCache>("defer_own_line");
}

export function cache_stamp(cache: KmemCache): usize {
  return changetype<usize>(cache) + offsetof<KmemCache>("defer_stamp");
}

export function node_list(node: KmemCacheNode): usize {
  return changetype<usize>(node) + offsetof<KmemCacheNode>("defer_free_objects");
}

export function node_stamp(node: KmemCacheNode): usize {
  return changetype<usize>(node) + offsetof<KmemCacheNode>("defer_stamp");
}

export function cpu_cache_list(c: KmemCacheCpu): usize {
  return changetype<usize>(c) + offsetof<KmemCacheCpu>("defer_free_objects");
}

export function cpu_cache_stamp(c: KmemCacheCpu): usize {
  return changetype<usize>(c) + offsetof<KmemCacheCpu>("defer_stamp");
}

export function cpu_objects(area: CpuArea): usize {
  return changetype<usize>(area) + offsetof<CpuArea>("defer_objects");
}

export function cpu_slabs(area: CpuArea): usize {
  return changetype<usize>(area) + offsetof<CpuArea>("defer_slabs");
}

export function cpu_stamp(area: CpuArea): usize {
  return changetype<usize>(area) + offsetof<CpuArea>("defer_stamp");
}

/** @returns the CPU whose list the next deferral goes to; see CpuArea.migrate_to. */
function target_cpu(cache: KmemCache): CpuArea {
  const area = cpu_area();
  const to = area.migrate_to;
  if (to === 0) return area;
  area.migrate_to = 0;
  if (to - 1 !== area.cpu) stat(cache, DEFER_ADD_REMOTE);
  return per_cpu(to - 1);
}

/** Ask `area`'s CPU to run irq_work at its next safe point. */
function irq_work_raise(cache: KmemCache, area: CpuArea): void {
  stat(cache, DEFER_RAISE);
  write_once(changetype<usize>(area) + offsetof<CpuArea>("irq_pending"), 1);
}

/** @returns the list on which an object of `slab` waits that the CPU of `area` deferred. */
export function deferred_list(area: CpuArea, cache: KmemCache, slab: Slab): usize {
  const arm = header().defer_arm;
  if (arm === DEFER_GLOBAL) return cache_list(cache);
  if (arm === DEFER_GLOBAL_LINE) return cache_line_list(cache);
  if (arm === DEFER_NODE) return node_list(slab_node(cache, slab));
  if (arm >= DEFER_PERCPU_SLOW_FREE && arm <= DEFER_PERCPU_SWITCH) {
    return cpu_cache_list(cpu_cache_of(area, cache));
  }
  return cpu_objects(area);
}

/**
 * @returns true if `object` is the one deferred last on the list that this CPU would use: the
 * immediate double free that check_free() must see, because adding a node twice makes a circle.
 * Context: any.
 */
export function is_deferred_last(cache: KmemCache, slab: Slab, object: usize): bool {
  const list = deferred_list(cpu_area(), cache, slab);
  return <usize>read_once(list) === object + cache.offset;
}

/** Put one object on the list of the heap's arm. */
export function defer_add(cache: KmemCache, slab: Slab, object: usize): void {
  const link = object + cache.offset;
  const arm = header().defer_arm;
  if (arm === DEFER_GLOBAL) {
    if (llist_add(link, cache_list(cache))) stamp_deferred(cache_stamp(cache));
  } else if (arm === DEFER_GLOBAL_LINE) {
    if (llist_add(link, cache_line_list(cache))) stamp_deferred(cache_stamp(cache));
  } else if (arm === DEFER_NODE) {
    const node = slab_node(cache, slab);
    if (llist_add(link, node_list(node))) stamp_deferred(node_stamp(node));
  } else if (arm >= DEFER_PERCPU_SLOW_FREE && arm <= DEFER_PERCPU_SWITCH) {
    const c = cpu_cache_of(target_cpu(cache), cache);
    if (llist_add(link, cpu_cache_list(c))) stamp_deferred(cpu_cache_stamp(c));
  } else {
    // irq-work and direct; and none, where an ordinary free was impossible. List and raise go to
    // the same CPU, whatever happens to the task in between.
    const area = target_cpu(cache);
    if (llist_add(link, cpu_objects(area))) {
      stamp_deferred(cpu_stamp(area));
      irq_work_raise(cache, area);
    }
  }
}

/**
 * Defer one object that cannot be freed now. Never fails, never waits.
 *
 * Context: any. Kernel: defer_free(), 6.18.
 */
export function defer_free(cache: KmemCache, slab: Slab, object: usize): void {
  stat(cache, DEFER_ADD);
  trace(TRACE_DEFER, object, changetype<usize>(cache), 0);
  defer_add(cache, slab, object);
}

/**
 * Defer a slab in this CPU's hand, to be put away by irq_work: frozen with the list that was
 * detached from it in `flush_freelist`, or thawed.
 *
 * Context: any. Kernel: defer_deactivate_slab(), 6.18.
 */
export function defer_slab(cache: KmemCache, slab: Slab): void {
  stat(cache, DEFER_SLAB);
  trace(TRACE_DEFER_SLAB, changetype<usize>(slab), changetype<usize>(cache), 0);
  const area = cpu_area();
  slab.in_hand = area.cpu + 1;
  const link = changetype<usize>(slab) + offsetof<Slab>("llnode");
  if (llist_add(link, cpu_slabs(area))) irq_work_raise(cache, area);
}
