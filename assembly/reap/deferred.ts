/** What a dead CPU had deferred or was draining: freed by this CPU. */
import { CACHE_FREE, KmemCache } from "../base/layout";
import { CpuArea, DRAIN_DEPTH, MAX_DRAINS } from "../base/layout_percpu";
import { ReapReport } from "../base/layout_reap";
import { cpu_cache_list, cpu_objects } from "../slab/defer";
import { drain_begin, drain_end, free_deferred, waits_for_irq_work } from "../slab/drain";
import { cache_at, cache_state } from "../slab/cache_table";
import { write_once } from "../sync/atomic";
import { llist_del_all, llist_empty, llist_next } from "../sync/llist";
import { cpu_cache_of, header } from "../sync/percpu";
import { note } from "./dead";

/** Free the list whose first link is noted at `rest`: what is left is there at any time. */
function free_rest(rest: usize, report: usize, mode: u32): void {
  while (true) {
    const link = <usize>load<u32>(rest);
    if (link === 0) return;
    store<u32>(rest, <u32>llist_next(link));
    free_deferred(link, mode);
    note(report, offsetof<ReapReport>("objects"), 1);
  }
}

/** @returns true if anything waits on the lists that are of this CPU alone, after a missed lock. */
export function waits_for_frees(area: CpuArea): bool {
  if (waits_for_irq_work(area)) return true;
  const count = header().nr_caches;
  for (let index: u32 = 1; index < count; index++) {
    if (!llist_empty(cpu_cache_list(cpu_cache_of(area, cache_at(index))))) return true;
  }
  return false;
}

/** Free what was taken off lists, and what waits on those of this CPU alone. */
export function free_deferred_of(area: CpuArea, report: usize, mode: u32): void {
  const address = changetype<usize>(area);
  const first = address + offsetof<CpuArea>("drain_rest");
  note(report, offsetof<ReapReport>("lost"), area.drains & DRAIN_DEPTH);
  // A barrier must not find that nothing is in anybody's hands.
  const drain = drain_begin();
  for (let i: u32 = 0; i < MAX_DRAINS; i++) free_rest(first + ((<usize>i) << 2), report, mode);
  write_once(address + offsetof<CpuArea>("irq_pending"), 0);
  store<u32>(first, <u32>llist_del_all(cpu_objects(area)));
  free_rest(first, report, mode);
  const count = header().nr_caches;
  for (let index: u32 = 1; index < count; index++) {
    const cache: KmemCache = cache_at(index);
    if (cache_state(cache) === CACHE_FREE) continue;
    store<u32>(first, <u32>llist_del_all(cpu_cache_list(cpu_cache_of(area, cache))));
    free_rest(first, report, mode);
  }
  // All of its drains are finished.
  write_once(address + offsetof<CpuArea>("drains"), (area.drains | DRAIN_DEPTH) + 1);
  // Of a CPU that recovers itself that was the end of its own, too.
  if (drain !== address) drain_end(drain);
}
