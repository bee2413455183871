/**
 * The table of memory control groups: create, remove, and which one a CPU charges.
 *
 * A group is known by the address of its entry, and by its generation, since entries are used
 * again. The table, and the kmalloc-cg caches, are made with the first group and stay.
 *
 * A removed group may leave bytes in the stocks of other CPUs. Nobody can take them from an idle
 * CPU, and nobody has to: they are charged to an entry that is free, and they leave with that
 * CPU's next charge to another group, or when it goes offline. Until then the entry is not used
 * again, which `usage_pages` tells. Kernel: mm/memcontrol.c mem_cgroup_css_alloc(), _css_offline();
 * 6.18 - differs: no hierarchy; a group with charges is not removed instead of lingering.
 */
import {
  NAME_BYTES,
  NR_KMALLOC_CACHES,
  PAGE_SIZE,
  SLAB_ACCOUNT,
  SLAB_KMALLOC,
} from "../base/config";
import { CpuArea, MAX_MEMCGS, MEMCG_SHIFT, Memcg } from "../base/layout_percpu";
import { alloc_table } from "../page/table";
import { same_name } from "../slab/kmem_cache";
import { drain_stock, memcg_is_unused, usage_pages } from "../slab/memcg_stock";
import { lock_slab_mutex, unlock_slab_mutex } from "../slab/slab_mutex";
import { write_once } from "../sync/atomic";
import { lock_mode } from "../sync/context";
import { header, this_cpu } from "../sync/percpu";
import { create_kmalloc_caches } from "./size_class";

function name_of(memcg: Memcg): usize {
  return changetype<usize>(memcg) + offsetof<Memcg>("name");
}

/** @returns true if the group exists that was created so and no later. Context: slab_mutex. */
function is_live(memcg: Memcg, generation: u32): bool {
  return memcg.state !== 0 && memcg.generation === generation;
}

/** What the first group needs. @returns false without room or memory. Context: slab_mutex. */
function make_table(mode: u32): bool {
  const head = header();
  if (head.cg_caches === 0) {
    const base = head.nr_caches - 1;
    const end = base + NR_KMALLOC_CACHES;
    if (end > head.max_caches) return false;
    if (!create_kmalloc_caches(base, SLAB_KMALLOC | SLAB_ACCOUNT, mode)) return false;
    head.nr_caches = end;
    head.cg_caches = base;
  }
  // Caches without a table wait for the next attempt.
  if (head.memcg_table === 0) head.memcg_table = <u32>alloc_table(PAGE_SIZE, mode);
  return head.memcg_table !== 0;
}

/** @returns a new group, or 0: name in use, or no entry left. Context: slab_mutex. */
function new_group(name: usize, limit_pages: u32): usize {
  const table = <usize>header().memcg_table;
  let unused: usize = 0;
  for (let number: usize = MAX_MEMCGS - 1; number > 0; number--) {
    const memcg = changetype<Memcg>(table + (number << MEMCG_SHIFT));
    if (memcg.state !== 0) {
      if (same_name(name_of(memcg), name)) return 0;
    } else if (usage_pages(memcg) === 0) {
      unused = changetype<usize>(memcg);
    }
  }
  if (unused === 0) return 0;
  // No pages charged: then no stock has bytes of it either, and nr_charged_bytes is 0.
  const memcg = changetype<Memcg>(unused);
  memcg.limit_pages = limit_pages;
  memcg.max_usage_pages = 0;
  memcg.failcnt = 0;
  memcg.generation = memcg.generation + 1;
  memory.copy(name_of(memcg), name, NAME_BYTES);
  memcg.state = 1;
  return unused;
}

/**
 * Create a group.
 *
 * @param name address of 32 bytes: a name of 1 to 31, not in use, and a NUL
 * @param limit_pages pages of 4 KiB that may be charged to it, at least 1
 * @returns its address; 0 if the name is in use, all 63 entries are, the cache table has no room
 * for the 13 kmalloc-cg caches behind the last, or memory is out. Context: task.
 */
export function memcg_create(name: usize, limit_pages: u32): usize {
  const mode = lock_mode();
  lock_slab_mutex(mode);
  const memcg = make_table(mode) ? new_group(name, limit_pages) : 0;
  unlock_slab_mutex();
  return memcg;
}

/**
 * Charge what this CPU allocates with __GFP_ACCOUNT to a group from now on.
 *
 * @param memcg address of the group, or 0 for none, then `generation` does not count
 * @returns false if it is gone. Context: task. Kernel: set_active_memcg(), 6.18.
 */
export function memcg_set(memcg: usize, generation: u32): bool {
  lock_slab_mutex(lock_mode());
  const done = memcg === 0 || is_live(changetype<Memcg>(memcg), generation);
  // Under the mutex, so that a group cannot go between the look and the store.
  if (done) write_once(this_cpu + offsetof<CpuArea>("memcg"), <u32>memcg);
  unlock_slab_mutex();
  return done;
}

/**
 * Remove a group. Refused, with nothing changed, if anything is charged to it, if it is some
 * CPU's, or if it is gone already. What lies free in stocks does not count.
 *
 * @returns true if this call removed it. Context: task.
 */
export function memcg_destroy(memcg: usize, generation: u32): bool {
  const group = changetype<Memcg>(memcg);
  drain_stock();
  lock_slab_mutex(lock_mode());
  const done = is_live(group, generation) && memcg_is_unused(group);
  if (done) group.state = 0;
  unlock_slab_mutex();
  return done;
}

if (MAX_MEMCGS << MEMCG_SHIFT !== <u32>PAGE_SIZE) ERROR("the table of groups is one page");
