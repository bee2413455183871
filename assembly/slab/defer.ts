/**
 * Deferral: objects and slabs that could not be freed at once, and where they wait; slab/drain.ts
 * has who drains them.
 *
 * | place | where an object waits |
 * |---|---|
 * | DEFER_TO_CACHE, DEFER_TO_CACHE_LINE | one llist per cache |
 * | DEFER_TO_NODE | one per cache and node |
 * | DEFER_TO_CPU_CACHE | one per cache and CPU |
 * | DEFER_TO_CPU | one per CPU |
 * | DEFER_TO_SLAB | nowhere if it can be helped (slab/direct.ts), else as DEFER_TO_CPU |
 * | DEFER_TO_NOWHERE | nowhere where an ordinary free is possible, else as DEFER_TO_CPU |
 *
 * An arm is a place and a trigger (slab/drain.ts), two values of the heap's header: nothing here
 * knows arms, and one of a place and a trigger that exist needs no line of the allocator.
 * The link is the object's own free pointer slot, so constructed objects stay constructed. Slabs
 * always wait for irq_work, whatever the arm. irq_work is raised by whoever found its list empty:
 * one raise a batch. Kernel: defer_free(), defer_deactivate_slab(), 6.18; global: version 1 of the
 * patch.
 */
import {
  DEFER_TO_CACHE,
  DEFER_TO_CACHE_LINE,
  DEFER_TO_CPU_CACHE,
  DEFER_TO_NODE,
} from "../base/config";
import { KmemCache, KmemCacheCpu, KmemCacheNode, Slab } from "../base/layout";
import { CpuArea } from "../base/layout_percpu";
import { read_once, write_once } from "../sync/atomic";
import { llist_add } from "../sync/llist";
import { cpu_area, cpu_cache_of, header, per_cpu } from "../sync/percpu";
import {
  DEFER_ADD,
  DEFER_ADD_REMOTE,
  DEFER_DRAIN_IRQ_WORK,
  DEFER_RAISE,
  DEFER_SLAB,
  stamp_deferred,
  stat,
} from "../sync/stat";
import { TRACE_DEFER, TRACE_DEFER_SLAB, trace } from "../sync/trace";
import { get_node } from "./kmem_cache_node";

export function cache_list(cache: KmemCache): usize {
  return changetype<usize>(cache) + offsetof<KmemCache>("defer_free_objects");
}

export function cache_line_list(cache: KmemCache): usize {
  return changetype<usize>(cache) + offsetof<KmemCache>("defer_own_line");
}

export function node_list(node: KmemCacheNode): usize {
  return changetype<usize>(node) + offsetof<KmemCacheNode>("defer_free_objects");
}

export function cpu_cache_list(c: KmemCacheCpu): usize {
  return changetype<usize>(c) + offsetof<KmemCacheCpu>("defer_free_objects");
}

export function cpu_objects(area: CpuArea): usize {
  return changetype<usize>(area) + offsetof<CpuArea>("defer_objects");
}

export function cpu_slabs(area: CpuArea): usize {
  return changetype<usize>(area) + offsetof<CpuArea>("defer_slabs");
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

/** @returns the list of a place: of `area`'s CPU, of `cache`, of `node`, as the place has it. */
export function list_of(place: u32, area: CpuArea, cache: KmemCache, node: u32): usize {
  switch (place) {
    case DEFER_TO_CPU_CACHE:
      return cpu_cache_list(cpu_cache_of(area, cache));
    case DEFER_TO_NODE:
      return node_list(get_node(cache, node));
    case DEFER_TO_CACHE:
      return cache_list(cache);
    case DEFER_TO_CACHE_LINE:
      return cache_line_list(cache);
    default:
      return cpu_objects(area);
  }
}

/** @returns where builds that count note when a list stopped being empty. */
export function stamp_of(cache: KmemCache, list: usize): usize {
  // Behind the list, but for the one that lies among constants where version 1 had it.
  return (list === cache_list(cache) ? cache_line_list(cache) : list) + 4;
}

/** @returns the list on which an object of `cache` and `node` waits that `area`'s CPU deferred. */
export function deferred_list(area: CpuArea, cache: KmemCache, node: u32): usize {
  return list_of(header().defer_place, area, cache, node);
}

/**
 * @returns true if `object` is the one deferred last on the list that this CPU would use: the
 * immediate double free that check_free() must see, because adding a node twice makes a circle.
 * Context: any.
 */
export function is_deferred_last(cache: KmemCache, slab: Slab, object: usize): bool {
  const list = deferred_list(cpu_area(), cache, slab.node);
  return <usize>read_once(list) === object + cache.offset;
}

/** @returns true if each list of a place is of one CPU: a task that was moved may miss its. */
function is_percpu(place: u32): bool {
  return place !== DEFER_TO_NODE && place !== DEFER_TO_CACHE && place !== DEFER_TO_CACHE_LINE;
}

/** Put one object on the list of the heap's arm. */
export function defer_add(cache: KmemCache, slab: Slab, object: usize): void {
  const link = object + cache.offset;
  const place = header().defer_place;
  // List and raise are of the same CPU, whatever happens to the task in between.
  const area = is_percpu(place) ? target_cpu(cache) : cpu_area();
  const list = list_of(place, area, cache, slab.node);
  if (!llist_add(link, list)) return;
  stamp_deferred(stamp_of(cache, list));
  if (header().defer_trigger === DEFER_DRAIN_IRQ_WORK) irq_work_raise(cache, area);
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
