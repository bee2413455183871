/**
 * A heap as data: read-only, typed, through the field table of the module it was made by.
 *
 * Works on a live memory and on a copy of one (`memory.buffer.slice(0)`), and on heaps that are
 * damaged: an address outside the memory reads as 0, every count that bounds a loop is clamped,
 * no method throws, none loops for ever. Fields keep their kernel names. Readings of a live heap
 * are plain loads: whoever needs them to agree with each other reads a quiescent heap or a copy.
 */
import {
  CACHE_FREE,
  CPU_SLAB_ASKS,
  HOOKED,
  MAX_CPUS,
  MAX_NODES,
  MEMCG_SHIFT,
  PAGE_DESC_SHIFT,
  PG_SLAB,
} from "./constants.js";
import type { FieldName, FieldTable, StructName } from "./fields.js";
import type { WasmMemory } from "./wasm-types.js";

/** The 32-bit fields of a struct by name. */
export type StructView<S extends StructName> = { readonly [F in FieldName<S>]: number };

export interface CacheView extends Omit<StructView<"kmem_cache">, "name"> {
  readonly address: number;
  /** Its place in the table, whatever its own `index` field says. */
  readonly index: number;
  readonly name: string;
  /** Objects in a slab of the preferred order, and that order in log2 pages. */
  readonly objects: number;
  readonly order: number;
  /** The same of the smallest slab. */
  readonly minObjects: number;
  readonly minOrder: number;
}

export interface PageView extends StructView<"page"> {
  /** Address of the descriptor. */
  readonly address: number;
  /** Page frame number. */
  readonly pfn: number;
  /** Address of the page's first byte. */
  readonly start: number;
  /** The three parts of `counters`. */
  readonly inuse: number;
  readonly objects: number;
  readonly frozen: boolean;
}

export type ZoneView = StructView<"zone"> & { readonly address: number };
export type NodeView = StructView<"kmem_cache_node"> & { readonly address: number };
export type CpuView = StructView<"cpu_area"> & { readonly address: number };
/** A CPU's part in grace periods. */
export type RcuView = StructView<"rcu_data"> & { readonly address: number };
export type RcuQueueView = StructView<"rcu_queue"> & {
  readonly address: number;
  /** The CPU it is of; -1: the heap's own. */
  readonly of: number;
};
export type CpuCacheView = StructView<"kmem_cache_cpu"> & { readonly address: number };

export type StockView = StructView<"memcg_stock"> & { readonly address: number };

export interface MemcgView extends Omit<StructView<"memcg">, "name"> {
  readonly address: number;
  /** Its entry in the table, from 1. */
  readonly number: number;
  readonly name: string;
}

const UTF_8 = new TextDecoder();

/** A memory, or the bytes of one. */
export type HeapSource = WasmMemory | ArrayBuffer | SharedArrayBuffer;

export class HeapView {
  readonly table: FieldTable;
  /** Address of the heap's header. */
  readonly base: number;
  readonly #source: HeapSource;
  #words: Uint32Array<ArrayBufferLike> = new Uint32Array(0);
  #header!: StructView<"heap_header">;

  /** @param base address of the header, as `findHeap()` returns it */
  constructor(source: HeapSource, table: FieldTable, base: number) {
    this.#source = source;
    this.table = table;
    this.base = base;
    this.refresh();
  }

  /** See the memory as it is now, its growth and its header included. */
  refresh(): void {
    const source = this.#source;
    const buffer = "buffer" in source ? source.buffer : source;
    this.#words = new Uint32Array(buffer, 0, Math.floor(buffer.byteLength / 4));
    this.#header = this.struct("heap_header", this.base);
  }

  /** Bytes of the memory. */
  get byteLength(): number {
    return this.#words.length * 4;
  }

  /** The word at `address`, rounded down to a multiple of 4; 0 outside the memory. */
  u32(address: number): number {
    return this.#words[Math.floor(address / 4)] ?? 0;
  }

  /** The two bytes at `address`, a multiple of 2; 0 outside the memory. */
  u16(address: number): number {
    return (this.u32(address) >>> ((address % 4) * 8)) & 0xffff;
  }

  /** The byte at `address`; 0 outside the memory. */
  u8(address: number): number {
    return (this.u32(address) >>> ((address % 4) * 8)) & 0xff;
  }

  /** Two words as one number, exact up to 2^53. */
  u64(address: number): number {
    return this.u32(address) + this.u32(address + 4) * 2 ** 32;
  }

  /** The UTF-8 text at `address` up to its NUL, at most `bytes` bytes. */
  text(address: number, bytes: number): string {
    const found: number[] = [];
    for (let at = address; at < address + bytes; at++) {
      const byte = this.u8(at);
      if (byte === 0) break;
      found.push(byte);
    }
    return UTF_8.decode(Uint8Array.from(found));
  }

  /** All fields of the struct at `address`. */
  struct<S extends StructName>(struct: S, address: number): StructView<S> {
    const fields: Record<string, number> = {};
    for (const [name, offset, sizeBytes] of this.table.places[struct]) {
      fields[name] = sizeBytes === 2 ? this.u16(address + offset) : this.u32(address + offset);
    }
    return fields as StructView<S>;
  }

  header(): StructView<"heap_header"> {
    return this.#header;
  }

  /** CPUs the heap was made for; 0 if there cannot be so many. */
  get cpuCount(): number {
    const count = this.#header.nr_cpu_ids;
    return count <= MAX_CPUS ? count : 0;
  }

  /** Nodes the heap was made for; 0 if there cannot be so many. */
  get nodeCount(): number {
    const count = this.#header.nr_nodes;
    return count <= MAX_NODES ? count : 0;
  }

  /**
   * Cache table entries ever used; 0 if there cannot be so many. All tables have an entry for each:
   * what walks them by caches, CPUs and nodes has no more to do than the memory has room for.
   */
  get cacheCount(): number {
    const { KMEM_CACHE_SIZE, KMEM_CACHE_CPU_SIZE, KMEM_CACHE_NODE_SIZE } = this.table.constants;
    const count = this.u32(this.base + this.table.offsets.heap_header.nr_caches);
    const perCpu = this.cpuCount * KMEM_CACHE_CPU_SIZE;
    const bytes = KMEM_CACHE_SIZE + perCpu + this.nodeCount * KMEM_CACHE_NODE_SIZE;
    const fits = count <= this.#header.max_caches && count * bytes <= this.byteLength;
    return fits ? count : 0;
  }

  /** The page frame after the last that is both the heap's and in this memory. */
  get endPfn(): number {
    const end = this.u32(this.base + this.table.offsets.heap_header.end_pfn);
    // Divided, not shifted: the whole of 4 GiB has no 32-bit length.
    return Math.min(end, this.byteLength / 2 ** this.table.constants.PAGE_SHIFT);
  }

  zone(node: number): ZoneView {
    const { ZONES, ZONE_SIZE } = this.table.constants;
    const address = this.base + ZONES + node * ZONE_SIZE;
    return { ...this.struct("zone", address), address };
  }

  cache(index: number): CacheView {
    const { CACHE_TABLE, KMEM_CACHE_SIZE, NAME_BYTES } = this.table.constants;
    const address = this.base + CACHE_TABLE + index * KMEM_CACHE_SIZE;
    const fields = this.struct("kmem_cache", address);
    // Written into the struct just read: a validation reads every cache some twenty times.
    return Object.assign(fields, {
      address,
      index,
      name: this.text(address + this.table.offsets.kmem_cache.name, NAME_BYTES),
      objects: fields.oo & 0xffff,
      order: fields.oo >>> 16,
      minObjects: fields.min & 0xffff,
      minOrder: fields.min >>> 16,
    });
  }

  /** Caches that exist, in the order of the table. */
  *caches(): Generator<CacheView> {
    for (let index = 0; index < this.cacheCount; index++) {
      const cache = this.cache(index);
      if (cache.state !== CACHE_FREE) yield cache;
    }
  }

  /** Index of the cache at `address`, or -1 if no cache can be there. */
  cacheIndexOf(address: number): number {
    const { CACHE_TABLE, KMEM_CACHE_SIZE } = this.table.constants;
    const index = (address - this.base - CACHE_TABLE) / KMEM_CACHE_SIZE;
    return Number.isInteger(index) && index >= 0 && index < this.cacheCount ? index : -1;
  }

  /** The free pointer of a free object, decoded if the cache's are encoded. */
  freePointer(cache: CacheView, object: number): number {
    const slot = object + cache.offset;
    const stored = this.u32(slot);
    return cache.random === 0 ? stored : (stored ^ cache.random ^ swapBytes(slot)) >>> 0;
  }

  /** What a cache has on a node. */
  node(cacheIndex: number, node: number): NodeView {
    const entry = cacheIndex * this.nodeCount + node;
    const address = this.#header.node_table + entry * this.table.constants.KMEM_CACHE_NODE_SIZE;
    return { ...this.struct("kmem_cache_node", address), address };
  }

  cpu(cpu: number): CpuView {
    const address = this.#header.cpu_areas + cpu * this.#header.cpu_area_size;
    const fields = this.struct("cpu_area", address);
    return { ...fields, preempt_count: fields.preempt_count & ~HOOKED, address };
  }

  /** A CPU's part in grace periods. */
  rcu(cpu: number): RcuView {
    const area = this.#header.cpu_areas + cpu * this.#header.cpu_area_size;
    const address = area + this.table.constants.CPU_RCU;
    return { ...this.struct("rcu_data", address), address };
  }

  /** What waits for grace periods: a queue of each CPU, and the heap's. */
  rcuQueues(): RcuQueueView[] {
    const { heap_header, rcu_data } = this.table.offsets;
    const read = (of: number, address: number) => ({
      ...this.struct("rcu_queue", address),
      address,
      of,
    });
    const cpus = Array.from({ length: this.cpuCount }, (_, cpu) =>
      read(cpu, this.rcu(cpu).address + rcu_data.lock),
    );
    return [...cpus, read(-1, this.base + heap_header.rcu_lock)];
  }

  /** What a CPU has of a cache. */
  cpuCache(cpu: number, cacheIndex: number): CpuCacheView {
    const { CPU_CACHES, KMEM_CACHE_CPU_SIZE } = this.table.constants;
    const area = this.#header.cpu_areas + cpu * this.#header.cpu_area_size;
    const address = area + CPU_CACHES + cacheIndex * KMEM_CACHE_CPU_SIZE;
    const fields = this.struct("kmem_cache_cpu", address);
    return { ...fields, slab: fields.slab - (fields.slab & CPU_SLAB_ASKS), address };
  }

  /** What a CPU holds of a memory control group. */
  stock(cpu: number): StockView {
    const area = this.#header.cpu_areas + cpu * this.#header.cpu_area_size;
    const address = area + this.table.constants.CPU_MEMCG_STOCK;
    return { ...this.struct("memcg_stock", address), address };
  }

  /** Bytes of a group in the stocks of all CPUs. */
  stockBytesOf(memcg: number): number {
    let bytes = 0;
    for (let cpu = 0; cpu < this.cpuCount; cpu++) {
      const stock = this.stock(cpu);
      if (stock.memcg === memcg) bytes += stock.bytes;
    }
    return bytes;
  }

  /** Entries of the table of memory control groups, unused ones included; none without a table. */
  *memcgs(): Generator<MemcgView> {
    if (this.#header.memcg_table === 0) return;
    for (let number = 1; number < this.table.constants.MAX_MEMCGS; number++) {
      yield this.#memcg(number);
    }
  }

  /** The entry at `address`, if there can be one. */
  memcgAt(address: number): MemcgView | undefined {
    const number = (address - this.#header.memcg_table) / 2 ** MEMCG_SHIFT;
    const isEntry = Number.isInteger(number) && number >= 1;
    if (this.#header.memcg_table === 0 || !isEntry) return undefined;
    return number < this.table.constants.MAX_MEMCGS ? this.#memcg(number) : undefined;
  }

  #memcg(number: number): MemcgView {
    const address = this.#header.memcg_table + number * 2 ** MEMCG_SHIFT;
    const at = address + this.table.offsets.memcg.name;
    const name = this.text(at, this.table.constants.NAME_BYTES);
    return { ...this.struct("memcg", address), address, number, name };
  }

  /** CPUs whose allocations are charged to a group. */
  cpusOfMemcg(memcg: number): number[] {
    const all = Array.from({ length: this.cpuCount }, (_, cpu) => cpu);
    return all.filter((cpu) => this.cpu(cpu).memcg === memcg);
  }

  /** Where a slab of a cache with SLAB_ACCOUNT says whom its object `index` is charged to. */
  chargeEntry(slab: PageView, index: number): number {
    const end = slab.start + 2 ** (this.table.constants.PAGE_SHIFT + slab.order);
    return end - 4 * (index + 1);
  }

  /** Address of the descriptor of page frame `pfn`. */
  descriptor(pfn: number): number {
    return this.#header.mem_map + pfn * 2 ** PAGE_DESC_SHIFT;
  }

  /** Page frame of the descriptor at `address`, or -1 if no page of the heap has it. */
  pfnOf(address: number): number {
    const pfn = (address - this.#header.mem_map) / 2 ** PAGE_DESC_SHIFT;
    const isPage = Number.isInteger(pfn) && pfn >= this.#header.first_pfn && pfn < this.endPfn;
    return isPage ? pfn : -1;
  }

  /** Page frame that `address` lies in, or -1 if that is no page of the heap. */
  pfnAt(address: number): number {
    const pfn = Math.floor(address / 2 ** this.table.constants.PAGE_SHIFT);
    return pfn >= this.#header.first_pfn && pfn < this.endPfn ? pfn : -1;
  }

  /** Written out, not read as `struct()` is: a walk over all pages reads every one. */
  page(pfn: number): PageView {
    const at = this.table.offsets.page;
    const address = this.descriptor(pfn);
    const counters = this.u32(address + at.counters);
    return {
      address,
      pfn,
      start: pfn * 2 ** this.table.constants.PAGE_SHIFT,
      freelist: this.u32(address + at.freelist),
      counters,
      inuse: counters & 0xffff,
      objects: (counters >>> 16) & 0x7fff,
      frozen: counters >>> 31 !== 0,
      slab_cache: this.u32(address + at.slab_cache),
      kind: this.u32(address + at.kind),
      head: this.u32(address + at.head),
      next: this.u32(address + at.next),
      prev: this.u32(address + at.prev),
      slabs: this.u32(address + at.slabs),
      llnode: this.u32(address + at.llnode),
      flush_freelist: this.u32(address + at.flush_freelist),
      in_hand: this.u32(address + at.in_hand),
      order: this.u32(address + at.order),
      nr_pages: this.u32(address + at.nr_pages),
      node: this.u32(address + at.node),
      flags: this.u32(address + at.flags),
      lock: this.u32(address + at.lock),
    };
  }

  /** `Page.kind` alone: what a walk over all pages asks first. */
  kind(pfn: number): number {
    return this.u32(this.descriptor(pfn) + this.table.offsets.page.kind);
  }

  /** Slabs, those of one cache if given its address; pages are looked at one by one. */
  *slabs(cache?: number): Generator<PageView> {
    for (let pfn = this.#header.first_pfn; pfn < this.endPfn; pfn++) {
      if (this.kind(pfn) !== PG_SLAB) continue;
      const page = this.page(pfn);
      if (cache === undefined || page.slab_cache === cache) yield page;
    }
  }
}

function swapBytes(word: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = [24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff);
  return (d << 24) | (c << 16) | (b << 8) | a;
}
