/**
 * A heap for tests of the allocator itself: the exports of a build, called as another wasm module
 * would call them, with every simulated CPU in this one thread.
 *
 * Goal: interleavings that are chosen, not hoped for. Each CPU is its own instance, so "CPU 1
 * frees what CPU 0 allocated" is two lines that always do the same. Nothing is checked on the way
 * in; how the library refuses bad calls is tested elsewhere.
 * Law: after each test every heap made in it passes validate(); importing this file sees to it.
 */
import { readFileSync } from "node:fs";
import {
  armRow,
  type ArmWay,
  type DeferArm,
  MERGED_ARM,
  wayNumbers,
} from "slablab/internal/heap/arms.js";
import { type FieldTable, readFieldTable } from "slablab/internal/heap/fields.js";
import { headerAddress } from "slablab/internal/heap/find.js";
import { parseSlabDebug, writeSlabDebug } from "slablab/internal/heap/slab-debug-option.js";
import { type SlabReport, writeReport } from "slablab/internal/heap/slab-report.js";
import { validate } from "slablab/internal/heap/validate.js";
import { type CacheView, HeapView, type PageView } from "slablab/internal/heap/view.js";
import { afterEach, expect } from "vitest";
import { mutantOf } from "../../mutants/support/redirect.js";
import { COUNTERS, type Counts } from "./counters.js";
import { TestCpu } from "./cpu.js";

export type Build = "release" | "stats" | "hardened" | "debug" | "trace" | "model";
export const BUILDS: readonly Build[] = [
  ...(["release", "stats", "hardened", "debug", "trace", "model"] as const),
];

export const KIB = 2 ** 10;
export const MIB = 2 ** 20;
export const PAGE = 4096;
const WASM_PAGE = 65536;
/** With the guard page above it, so that the heap starts where a wasm page does. */
const RESERVE_BYTES = WASM_PAGE - PAGE;

export interface TestHeapOptions {
  /** @default "stats" */
  readonly build?: Build;
  /** @default 2 */
  readonly cpus?: number;
  /** @default 1 */
  readonly nodes?: number;
  /** @default 32 MiB */
  readonly maximumBytes?: number;
  /** The memory before boot, which grows it where the tables need more. @default 64 KiB */
  readonly initialBytes?: number;
  /** @default 60 KiB: where tests keep the arrays of bulk calls */
  readonly reserveBytes?: number;
  /** @default 32 */
  readonly maxCaches?: number;
  /** An arm, or a way that no arm has a name for. @default MERGED_ARM */
  readonly defer?: DeferArm | ArmWay;
  /** HEAP_* bits. @default 0 */
  readonly options?: number;
  /** @default 1 */
  readonly seed?: number;
  /** As the option of createHeap(), for the builds that have it. */
  readonly slabDebug?: string;
}

const modules = new Map<Build, WebAssembly.Module>();

/** The module of a build, compiled once. */
export function moduleOf(build: Build): WebAssembly.Module {
  const known = modules.get(build);
  if (known !== undefined) return known;
  const module = new WebAssembly.Module(readFileSync(mutantOf(build) ?? pathOf(build)));
  modules.set(build, module);
  return module;
}

function pathOf(build: Build): URL {
  return new URL(`../../../dist/wasm/${build}.wasm`, import.meta.url);
}

const heaps = new Set<TestHeap>();

afterEach(() => {
  const made = [...heaps];
  heaps.clear();
  for (const heap of made) heap.expectSound();
});

export interface MemcgCounts {
  readonly usage_pages: number;
  readonly nr_charged_bytes: number;
  readonly failcnt: number;
  readonly max_usage_pages: number;
  readonly stockBytes: number;
  readonly objectBytes: number;
  readonly generation: number;
}

/** A constructor: gets the object's address; throws to make the slab's creation fail. */
export type Constructor = (object: number) => void;

export class TestHeap {
  readonly build: Build;
  readonly memory: WebAssembly.Memory;
  readonly base: number;
  readonly table: FieldTable;
  /** The heap as data; its constants are read when it is made, its lists when asked. */
  readonly view: HeapView;
  readonly cpuCount: number;
  readonly reserveBytes: number;
  /** Gets every trace point (build "trace"). */
  onTrace: ((event: number, a: number, b: number, c: number) => void) | undefined;
  /** What lockdep found (builds "debug" and "trace"); a test that expects some takes it out. */
  readonly lockdep: { kind: number; lock: number; held: number }[] = [];
  /** Every report and repair of slab_debug, as text, and what each was. */
  readonly reports: string[] = [];
  readonly reported: SlabReport[] = [];
  /** Called for each, when it is in `reports`. */
  onReport: (() => void) | undefined;
  /** By index in the cache table. */
  readonly constructors = new Map<number, Constructor>();

  constructor(options: TestHeapOptions = {}) {
    const { build = "stats", cpus = 2, nodes = 1, maximumBytes = 32 * MIB } = options;
    const { initialBytes = WASM_PAGE, reserveBytes = RESERVE_BYTES, maxCaches = 32 } = options;
    const { defer = MERGED_ARM, options: bits = 0, seed = 1, slabDebug } = options;
    this.build = build;
    this.cpuCount = cpus;
    this.reserveBytes = reserveBytes;
    this.memory = new WebAssembly.Memory({
      initial: Math.ceil(initialBytes / WASM_PAGE),
      maximum: Math.floor(maximumBytes / WASM_PAGE),
      shared: true,
    });
    const { exports } = this.instance();
    this.table = readFieldTable(moduleOf(build));
    if (slabDebug !== undefined) {
      const header = headerAddress(this.table, reserveBytes);
      writeSlabDebug(this.memory, this.table, header, parseSlabDebug(slabDebug));
    }
    const pages = Math.floor(maximumBytes / WASM_PAGE) * (WASM_PAGE / PAGE);
    const arm = wayNumbers(typeof defer === "string" ? armRow(defer) : defer);
    const { heap_init } = exports;
    this.base = heap_init(reserveBytes, pages, cpus, nodes, maxCaches, ...arm, bits, seed) >>> 0;
    expect(this.base, "heap_init() found the tables too large for the memory").not.toBe(0);
    this.view = new HeapView(this.memory, this.table, this.base);
    heaps.add(this);
  }

  /** A fresh instance on this heap's memory: what a CPU is before it attaches. */
  instance(): { exports: Exports } {
    const host = {
      call_ctor: (cache: number, object: number) => {
        try {
          this.constructors.get(cache)?.(object >>> 0);
          return 0;
        } catch {
          return 1;
        }
      },
      call_trace: (event: number, a: number, b: number, c: number) =>
        this.onTrace?.(event, a >>> 0, b >>> 0, c >>> 0),
      call_lockdep: (kind: number, lock: number, held: number) => {
        this.lockdep.push({ kind, lock: lock >>> 0, held: held >>> 0 });
      },
      slab_report: (...all: number[]) => this.#report(all.map((each) => each >>> 0)),
    };
    const imports = { env: { memory: this.memory }, host };
    const instance = new WebAssembly.Instance(moduleOf(this.build), imports);
    return { exports: instance.exports as unknown as Exports };
  }

  #report(all: readonly number[]): void {
    const [kind = 0, cache = 0, slab = 0, object = 0, from = 0, to = 0, value = 0] = all;
    const report = { kind, cache, slab, object, from, to, value };
    this.reported.push(report);
    this.reports.push(writeReport(this.view, report));
    this.onReport?.();
  }

  /** Reports and repairs so far, as the heap counts them. */
  get slabErrors(): number {
    this.view.refresh();
    return this.view.header().slab_errors;
  }

  /** Attach a CPU. @param id its number; -1 for the next that is free */
  cpu(id = -1, { mayWait = true } = {}): TestCpu {
    const { exports } = this.instance();
    const number = exports.cpu_attach(this.base, id, mayWait ? 2 : 1);
    expect(number, `cpu_attach(${id})`).toBeGreaterThanOrEqual(0);
    return new TestCpu(this, exports, number);
  }

  /** Every CPU of the heap, attached. */
  cpus(): TestCpu[] {
    return Array.from({ length: this.cpuCount }, (_, id) => this.cpu(id));
  }

  // ------------------------------------------------------------------------- memory

  get bytes(): Uint8Array {
    return new Uint8Array(this.memory.buffer);
  }

  u32(address: number): number {
    return new DataView(this.memory.buffer).getUint32(address, true);
  }

  setU32(address: number, value: number): void {
    new DataView(this.memory.buffer).setUint32(address, value, true);
  }

  fill(address: number, bytes: number, value: number): void {
    this.bytes.fill(value, address, address + bytes);
  }

  /** Write addresses to the reserved bottom of the memory. @returns where */
  putArray(addresses: readonly number[]): number {
    const at = 1024;
    expect(at + addresses.length * 4).toBeLessThanOrEqual(this.reserveBytes);
    addresses.forEach((address, index) => {
      this.setU32(at + index * 4, address);
    });
    return at;
  }

  // --------------------------------------------------------------------------- view

  /** The cache called `name`. */
  cache(name: string): CacheView {
    this.view.refresh();
    const found = [...this.view.caches()].find((cache) => cache.name === name);
    if (found === undefined) throw new Error(`expected a cache called ${name}, got none`);
    return found;
  }

  /** Descriptor of the slab that `object` lies in. */
  slabOf(object: number): PageView {
    this.view.refresh();
    const head = this.view.pfnOf(this.view.page(this.view.pfnAt(object)).head);
    if (head < 0) throw new Error(`expected an object of a slab, got 0x${object.toString(16)}`);
    return this.view.page(head);
  }

  /** Address of the descriptor of the slab that `object` lies in. */
  slabAddressOf(object: number): number {
    return this.slabOf(object).address;
  }

  /** How many slabs a cache has. */
  slabCount(cache: CacheView): number {
    this.view.refresh();
    return [...this.view.slabs(cache.address)].length;
  }

  /** nr_partial of a cache on a node. */
  nrPartial(cache: CacheView, node = 0): number {
    return this.view.node(cache.index, node).nr_partial;
  }

  /** Slabs on a node's partial list, first to last. */
  partialSlabs(cache: CacheView, node = 0): number[] {
    return this.#chain(this.view.node(cache.index, node).partial);
  }

  /** Slabs on a CPU's partial list, first to last. */
  cpuPartialSlabs(cache: CacheView, cpu: number): number[] {
    return this.#chain(this.view.cpuCache(cpu, cache.index).partial);
  }

  #chain(first: number): number[] {
    this.view.refresh();
    const slabs: number[] = [];
    for (let slab = first; slab !== 0; slab = this.view.page(this.view.pfnOf(slab)).next) {
      slabs.push(slab);
    }
    return slabs;
  }

  /** What a memory control group counts, and what that leaves for objects. */
  memcg(group: number): MemcgCounts {
    this.view.refresh();
    const entry = this.view.memcgAt(group);
    const { usage_pages = 0, nr_charged_bytes = 0, failcnt = 0, max_usage_pages = 0 } = entry ?? {};
    const stockBytes = this.view.stockBytesOf(group);
    const objectBytes = usage_pages * PAGE - nr_charged_bytes - stockBytes;
    const { generation = 0 } = entry ?? {};
    return {
      ...{ usage_pages, nr_charged_bytes, failcnt, max_usage_pages, stockBytes, objectBytes },
      generation,
    };
  }

  // ----------------------------------------------------------------------- counters

  /** A counter of a cache, of one CPU or of all together. */
  stat(cache: CacheView, counter: string, cpu?: number): number {
    const number = COUNTERS.get(counter);
    if (number === undefined) throw new Error(`there is no counter ${counter}`);
    this.view.refresh();
    const { STAT_STRIDE } = this.table.constants;
    const cpus = cpu === undefined ? Array.from({ length: this.cpuCount }, (_, id) => id) : [cpu];
    const at = (id: number) => cache.stat_base + id * STAT_STRIDE + number * 8;
    return cpus.reduce((sum, id) => sum + this.view.u64(at(id)), 0);
  }

  /** All counters of a cache that are not 0. */
  counts(cache: CacheView, cpu?: number): Counts {
    const all = [...COUNTERS.keys()].map((name) => [name, this.stat(cache, name, cpu)] as const);
    return Object.fromEntries(all.filter(([, count]) => count !== 0));
  }

  /** What `work` counted, on one CPU or on all together. */
  countsOf(cache: CacheView, work: () => void, cpu?: number): Counts {
    const before = this.counts(cache, cpu);
    work();
    const after = this.counts(cache, cpu);
    const moved = Object.entries(after).map(
      ([name, n]) => [name, n - (before[name] ?? 0)] as const,
    );
    return Object.fromEntries(moved.filter(([, count]) => count !== 0));
  }

  // ----------------------------------------------------------------------- verdicts

  /** Free pages of all zones, those on per-CPU lists not included. */
  freePages(): number {
    const zones = Array.from({ length: this.view.nodeCount }, (_, node) => this.view.zone(node));
    return zones.reduce((sum, zone) => sum + zone.nr_free, 0);
  }

  /** Page frames of the free blocks of a zone, by order, sorted. */
  freeBlocks(node = 0): number[][] {
    this.view.refresh();
    const { address } = this.view.zone(node);
    const { MAX_PAGE_ORDER } = this.table.constants;
    return Array.from({ length: MAX_PAGE_ORDER + 1 }, (_, order) => {
      const list = address + this.table.offsets.zone.free_area + order * 4;
      const pfns = this.#chain(this.view.u32(list)).map((page) => this.view.pfnOf(page));
      return pfns.sort((a, b) => a - b);
    });
  }

  /** Fail with every finding of validate(), if there is any. */
  expectSound(): void {
    const findings = validate(this.view).map(
      ({ invariant, where, message }) => `${invariant} at ${where}: ${message}`,
    );
    expect(findings).toEqual([]);
    expect(this.lockdep, "what lockdep found").toEqual([]);
  }

  /** For the few tests that break a heap on purpose: it is not validated when they end. */
  abandon(): void {
    heaps.delete(this);
  }
}

/** The exports the tests call; addresses come out signed. */
export interface Exports {
  readonly this_cpu: WebAssembly.Global<"i32">;
  heap_init(
    reserveBytes: number,
    maximumPages: number,
    cpus: number,
    nodes: number,
    maxCaches: number,
    deferPlace: number,
    deferTrigger: number,
    options: number,
    seed: number,
  ): number;
  set_failslab(base: number, probability: number, interval: number, nth: number): void;
  cpu_attach(base: number, cpu: number, taskMode: number): number;
  cpu_offline(): void;
  kmalloc(size: number, gfp: number): number;
  kmalloc_node(size: number, gfp: number, node: number): number;
  kzalloc(size: number): number;
  kcalloc(count: number, size: number): number;
  krealloc(object: number, size: number, gfp: number): number;
  kfree(object: number): void;
  ksize(object: number): number;
  kmalloc_nolock(size: number, gfp: number, node: number): number;
  kfree_nolock(object: number): void;
  kmalloc_bulk(size: number, gfp: number, count: number, array: number): number;
  kfree_bulk(count: number, array: number): void;
  aligned_alloc(align: number, size: number): number;
  kfree_checked(object: number): number;
  kfree_nolock_checked(object: number): number;
  check_object(object: number): number;
  malloc(size: number): number;
  free(object: number): void;
  calloc(count: number, size: number): number;
  realloc(object: number, size: number): number;
  malloc_usable_size(object: number): number;
  kmem_cache_create(
    name: number,
    size: number,
    align: number,
    flags: number,
    ctor: number,
    sheafCapacity: number,
  ): number;
  kmem_cache_open(name: number): number;
  kmem_cache_alloc(cache: number, gfp: number): number;
  kmem_cache_alloc_nolock(cache: number, gfp: number, node: number): number;
  kmem_cache_free(cache: number, object: number): void;
  kmem_cache_free_nolock(cache: number, object: number): void;
  kmem_cache_prefill_sheaf(cache: number, count: number): number;
  kmem_cache_alloc_from_sheaf(cache: number, gfp: number, sheaf: number): number;
  kmem_cache_refill_sheaf(cache: number, sheaf: number, count: number): number;
  kmem_cache_return_sheaf(cache: number, sheaf: number): number;
  kmem_cache_sheaf_size(sheaf: number): number;
  kmem_cache_free_checked(cache: number, object: number): number;
  kmem_cache_free_nolock_checked(cache: number, object: number): number;
  kmem_cache_alloc_bulk(cache: number, gfp: number, count: number, array: number): number;
  kmem_cache_free_bulk(cache: number, count: number, array: number): void;
  kmem_cache_destroy(cache: number): number;
  kmem_cache_shrink(cache: number): number;
  memcg_create(name: number, limitPages: number): number;
  memcg_set(memcg: number, generation: number): number;
  memcg_destroy(memcg: number, generation: number): number;
  kfree_rcu(object: number): number;
  rcu_barrier(): number;
  rcu_read_lock(): void;
  rcu_read_lock_held(): number;
  rcu_read_unlock(): void;
  synchronize_rcu(): number;
  validate_slab_cache(cache: number): number;
  nmi_enter(): void;
  nmi_exit(): void;
  irq_enter(): void;
  irq_exit(): void;
  preempt_count(): number;
  preempt_disable(): void;
  preempt_enable(): void;
  set_preempt_count(value: number): void;
  poll(): void;
  defer_free_barrier(): void;
  migrate_next_defer(cpu: number): void;
}
