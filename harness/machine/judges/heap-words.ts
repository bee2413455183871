/**
 * What each word of a heap is, for judges that look at every access: one array read tells whether
 * anybody cares. The rest are accessors that allocate nothing and read the memory as it is.
 */
import { HOOKED } from "../../heap/constants.js";
import type { FieldTable } from "../../heap/fields.js";
import { barnOf, hasSheaves } from "../../heap/sheaves.js";
import type { HeapView } from "../../heap/view.js";
import type { Machine } from "../core/machine.js";

// What a word is; 0: nothing that a judge looks at. Locks come first, in the order in which they
// nest (assembly/slab/README.md).
export const SLAB_MUTEX = 1;
export const RCU_LOCK = 2;
export const GROW_LOCK = 3;
export const SHEAF_LOCK = 4;
export const BARN_LOCK = 5;
export const LIST_LOCK = 6;
export const LOCAL_LOCK = 7;
export const SLAB_LOCK = 8;
export const STOCK_LOCK = 9;
export const PCP_LOCK = 10;
export const ZONE_LOCK = 11;
export const LOCKS: readonly number[] = Array.from({ length: ZONE_LOCK }, (_, at) => at + 1);
/** freelist and tid of a KmemCacheCpu. */
export const CPU_LIST = 12;
export const CPU_SLAB = 13;
export const CPU_PARTIAL = 14;
export const PREEMPT_COUNT = 15;
export const IRQ_PENDING = 16;
/** Heads of llists: of deferred objects, of deferred slabs, of pages. */
export const OBJECT_LLIST = 17;
export const SLAB_LLIST = 18;
export const PAGE_LLIST = 19;
/** freelist and counters of a page descriptor. */
export const SLAB_WORD = 20;
export const PAGE_KIND = 21;
/** nr_partial and the ends of a node's partial list. */
export const NODE_LIST = 22;
/** What pages hold. */
export const CONTENT = 23;
/** Below and above the heap. */
export const OUTSIDE = 24;
/** The lower half of a counter of one CPU. */
export const STAT = 25;
/** What a CPU pops from and pushes to; what it has on its way. */
export const CPU_SHEAVES = 26;
export const SHEAF_HAND = 27;
/** Lengths and first sheaves of a barn. */
export const BARN_LIST = 28;
export const WORD_KINDS = 29;

/** What is known of a cache once it exists. */
export interface CacheWords {
  readonly address: number;
  readonly name: string;
  readonly size: number;
  readonly offset: number;
  readonly padding: number;
}

const PAGE_DESCRIPTOR = 64;
const PAGE_BYTES = 4096;

export class HeapWords {
  readonly words: Int32Array;
  readonly table: FieldTable;
  /** By word: what it is. */
  readonly kinds: Uint8Array;
  /** By word: address of the struct it is in. Of content and what lies outside: 0. */
  readonly bases: Int32Array;
  readonly cpus: number;
  readonly areas: readonly number[];
  readonly memMap: number;
  readonly firstPfn: number;
  readonly endPfn: number;
  /** Heads of lock-less lists. */
  readonly llists: number[] = [];
  readonly #caches = new Map<number, CacheWords>();
  readonly #page: FieldTable["offsets"]["page"];
  readonly #areaBytes: number;
  readonly #base: number;

  constructor(machine: Machine, view: HeapView) {
    view.refresh();
    this.#base = view.base;
    this.words = machine.words;
    this.table = view.table;
    this.kinds = new Uint8Array(this.words.length);
    this.bases = new Int32Array(this.words.length);
    const header = view.header();
    this.cpus = view.cpuCount;
    this.#areaBytes = header.cpu_area_size;
    this.areas = Array.from(
      { length: this.cpus },
      (_, cpu) => header.cpu_areas + cpu * this.#areaBytes,
    );
    this.memMap = header.mem_map;
    this.firstPfn = header.first_pfn;
    this.endPfn = view.endPfn;
    this.#page = this.table.offsets.page;
    for (const { address, name, size, offset, red_left_pad: padding } of view.caches()) {
      this.#caches.set(address, { address, name, size, offset, padding });
    }
    this.#mapOutside(view);
    // Counters lie in pages: what is more exact comes later.
    this.#mapPages();
    this.#mapHeader(view);
    this.#mapCaches(view);
    for (const area of this.areas) this.#mapArea(area, view);
    this.#mapBarns(view);
  }

  #set(address: number, kind: number, base: number): void {
    this.kinds[address >>> 2] = kind;
    this.bases[address >>> 2] = base;
    if (isLlist(kind)) this.llists.push(address);
  }

  #mapOutside(view: HeapView): void {
    this.kinds.fill(OUTSIDE, 0, view.base >>> 2);
    this.kinds.fill(OUTSIDE, (this.endPfn * PAGE_BYTES) >>> 2);
  }

  #mapHeader(view: HeapView): void {
    const { heap_header: of, zone, rcu_queue: queue } = this.table.offsets;
    const { base } = view;
    this.#set(base + of.slab_mutex, SLAB_MUTEX, base);
    this.#set(base + of.grow_lock, GROW_LOCK, base);
    this.#set(base + of.rcu_lock, RCU_LOCK, base + of.rcu_lock);
    this.#set(base + of.rcu_lock + queue.next, PAGE_LLIST, base + of.rcu_lock);
    for (let node = 0; node < view.nodeCount; node++) {
      const { address } = view.zone(node);
      this.#set(address + zone.lock, ZONE_LOCK, address);
      this.#set(address + zone.deferred, PAGE_LLIST, address);
    }
  }

  #mapCaches(view: HeapView): void {
    const { kmem_cache: cache, kmem_cache_node: of } = this.table.offsets;
    for (const { address, index, stat_base } of view.caches()) {
      this.#mapCounters(stat_base);
      this.#set(address + cache.defer_free_objects, OBJECT_LLIST, address);
      this.#set(address + cache.defer_own_line, OBJECT_LLIST, address);
      for (let number = 0; number < view.nodeCount; number++) {
        const { address: node } = view.node(index, number);
        this.#set(node + of.list_lock, LIST_LOCK, node);
        for (const offset of [of.nr_partial, of.partial, of.partial_tail, of.full]) {
          this.#set(node + offset, NODE_LIST, node);
        }
        this.#set(node + of.defer_free_objects, OBJECT_LLIST, node);
      }
    }
  }

  /** @param from 0: the cache has no counters yet */
  #mapCounters(from: number): void {
    if (from === 0) return;
    const { STAT_STRIDE } = this.table.constants;
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      for (let at = 0; at < STAT_STRIDE; at += 8) {
        this.#set(from + cpu * STAT_STRIDE + at, STAT, this.areas[cpu] ?? 0);
      }
    }
  }

  #mapArea(area: number, view: HeapView): void {
    const { cpu_area: of, kmem_cache_cpu: each, memcg_stock, rcu_data } = this.table.offsets;
    const { CPU_CACHES, CPU_MEMCG_STOCK, CPU_RCU, KMEM_CACHE_CPU_SIZE } = this.table.constants;
    this.#set(area + of.preempt_count, PREEMPT_COUNT, area);
    this.#set(area + of.irq_pending, IRQ_PENDING, area);
    this.#set(area + of.defer_objects, OBJECT_LLIST, area);
    this.#set(area + of.defer_slabs, SLAB_LLIST, area);
    this.#set(area + of.pcp_lock, PCP_LOCK, area);
    this.#set(area + CPU_MEMCG_STOCK + memcg_stock.lock, STOCK_LOCK, area);
    const queue = area + CPU_RCU + rcu_data.lock;
    this.#set(queue, RCU_LOCK, queue);
    this.#set(queue + this.table.offsets.rcu_queue.next, PAGE_LLIST, queue);
    for (const { index } of view.caches()) {
      const c = area + CPU_CACHES + index * KMEM_CACHE_CPU_SIZE;
      this.#set(c + each.freelist, CPU_LIST, c);
      this.#set(c + each.tid, CPU_LIST, c);
      this.#set(c + each.slab, CPU_SLAB, c);
      this.#set(c + each.partial, CPU_PARTIAL, c);
      this.#set(c + each.lock, LOCAL_LOCK, c);
      this.#set(c + each.defer_free_objects, OBJECT_LLIST, c);
      for (const offset of [each.top, each.end, each.main, each.spare]) {
        this.#set(c + offset, CPU_SHEAVES, c);
      }
      this.#set(c + each.sheaf_in_hand, SHEAF_HAND, c);
      this.#set(c + each.sheaf_lock, SHEAF_LOCK, c);
    }
  }

  #mapBarns(view: HeapView): void {
    const { lock, ...lists } = this.table.offsets.node_barn;
    if (!hasSheaves(view)) return;
    for (const cache of view.caches()) {
      for (let node = 0; node < view.nodeCount; node++) {
        const { address } = barnOf(view, cache, node);
        this.#set(address + lock, BARN_LOCK, address);
        for (const offset of Object.values(lists)) this.#set(address + offset, BARN_LIST, address);
      }
    }
  }

  #mapPages(): void {
    const of = this.#page;
    for (let pfn = this.firstPfn; pfn < this.endPfn; pfn++) {
      const page = this.pageOf(pfn);
      this.#set(page + of.freelist, SLAB_WORD, page);
      this.#set(page + of.counters, SLAB_WORD, page);
      this.#set(page + of.kind, PAGE_KIND, page);
      this.#set(page + of.lock, SLAB_LOCK, page);
    }
    this.kinds.fill(CONTENT, (this.firstPfn * PAGE_BYTES) >>> 2, (this.endPfn * PAGE_BYTES) >>> 2);
  }

  at(address: number): number {
    return (this.words[address >>> 2] as number) >>> 0;
  }

  /** The CPU in whose area an address lies. */
  cpuOf(address: number): number {
    return Math.floor((address - (this.areas[0] ?? 0)) / this.#areaBytes);
  }

  /** What the CPU that `fibre` is on writes into local locks, and into others. */
  taskToken(cpu: number): number {
    return this.at((this.areas[cpu] ?? 0) + this.table.offsets.cpu_area.current);
  }

  /** The context of a CPU; 0 = a task outside everything. */
  context(cpu: number): number {
    return this.at((this.areas[cpu] ?? 0) + this.table.offsets.cpu_area.preempt_count) & ~HOOKED;
  }

  pageOf(pfn: number): number {
    return this.memMap + pfn * PAGE_DESCRIPTOR;
  }

  pfnOf(page: number): number {
    return (page - this.memMap) / PAGE_DESCRIPTOR;
  }

  isPage(page: number): boolean {
    const pfn = this.pfnOf(page);
    return Number.isInteger(pfn) && pfn >= this.firstPfn && pfn < this.endPfn;
  }

  /** The slab that an address lies in, or 0. */
  slabAt(address: number): number {
    const pfn = address >>> 12;
    if (pfn < this.firstPfn || pfn >= this.endPfn) return 0;
    return this.at(this.pageOf(pfn) + this.#page.head);
  }

  field(page: number, name: keyof FieldTable["offsets"]["page"]): number {
    return this.at(page + this.#page[name]);
  }

  /** Address of the first byte of a page. */
  startOf(page: number): number {
    return this.pfnOf(page) * PAGE_BYTES;
  }

  cacheAt(address: number): CacheWords | undefined {
    return this.#caches.get(address);
  }

  /** The cache that a KmemCacheCpu is of. */
  cacheOf(c: number): CacheWords | undefined {
    const { CPU_CACHES, KMEM_CACHE_CPU_SIZE, CACHE_TABLE, KMEM_CACHE_SIZE } = this.table.constants;
    const area = this.areas[this.cpuOf(c)] ?? 0;
    const index = (c - area - CPU_CACHES) / KMEM_CACHE_CPU_SIZE;
    return this.#caches.get(this.#base + CACHE_TABLE + index * KMEM_CACHE_SIZE);
  }

  /** What a CPU holds of the cache at `cache`. */
  cpuCacheOf(cpu: number, cache: number): number {
    const { CPU_CACHES, KMEM_CACHE_CPU_SIZE, CACHE_TABLE, KMEM_CACHE_SIZE } = this.table.constants;
    const index = (cache - this.#base - CACHE_TABLE) / KMEM_CACHE_SIZE;
    return (this.areas[cpu] ?? 0) + CPU_CACHES + index * KMEM_CACHE_CPU_SIZE;
  }

  /** Whether `object` is where an object of this slab begins. */
  isObject(cache: CacheWords, slab: number, object: number): boolean {
    const from = object - this.startOf(slab) - cache.padding;
    const objects = objectsIn(this.field(slab, "counters"));
    return from >= 0 && from % cache.size === 0 && from / cache.size < objects;
  }
}

function isLlist(kind: number): boolean {
  return kind === OBJECT_LLIST || kind === SLAB_LLIST || kind === PAGE_LLIST;
}

// The upper half of a slab word.

export function inuseIn(counters: number): number {
  return counters & 0xffff;
}

export function objectsIn(counters: number): number {
  return (counters >>> 16) & 0x7fff;
}

export function frozenIn(counters: number): boolean {
  return counters >>> 31 === 1;
}
