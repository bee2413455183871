/**
 * From a bare memory to a heap: by whichever CPU comes first; the others wait for it.
 *
 * The boot word passes NONE, RUNNING, READY (or FAILED) by cmpxchg, and everything else is
 * written between RUNNING and READY by one CPU, which borrows area 0 for its locks meanwhile.
 */
import { BUG_ON } from "../base/bug";
import {
  ABI_VERSION,
  BUILD,
  HEAP_FAILSLAB,
  HEAP_MAGIC,
  HEAP_RT,
  HEAP_SHEAVES,
  LOCK_WAIT,
  MAX_CPUS,
  MAX_NODES,
  DEFER_TO_CPU,
  DEFER_TO_NOWHERE,
  DEFER_TO_SLAB,
  NR_DEFER_PLACES,
  NR_KMALLOC_CACHES,
  PAGES_PER_WASM_PAGE,
  PAGE_SHIFT,
  PAGE_SIZE,
  PERCPU_LAYERS,
  PERCPU_SHEAF,
  PERCPU_SLAB,
  RESERVE_GUARD,
  SLAB_KMALLOC,
} from "../base/config";
import {
  BOOT_FAILED,
  BOOT_NONE,
  BOOT_READY,
  BOOT_RUNNING,
  HeapHeader,
  cpu_area_bytes,
  cpu_areas_offset,
  heap_base_for,
  mem_map_bytes,
  mem_map_offset,
  node_table_offset,
} from "../base/layout";
import { node_barns_bytes } from "../base/layout_sheaf";
import { CPU_FREE, CPU_TAKEN, CpuArea } from "../base/layout_percpu";
import { add_pages } from "../page/grow";
import { drain_pages } from "../page/pcp";
import { flush_everything_here } from "../slab/barrier";
import { drain_stock } from "../slab/memcg_stock";
import { rcu_hand_over } from "../slab/rcu_queue";
import { rcu_serve } from "../slab/rcu_serve";
import { rcu_sheaves_hand_over } from "../slab/rcu_sheaf";
import { cmpxchg, cpu_relax, read_once, write_once, write_once64 } from "../sync/atomic";
import { HOOKED, preempt_count } from "../sync/context";
import { lockdep_reset } from "../sync/lockdep";
import {
  DEFER_DRAIN_DEACTIVATE,
  DEFER_DRAIN_IRQ_WORK,
  DEFER_DRAIN_SLOW_FREE,
  DEFER_DRAIN_SWITCH,
} from "../sync/stat";
import { cache_at } from "../slab/cache_table";
import { forget_main, has_sheaves } from "../slab/sheaf";
import { cpu_area, cpu_cache_of, header, per_cpu, set_registers, this_cpu } from "../sync/percpu";
import { rcu_read_lock_held } from "../sync/rcu";
import { create_kmalloc_caches, init_size_index } from "./size_class";

/** Pages every new heap has at once, so that first allocations need not grow it: 256 KiB. */
const FIRST_PAGES: u64 = 64;

/** @returns 4 KiB pages the memory has now. */
function current_pages(): u32 {
  return <u32>memory.size() * PAGES_PER_WASM_PAGE;
}

/** Make the memory at least `pages` pages long. */
function ensure_pages(pages: u32): bool {
  const now = current_pages();
  if (now >= pages) return true;
  const wanted = (pages - now + PAGES_PER_WASM_PAGE - 1) / PAGES_PER_WASM_PAGE;
  // Another thread that boots at the same time may have grown it meanwhile.
  return memory.grow(<i32>wanted) >= 0 || current_pages() >= pages;
}

/** Fill in the header's constants. */
function init_header(head: HeapHeader, reserve_bytes: u32, maximum_pages: u32, cpus: u32): void {
  const base = changetype<usize>(head);
  head.self = <u32>base;
  head.abi_version = ABI_VERSION;
  head.build = BUILD;
  head.nr_cpu_ids = cpus;
  head.maximum_pages = maximum_pages;
  head.reserve_bytes = reserve_bytes;
  head.node_table = <u32>(base + node_table_offset(head.max_caches));
  head.cpu_areas = <u32>(base + cpu_areas_offset(head.max_caches, head.nr_nodes));
  head.cpu_area_size = <u32>cpu_area_bytes(head.max_caches);
  const map = mem_map_offset(head.max_caches, head.nr_nodes, cpus);
  head.mem_map = <u32>(base + <usize>map);
  const barns = <u64>base + map + mem_map_bytes(maximum_pages);
  if ((head.options & HEAP_SHEAVES) !== 0) {
    head.node_barns = <u32>barns;
    head.page_class = <u32>barns + <u32>node_barns_bytes(head.max_caches, head.nr_nodes);
  }
  const first = barns + sheaf_tables(head.max_caches, head.nr_nodes, maximum_pages, head.options);
  head.first_pfn = <u32>((first + PAGE_SIZE - 1) >> PAGE_SHIFT);
  head.nr_caches = NR_KMALLOC_CACHES;
  // Nothing reserved: the null page below the heap reads as zeros.
  if (reserve_bytes !== 0) memory.fill(reserve_bytes, <u8>RESERVE_GUARD, PAGE_SIZE);
}

/** @returns bytes of what only heaps with sheaves have: barns and page classes. */
function sheaf_tables(max_caches: u32, nodes: u32, maximum_pages: u32, options: u32): u64 {
  if ((options & HEAP_SHEAVES) === 0) return 0;
  return <u64>node_barns_bytes(max_caches, nodes) + <u64>maximum_pages;
}

/** Everything between RUNNING and READY. @returns false if the memory is too small. */
function boot(
  base: usize,
  reserve_bytes: u32,
  maximum_pages: u32,
  cpus: u32,
  nodes: u32,
  max_caches: u32,
  defer_place: u32,
  defer_trigger: u32,
  options: u32,
  seed: u32,
): bool {
  const tables =
    mem_map_offset(max_caches, nodes, cpus) +
    mem_map_bytes(maximum_pages) +
    sheaf_tables(max_caches, nodes, maximum_pages, options);
  const needed = ((<u64>base + tables + PAGE_SIZE - 1) >> PAGE_SHIFT) + FIRST_PAGES;
  if (needed > maximum_pages || !ensure_pages(<u32>needed)) return false;
  const head = changetype<HeapHeader>(base);
  head.max_caches = max_caches;
  head.nr_nodes = nodes;
  head.defer_place = defer_place;
  head.defer_trigger = defer_trigger;
  head.options = options;
  head.seed = seed;
  head.rcu_gp = 1;
  init_header(head, reserve_bytes, maximum_pages, cpus);
  set_registers(head.cpu_areas, base, head.mem_map);
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    const area = per_cpu(cpu);
    area.cpu = cpu;
    area.node = cpu % nodes;
    area.current = cpu + 1;
    // Entry 0 of the cache table, which size 0 and addresses without a slab lead to.
    forget_main(cpu_cache_of(area, cache_at(0)));
  }
  per_cpu(0).task_mode = LOCK_WAIT;
  init_size_index(base);
  const end = min(current_pages(), maximum_pages);
  add_pages(head.first_pfn, end);
  if (!create_kmalloc_caches(0, SLAB_KMALLOC, LOCK_WAIT)) return false;
  drain_pages(per_cpu(0), LOCK_WAIT);
  return true;
}

/** @returns true if what waits at `place` can be drained by `trigger`. */
function arm_fits(place: u32, trigger: u32): bool {
  if (place >= NR_DEFER_PLACES) return false;
  if (trigger === DEFER_DRAIN_IRQ_WORK) {
    // It looks at one list and does not know of which cache a list has become longer.
    return place === DEFER_TO_NOWHERE || place === DEFER_TO_SLAB || place === DEFER_TO_CPU;
  }
  return (
    trigger === DEFER_DRAIN_SLOW_FREE ||
    trigger === DEFER_DRAIN_DEACTIVATE ||
    trigger === DEFER_DRAIN_SWITCH
  );
}

/** @returns the options of a heap, HEAP_SHEAVES among them where this build has nothing else. */
function layer_of(options: u32): u32 {
  return PERCPU_LAYERS === PERCPU_SHEAF ? options | HEAP_SHEAVES : options;
}

/** @returns false for arguments that no heap of this build can have. */
function arguments_fit(cpus: u32, nodes: u32, max_caches: u32, options: u32): bool {
  const layer = (options & HEAP_SHEAVES) !== 0 ? PERCPU_SHEAF : PERCPU_SLAB;
  return (
    (PERCPU_LAYERS & layer) !== 0 &&
    cpus - 1 < MAX_CPUS &&
    nodes - 1 < MAX_NODES &&
    max_caches >= NR_KMALLOC_CACHES &&
    max_caches <= 65536
  );
}

/**
 * Make a heap in this memory, or find the one that is there.
 *
 * Any number of threads may call it at once with the same arguments: one boots, the others spin
 * until it has (a few milliseconds at most; they may be unable to sleep).
 *
 * @param reserve_bytes bytes from address 0 that stay with other modules
 * @param maximum_pages 4 KiB pages of the memory's maximum
 * @param cpus 1 .. 256, @param nodes 1 .. 8, @param max_caches 14 .. 65536
 * @param defer_place DEFER_TO_*: where deferred objects wait, @param defer_trigger DEFER_DRAIN_*
 * (sync/stat.ts): SLOW_FREE, DEACTIVATE, SWITCH, or IRQ_WORK, for the places of a CPU alone
 * @param options HEAP_*, the capacity of sheaves from HEAP_SHEAF_CAPACITY_SHIFT on; HEAP_SHEAVES
 * may be left out where the build has sheaves alone
 * @param seed where the heap's generators start
 * @returns heap_base; 0 if the tables do not fit or an argument is impossible. Context: any.
 */
export function heap_init(
  reserve_bytes: usize,
  maximum_pages: u32,
  cpus: u32,
  nodes: u32,
  max_caches: u32,
  defer_place: u32,
  defer_trigger: u32,
  options: u32,
  seed: u32,
): usize {
  const bits = layer_of(options);
  if (!arguments_fit(cpus, nodes, max_caches, bits) || !arm_fits(defer_place, defer_trigger))
    return 0;
  const base = heap_base_for(reserve_bytes);
  // Rounded up past the end of 32 bits, it would lie in the bytes of others.
  if (base <= reserve_bytes) return 0;
  if ((base >> PAGE_SHIFT) + 2 > maximum_pages) return 0;
  if (!ensure_pages(<u32>(base >> PAGE_SHIFT) + 2)) return 0;
  const word = base + offsetof<HeapHeader>("boot");
  if (cmpxchg(word, BOOT_NONE, BOOT_RUNNING) === BOOT_NONE) {
    const done = boot(
      base,
      <u32>reserve_bytes,
      maximum_pages,
      cpus,
      nodes,
      max_caches,
      defer_place,
      defer_trigger,
      bits,
      seed,
    );
    set_registers(0, 0, 0);
    if (done) write_once64(base, HEAP_MAGIC);
    write_once(word, done ? BOOT_READY : BOOT_FAILED);
  }
  while (read_once(word) === BOOT_RUNNING) cpu_relax(word);
  return read_once(word) === BOOT_READY ? base : 0;
}

/** @returns true if no CPU of this heap may use the fast paths that ask nothing. */
function asks_first(head: HeapHeader): bool {
  return isDefined(SLUB_TRACE) || (head.options & (HEAP_RT | HEAP_FAILSLAB)) !== 0;
}

/**
 * Let allocations fail on purpose; the option HEAP_FAILSLAB must be set. Context: right after
 * heap_init(), before any CPU attaches.
 *
 * @param probability chance of a failure in 2^32 less one, @param interval 0 and 1 = every chance,
 * @param nth 0 = none, else exactly that allocation of each CPU. Kernel: lib/fault-inject.c.
 */
export function set_failslab(base: usize, probability: u32, interval: u32, nth: u32): void {
  const head = changetype<HeapHeader>(base);
  head.fail_probability = probability;
  head.fail_interval = interval;
  head.fail_nth = nth;
}

/** Become CPU `cpu`. @returns false if somebody is. */
function claim(cpu: u32): bool {
  const word = changetype<usize>(per_cpu(cpu)) + offsetof<CpuArea>("state");
  return cmpxchg(word, CPU_FREE, CPU_TAKEN) === CPU_FREE;
}

/**
 * Make this instance a CPU of the heap at `base`.
 *
 * @param wanted its number, or -1 for the lowest that is free
 * @param task_mode LOCK_WAIT, or LOCK_BOUNDED where this thread must not sleep
 * @returns the number; -1 if it is taken or none is free, -2 if the heap has no such CPU.
 * Context: an instance that is no CPU yet, after heap_init() or a check of the header.
 */
export function cpu_attach(base: usize, wanted: i32, task_mode: u32): i32 {
  const head = changetype<HeapHeader>(base);
  set_registers(0, base, head.mem_map);
  let cpu: u32 = 0;
  let mine: bool = false;
  if (wanted >= 0) {
    if (<u32>wanted >= head.nr_cpu_ids) return -2;
    cpu = <u32>wanted;
    mine = claim(cpu);
  } else {
    while (cpu < head.nr_cpu_ids && !mine) {
      mine = claim(cpu);
      if (!mine) cpu++;
    }
  }
  if (!mine) return -1;
  const area = per_cpu(cpu);
  set_registers(changetype<usize>(area), base, head.mem_map);
  area.preempt_count = asks_first(head) ? HOOKED : 0;
  area.task_mode = task_mode;
  area.current = cpu + 1;
  lockdep_reset();
  area.fail_seen = 0;
  area.fail_done = 0;
  return <i32>cpu;
}

/**
 * Stop being a CPU: give back what it holds, drain what waits for it, free its number.
 *
 * Traps inside a section, a read-side section, an interrupt or a callback. What waits for a grace
 * period goes to the heap. Context: task.
 */
export function cpu_offline(): void {
  BUG_ON((preempt_count() | rcu_read_lock_held()) !== 0);
  // Neither a group that could not be removed then nor bytes of one stay with a number nobody has.
  write_once(this_cpu + offsetof<CpuArea>("memcg"), 0);
  rcu_serve();
  flush_everything_here();
  rcu_hand_over();
  if (has_sheaves()) rcu_sheaves_hand_over();
  drain_stock();
  drain_pages(cpu_area(), cpu_area().task_mode);
  const state = this_cpu + offsetof<CpuArea>("state");
  const head = header();
  set_registers(0, changetype<usize>(head), head.mem_map);
  write_once(state, CPU_FREE);
}
