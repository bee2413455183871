/**
 * The cache table: create, open, destroy.
 *
 * Entries 1 to 13 are the kmalloc caches; users' follow. slab_mutex guards the table and is never
 * taken on an allocation path. Names are unique; opening a cache is finding its name.
 * Kernel: mm/slab_common.c __kmem_cache_create_args(), kmem_cache_destroy(); mm/slub.c
 * __kmem_cache_shutdown(), free_partial(); 6.18 - differs: caches are never merged, and a cache
 * that still has objects stays usable, so that they can be freed and destroy called again.
 */
import {
  REFUSED_MEMORY,
  REFUSED_NAME,
  REFUSED_NONE,
  REFUSED_SIZE,
  REFUSED_TABLE,
} from "../base/bug";
import {
  HEAP_HARDENED,
  HEAP_NO_CMPXCHG,
  NAME_BYTES,
  NR_KMALLOC_CACHES,
  OWN_NAMES,
  PAGE_SIZE,
  SLAB_NO_CMPXCHG,
} from "../base/config";
import {
  CACHE_FREE,
  CACHE_GONE,
  CACHE_LIVE,
  CACHE_TABLE,
  KMEM_CACHE_CPU_SIZE,
  KMEM_CACHE_NODE_SIZE,
  KMEM_CACHE_SHIFT,
  KMEM_CACHE_SIZE,
  KmemCache,
  KmemCacheNode,
  STAT_STRIDE,
  Slab,
} from "../base/layout";
import { NODE_BARN_SIZE } from "../base/layout_sheaf";
import { virt_to_page } from "../page/page";
import { free_pages } from "../page/page_alloc";
import { alloc_table } from "../page/table";
import { read_once, write_once } from "../sync/atomic";
import { lock_mode } from "../sync/context";
import { cpu_area, cpu_cache_of, header, heap_base, per_cpu } from "../sync/percpu";
import { next_random } from "../sync/random";
import { cache_at, cache_state, set_cache_state } from "./cache_table";
import { get_barn } from "./barn";
import { kmem_cache_flags } from "./debug_flags";
import { is_debug_cache } from "./debug_layout";
import { list_slab_objects } from "./debug_validate";
import { flush_cpu_of } from "./flush";
import { get_node, node_nr_slabs, remove_partial } from "./kmem_cache_node";
import { discard_slab } from "./new_slab";
import { free_cache_random_seq, init_cache_random_seq } from "./random_seq";
import { rcu_barrier } from "./rcu_serve";
import { list_lock_to_look, list_unlock } from "./section";
import {
  calculate_barn_full,
  calculate_pcs_full,
  calculate_sheaf_capacity,
  forget_main,
  has_sheaves,
} from "./sheaf";
import { flush_barns, flush_pcs, prefilled_of } from "./sheaf_flush";
import { MAX_OBJECT_SIZE, calculate_alignment, calculate_sizes } from "./size";
import { slab_word, word_inuse } from "./slab";
import { lock_slab_mutex, unlock_slab_mutex } from "./slab_mutex";

/** The entry becomes another cache, or none. Context: slab_mutex, or boot. */
function next_generation(cache: KmemCache): void {
  const word = changetype<usize>(cache) + offsetof<KmemCache>("generation");
  write_once(word, read_once(word) + 1);
}

/** Empty an entry, but for its generation. Context: slab_mutex, or boot. */
export function clear_cache(cache: KmemCache): void {
  const address = changetype<usize>(cache);
  const kept = offsetof<KmemCache>("generation");
  memory.fill(address, 0, kept);
  memory.fill(address + kept + 4, 0, KMEM_CACHE_SIZE - kept - 4);
}

/** Of 1024 looks for a partial slab, those that may go to another node (kernel's default). */
const DEFRAG_RATIO: u32 = 1000;
/** Looks at a cache that seems in use before destroy believes it. */
const DESTROY_PASSES: u32 = 4;

function name_of(cache: KmemCache): usize {
  return changetype<usize>(cache) + offsetof<KmemCache>("name");
}

/** @returns true if two NUL-terminated names are equal in their first NAME_BYTES bytes. */
export function same_name(a: usize, b: usize): bool {
  for (let i: usize = 0; i < NAME_BYTES; i++) {
    const left = load<u8>(a + i);
    if (left !== load<u8>(b + i)) return false;
    if (left === 0) return true;
  }
  return true;
}

/** @returns the live cache of that name, or 0. Context: slab_mutex. */
function find_cache(name: usize): usize {
  const count = header().nr_caches;
  for (let index: u32 = 1; index < count; index++) {
    const cache = cache_at(index);
    if (cache_state(cache) !== CACHE_FREE && same_name(name_of(cache), name)) {
      return changetype<usize>(cache);
    }
  }
  return 0;
}

/** @returns an unused entry, or 0 when the table is full. Context: slab_mutex. */
function find_free_entry(): usize {
  const head = header();
  for (let index = NR_KMALLOC_CACHES; index < head.nr_caches; index++) {
    const cache = cache_at(index);
    if (cache_state(cache) === CACHE_FREE) return changetype<usize>(cache);
  }
  if (head.nr_caches >= head.max_caches) return 0;
  head.nr_caches = head.nr_caches + 1;
  return changetype<usize>(cache_at(head.nr_caches - 1));
}

/** A clean KmemCacheCpu on every CPU. tid starts at the CPU number and never goes back. */
function init_cpu_caches(cache: KmemCache): void {
  const cpus = header().nr_cpu_ids;
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    const c = cpu_cache_of(per_cpu(cpu), cache);
    const tid = c.tid === 0 ? cpu : c.tid;
    memory.fill(changetype<usize>(c), 0, KMEM_CACHE_CPU_SIZE);
    c.tid = tid;
    forget_main(c);
  }
}

/** No sheaf anywhere, and how large they will be. Context: the cache is not in use yet. */
function init_sheaves(cache: KmemCache, wish: u32): void {
  cache.sheaf_capacity = calculate_sheaf_capacity(cache, is_debug_cache(cache), wish);
  cache.barn_full = calculate_barn_full(cache);
  cache.pcs_full = calculate_pcs_full(cache);
  const barns = changetype<usize>(get_barn(cache, 0));
  memory.fill(barns, 0, <usize>header().nr_nodes * NODE_BARN_SIZE);
}

/**
 * Fill an entry in and make it live.
 *
 * @returns REFUSED_SIZE or REFUSED_MEMORY, with the entry still free, or REFUSED_NONE.
 */
export function init_cache(
  cache: KmemCache,
  index: u32,
  size: u32,
  align: u32,
  flags: u32,
  ctor: u32,
  sheaf_capacity: u32,
  mode: u32,
): u32 {
  cache.index = index;
  cache.object_size = size;
  const no_cmpxchg = (header().options & HEAP_NO_CMPXCHG) !== 0;
  cache.flags = no_cmpxchg ? flags | SLAB_NO_CMPXCHG : flags;
  if (isDefined(SLUB_DEBUG)) cache.flags = kmem_cache_flags(name_of(cache), cache.flags);
  cache.ctor = ctor;
  cache.align = calculate_alignment(flags, align, size);
  if (!calculate_sizes(cache, header().nr_cpu_ids)) return REFUSED_SIZE;
  cache.stat_base = <u32>alloc_table(<usize>header().nr_cpu_ids * STAT_STRIDE, mode);
  if (cache.stat_base === 0) return REFUSED_MEMORY;
  cache.refcount = 1;
  cache.remote_node_defrag_ratio = DEFRAG_RATIO;
  init_cache_random_seq(cache, mode);
  if (isDefined(SLUB_HARDENED)) {
    // Never 0, which means that pointers are plain.
    if ((header().options & HEAP_HARDENED) !== 0) cache.random = next_random();
  }
  const nodes = header().nr_nodes;
  const first = changetype<usize>(get_node(cache, 0));
  memory.fill(first, 0, <usize>nodes * KMEM_CACHE_NODE_SIZE);
  if (has_sheaves()) init_sheaves(cache, sheaf_capacity);
  init_cpu_caches(cache);
  next_generation(cache);
  set_cache_state(cache, CACHE_LIVE);
  return REFUSED_NONE;
}

/**
 * Create a cache.
 *
 * @param name address of a NUL-terminated name of 1 to 31 bytes, not in use
 * @param size bytes of an object, 1 to 4 MiB
 * @param align a power of two up to 4096, or 0
 * @param flags SLAB_* that a user may set, or 0
 * @param ctor nonzero if the host has a constructor for it
 * @param sheaf_capacity objects that its sheaves should have room for at least; 0: by their size;
 * more than MAX_SHEAF_CAPACITY is that. A heap or cache without sheaves does not look at it
 * @returns the cache, or 0; then CpuArea.bug_code says why: REFUSED_NAME and below.
 * Context: task.
 */
export function kmem_cache_create(
  name: usize,
  size: u32,
  align: u32,
  flags: u32,
  ctor: u32,
  sheaf_capacity: u32,
): usize {
  const mode = lock_mode();
  let address: usize = 0;
  let refused = REFUSED_SIZE;
  if (size - 1 < <u32>MAX_OBJECT_SIZE && align <= <u32>PAGE_SIZE && (align & (align - 1)) === 0) {
    lock_slab_mutex(mode);
    refused = REFUSED_NAME;
    if (load<u64>(name) !== OWN_NAMES && find_cache(name) === 0) {
      address = find_free_entry();
      refused =
        address === 0
          ? REFUSED_TABLE
          : make_cache(address, name, size, align, flags, ctor, sheaf_capacity, mode);
      if (refused !== REFUSED_NONE) address = 0;
    }
    unlock_slab_mutex();
  }
  cpu_area().bug_code = refused;
  return address;
}

/** A cache in a free entry. @returns REFUSED_*. Context: slab_mutex. */
function make_cache(
  address: usize,
  name: usize,
  size: u32,
  align: u32,
  flags: u32,
  ctor: u32,
  sheaf_capacity: u32,
  mode: u32,
): u32 {
  const cache = changetype<KmemCache>(address);
  const index = <u32>((address - heap_base - CACHE_TABLE) >> KMEM_CACHE_SHIFT);
  clear_cache(cache);
  copy_name(name_of(cache), name);
  return init_cache(cache, index, size, align, flags, ctor, sheaf_capacity, mode);
}

function copy_name(to: usize, from: usize): void {
  for (let i: usize = 0; i < NAME_BYTES - 1; i++) {
    const byte = load<u8>(from + i);
    store<u8>(to + i, byte);
    if (byte === 0) return;
  }
}

/** @returns the live cache called `name` (NUL-terminated), or 0. Context: task. */
export function kmem_cache_open(name: usize): usize {
  lock_slab_mutex(lock_mode());
  const cache = find_cache(name);
  unlock_slab_mutex();
  return cache;
}

/** Give the empty slabs of a node's partial list back; keep those with objects. */
function free_partial(cache: KmemCache, node: KmemCacheNode, mode: u32): void {
  // Emptied one by one: a discard takes other locks than list_lock.
  while (list_lock_to_look(node, mode)) {
    let slab = <usize>node.partial;
    while (slab !== 0 && word_inuse(slab_word(changetype<Slab>(slab))) !== 0) {
      slab = <usize>changetype<Slab>(slab).next;
    }
    if (slab !== 0) remove_partial(node, changetype<Slab>(slab));
    list_unlock(node);
    if (slab === 0) return;
    discard_slab(cache, changetype<Slab>(slab), mode);
  }
}

/** Flush all CPUs and give empty slabs back. @returns slabs left. Context: slab_mutex. */
function shutdown_cache(cache: KmemCache, mode: u32): u32 {
  const head = header();
  if (has_sheaves()) {
    for (let cpu: u32 = 0; cpu < head.nr_cpu_ids; cpu++) {
      flush_pcs(cache, cpu_cache_of(per_cpu(cpu), cache));
    }
    flush_barns(cache, mode);
  }
  for (let cpu: u32 = 0; cpu < head.nr_cpu_ids; cpu++) flush_cpu_of(per_cpu(cpu), cache, mode);
  // A sheaf that is out keeps its cache, even without objects.
  let left: u32 = has_sheaves() ? prefilled_of(cache) : 0;
  for (let i: u32 = 0; i < head.nr_nodes; i++) {
    const node = get_node(cache, i);
    free_partial(cache, node, mode);
    left += node_nr_slabs(node);
  }
  return left;
}

/**
 * Give back what init_cache() allocated, and the entry first: tables that no live cache has can be
 * told from others. Context: slab_mutex; no slabs left.
 */
export function release_cache(cache: KmemCache, mode: u32): void {
  // Before anything else can become of it: whoever opened it must never take that for the same.
  next_generation(cache);
  set_cache_state(cache, CACHE_FREE);
  free_cache_random_seq(cache, mode);
  free_pages(virt_to_page(<usize>cache.stat_base), mode);
  cache.stat_base = 0;
}

/**
 * Destroy a cache that nobody uses any more. First waits for every deferred free, and for a grace
 * period if anything waits for one.
 *
 * A CPU that went idle never reaches a safe point: its lists are taken from here, and what it
 * holds of this cache is flushed from here. slab_mutex keeps a CPU that goes offline from
 * flushing the same at the same time. A drain elsewhere that could not wait may have deferred
 * once more after its list was taken, so a cache that seems in use is looked at again.
 *
 * @param generation as it was when the caller opened the cache, or 0: whatever is there
 * @returns slabs that still hold objects, and sheaves that are out: 0 = released, CACHE_GONE =
 * somebody else did it before; otherwise the cache stays as it is.
 * Context: task; no other CPU is in a call on this cache. A CPU that may not sleep spins.
 */
export function kmem_cache_destroy(cache: KmemCache, generation: u32): u32 {
  const mode = lock_mode();
  let left: u32 = 1;
  for (let pass: u32 = 0; pass < DESTROY_PASSES && left !== 0; pass++) {
    // Where readers cannot be waited for, what is queued counts as in use, and the cache stays.
    rcu_barrier();
    lock_slab_mutex(mode);
    // Under the mutex: two that destroy the same one, or one that is a pass too late.
    const gone = generation !== 0 && cache.generation !== generation;
    left = gone ? CACHE_GONE : shutdown_cache(cache, mode);
    if (left === 0) {
      release_cache(cache, mode);
    }
    unlock_slab_mutex();
    if (gone) return CACHE_GONE;
  }
  // Pages that wait lead to it no more; but whoever destroys wants them back.
  if (left === 0) rcu_barrier();
  if (isDefined(SLUB_DEBUG)) {
    if (left !== 0) list_slab_objects(cache, mode);
  }
  return left;
}
