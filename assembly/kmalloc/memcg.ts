/**
 * The table of memory control groups: create, remove, and which one a CPU charges.
 *
 * A group is known by its id: the number of its entry, and how often that entry was created. The
 * table, and the kmalloc-cg caches, are made with the first group and stay.
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
  NUMA_NO_NODE,
  PAGE_SIZE,
  SLAB_ACCOUNT,
  SLAB_KMALLOC,
} from "../base/config";
import { CACHE_FREE, PG_TABLE, Page } from "../base/layout";
import { CpuArea, MAX_MEMCGS, MEMCG_SHIFT, Memcg } from "../base/layout_percpu";
import { page_address, set_page_kind } from "../page/page";
import { alloc_pages, free_pages } from "../page/page_alloc";
import { cache_at, cache_state, copy_name, same_name } from "../slab/kmem_cache";
import {
  drain_stock,
  memcg_at,
  memcg_is_current,
  memcg_is_unused,
  usage_pages,
} from "../slab/memcg_stock";
import { lock_slab_mutex, unlock_slab_mutex } from "../slab/slab_mutex";
import { write_once } from "../sync/atomic";
import { lock_mode } from "../sync/context";
import { header, this_cpu } from "../sync/percpu";
import { create_kmalloc_caches } from "./size_class";

const NR_CG_CACHES: u32 = NR_KMALLOC_CACHES - 1;

function name_of(memcg: Memcg): usize {
  return changetype<usize>(memcg) + offsetof<Memcg>("name");
}

/** @returns true if `id` is that of a group that exists. Context: slab_mutex. */
function is_live(id: u32): bool {
  if (header().memcg_table === 0) return false;
  const memcg = memcg_at(id % MAX_MEMCGS);
  return memcg.state !== 0 && memcg.id === id;
}

/** @returns the entry before the first of 13 free ones in a row, or 0. Context: slab_mutex. */
function find_cg_entries(): u32 {
  const head = header();
  let run: u32 = 0;
  for (let index = NR_KMALLOC_CACHES; index < head.max_caches; index++) {
    const free = index >= head.nr_caches || cache_state(cache_at(index)) === CACHE_FREE;
    run = free ? run + 1 : 0;
    if (run === NR_CG_CACHES) return index - NR_CG_CACHES;
  }
  return 0;
}

/** Create kmalloc-cg-8 to kmalloc-cg-8k. @returns false without room or memory, all undone. */
function create_cg_caches(mode: u32): bool {
  const base = find_cg_entries();
  if (base === 0 || !create_kmalloc_caches(base, SLAB_KMALLOC | SLAB_ACCOUNT, mode)) return false;
  const head = header();
  head.nr_caches = max(head.nr_caches, base + NR_KMALLOC_CACHES);
  head.cg_caches = base;
  return true;
}

/** What the first group needs. @returns false, with everything as it was. Context: slab_mutex. */
function make_table(mode: u32): bool {
  if (header().memcg_table !== 0) return true;
  const page = alloc_pages(0, NUMA_NO_NODE, mode);
  if (page === 0) return false;
  if (!create_cg_caches(mode)) {
    free_pages(changetype<Page>(page), mode);
    return false;
  }
  set_page_kind(changetype<Page>(page), PG_TABLE);
  const table = page_address(changetype<Page>(page));
  memory.fill(table, 0, PAGE_SIZE);
  header().memcg_table = <u32>table;
  return true;
}

/** @returns the id of a new group, or 0: name in use, or no entry left. Context: slab_mutex. */
function new_group(name: usize, limit_pages: u32): u32 {
  let number: u32 = 0;
  for (let each: u32 = 1; each < MAX_MEMCGS; each++) {
    const memcg = memcg_at(each);
    if (memcg.state !== 0) {
      if (same_name(name_of(memcg), name)) return 0;
    } else if (number === 0 && usage_pages(each) === 0) {
      number = each;
    }
  }
  if (number === 0) return 0;
  // No pages charged: then no stock has bytes of it either, and nr_charged_bytes is 0.
  const memcg = memcg_at(number);
  memcg.limit_pages = limit_pages;
  memcg.max_usage_pages = 0;
  memcg.failcnt = 0;
  memcg.id = (memcg.id & ~(MAX_MEMCGS - 1)) + MAX_MEMCGS + number;
  memory.fill(name_of(memcg), 0, NAME_BYTES);
  copy_name(name_of(memcg), name);
  memcg.state = 1;
  return memcg.id;
}

/**
 * Create a group.
 *
 * @param name address of a NUL-terminated name of 1 to 31 bytes, not in use
 * @param limit_pages pages of 4 KiB that may be charged to it, at least 1
 * @returns its id, never 0; 0 if the name is in use, all 63 entries are, the cache table has no
 * room for the 13 kmalloc-cg caches in a row, or memory is out. Context: task.
 */
export function memcg_create(name: usize, limit_pages: u32): u32 {
  const mode = lock_mode();
  lock_slab_mutex(mode);
  const id = make_table(mode) ? new_group(name, limit_pages) : 0;
  unlock_slab_mutex();
  return id;
}

/**
 * Charge what this CPU allocates to a group from now on.
 *
 * @param id the group's, or 0 for none. @returns false if it is gone. Context: task. Kernel:
 * set_active_memcg(), 6.18.
 */
export function memcg_set(id: u32): bool {
  lock_slab_mutex(lock_mode());
  const done = id === 0 || is_live(id);
  // Under the mutex, so that a group cannot go between the look and the store.
  if (done) write_once(this_cpu + offsetof<CpuArea>("memcg"), id % MAX_MEMCGS);
  unlock_slab_mutex();
  return done;
}

/** Charge nobody any more, and leave nothing in the stock. Context: task; cpu_offline(). */
export function memcg_leave(): void {
  memcg_set(0);
  drain_stock();
}

/**
 * Remove a group. Refused, with nothing changed, if anything is charged to it, if it is some
 * CPU's, or if it is gone already. What lies free in stocks does not count.
 *
 * @returns true if it is gone now by this call. Context: task.
 */
export function memcg_destroy(id: u32): bool {
  drain_stock();
  const number = id % MAX_MEMCGS;
  lock_slab_mutex(lock_mode());
  const done = is_live(id) && !memcg_is_current(number) && memcg_is_unused(number);
  if (done) memcg_at(number).state = 0;
  unlock_slab_mutex();
  return done;
}

if (MAX_MEMCGS << MEMCG_SHIFT !== <u32>PAGE_SIZE) ERROR("the table of groups is one page");
