/**
 * Memcg: a memory control group as JavaScript sees it (kernel: mm/memcontrol.c).
 *
 * Allocations with __GFP_ACCOUNT, and all of caches made with SLAB_ACCOUNT, are charged to the
 * group of the CPU that makes them (`cpu.memcg`) until they are freed, by whomever. A group at its
 * limit makes them fail. The group lies in the shared memory; other threads open it by name.
 */
import { unsigned } from "./abi.js";
import { checkKeys } from "./arguments.js";
import { checkName, writeName } from "./names.js";
import { NR_KMALLOC_CACHES } from "./constants.js";
import { type CpuState, checkTask } from "./cpu-state.js";
import { describe } from "./errors.js";
import type { HeapView, MemcgView } from "./view.js";
import type { WasmMemory } from "./wasm-types.js";

/** A group to be made. */
export interface MemcgOptions {
  /** Unique; 1 to 31 bytes in UTF-8, no spaces. */
  readonly name: string;
  /** What may be charged to it, in bytes, at least 4096; rounded down to pages of 4096. */
  readonly limitBytes: number;
}

/** What a group says of itself. Exact on a heap at rest. */
export interface MemcgStat {
  /** The group's. */
  readonly name: string;
  /** What may be charged to it, a multiple of 4096. */
  readonly limitBytes: number;
  /** Pages charged, in bytes: objects, stocks and free bytes together. */
  readonly usageBytes: number;
  /** The most that ever were. */
  readonly maxUsageBytes: number;
  /** Charges refused because of the limit. */
  readonly failures: number;
  /** Bytes that CPUs have taken in advance and not used. */
  readonly stockBytes: number;
  /** Bytes of charged pages that nobody uses and no CPU has in stock. */
  readonly freeBytes: number;
  /** What live objects are charged: their size in their cache and 4 bytes each, or their pages. */
  readonly objectBytes: number;
}

/** Runs `work` on a CPU of this thread. */
export type RunOnCpu = <T>(work: (state: CpuState) => T) => T;

/** A memory control group, as one thread sees it: see `Heap.memcgCreate()` and `Cpu.memcg`. */
export class Memcg {
  /** Its name, unique in the heap. */
  readonly name: string;
  /** The memory of the heap it belongs to. */
  readonly memory: WasmMemory;
  /** Which group: where its entry lies. */
  readonly address: number;
  /** How often a group was created in that entry. */
  readonly generation: number;
  readonly #view: HeapView;
  readonly #run: RunOnCpu;

  /** Made by `memcgCreate()` and `memcgOpen()`. */
  constructor(memory: WasmMemory, view: HeapView, entry: MemcgView, run: RunOnCpu) {
    this.name = entry.name;
    this.memory = memory;
    this.address = entry.address;
    this.generation = entry.generation;
    this.#view = view;
    this.#run = run;
  }

  /** What it is charged now. @throws Error once the group was removed */
  stat(): MemcgStat {
    return readStat(this.#view, this.#entry("memcg.stat"));
  }

  /**
   * Remove the group; its name is free again. Needs a CPU for the moment, as `memcgCreate()` does.
   *
   * @throws RangeError while anything is charged to it, or while it is the `memcg` of a CPU; Error
   * if it was removed already
   */
  remove(): void {
    const call = "memcg.remove";
    this.#entry(call);
    const isGone = this.#run((state) => {
      checkTask(state, call);
      return state.calls.memcg_destroy(this.address, this.generation) !== 0;
    });
    if (isGone) return;
    const { number } = this.#entry(call);
    const cpus = this.#view.cpusOfMemcg(this.address);
    if (cpus.length > 0) {
      throw new RangeError(
        `${call}: expected a group that no CPU charges, got ${this.name} (group ${number}), the ` +
          `memcg of CPU ${cpus.join(", ")}; set cpu.memcg = undefined there first`,
      );
    }
    const { objectBytes } = this.stat();
    throw new RangeError(
      `${call}: expected a group that nothing is charged to, got ${this.name} with ` +
        `${objectBytes} bytes of objects; free them first`,
    );
  }

  /** Whether it still exists. */
  get exists(): boolean {
    return this.#look() !== undefined;
  }

  #look(): MemcgView | undefined {
    this.#view.refresh();
    const found = this.#view.memcgAt(this.address);
    return found?.state === 1 && found.generation === this.generation ? found : undefined;
  }

  #entry(call: string): MemcgView {
    return this.#look() ?? throwRemoved(call, this.name);
  }
}

/** @throws Error that says that the group is gone */
export function throwRemoved(call: string, name: string): never {
  throw new Error(
    `${call}: expected a group that exists, got ${name}, which was removed; ` +
      "create it again with heap.memcgCreate()",
  );
}

/** See `Heap.memcgCreate()`. */
export function createMemcg(
  state: CpuState,
  call: string,
  options: MemcgOptions,
  run: RunOnCpu,
): Memcg {
  const { view, memory, calls } = state;
  checkTask(state, call);
  checkKeys(`${call}: options`, options, ["name", "limitBytes"]);
  const bytes = checkName(view, call, options.name);
  const pages = limitPages(call, options.limitBytes);
  const address = unsigned(calls.memcg_create(writeName(state, bytes), pages));
  view.refresh();
  const entry = view.memcgAt(address);
  if (address !== 0 && entry !== undefined) return new Memcg(memory, view, entry, run);
  return throwNotCreated(view, call, options.name);
}

/** See `Heap.memcgOpen()`. */
export function openMemcg(
  call: string,
  memory: WasmMemory,
  view: HeapView,
  name: string,
  run: RunOnCpu,
): Memcg {
  checkName(view, call, name);
  view.refresh();
  const live = [...view.memcgs()].filter(({ state }) => state === 1);
  const found = live.find((each) => each.name === name);
  if (found !== undefined) return new Memcg(memory, view, found, run);
  const names = live.map((each) => each.name).join(", ") || "no group at all";
  throw new RangeError(
    `${call}: expected one of ${names}, got ${describe(name)}; ` +
      "create it first with heap.memcgCreate()",
  );
}

/** Make `group` what the CPU of `state` charges; undefined: nothing. */
export function setMemcg(state: CpuState, group: unknown): Memcg | undefined {
  const call = "cpu.memcg";
  checkTask(state, call);
  if (group === undefined) {
    state.calls.memcg_set(0, 0);
    return undefined;
  }
  if (!(group instanceof Memcg)) {
    throw new TypeError(
      `${call}: expected a group or undefined, got ${describe(group)}; ` +
        "pass what heap.memcgCreate() or heap.memcgOpen() returned",
    );
  }
  if (group.memory !== state.memory) {
    throw new RangeError(
      `${call}: expected a group of this CPU's heap, got ${group.name} of another; ` +
        "create it in this heap",
    );
  }
  if (state.calls.memcg_set(group.address, group.generation) === 0) throwRemoved(call, group.name);
  return group;
}

/** 4 GiB: more than that nobody can be charged. */
const PAGES_MAX = 2 ** 20;

function limitPages(call: string, limitBytes: unknown): number {
  if (typeof limitBytes === "number" && limitBytes >= 4096) {
    return Math.min(Math.floor(limitBytes / 4096), PAGES_MAX);
  }
  const message = `${call}: limitBytes: expected a number of at least 4096, got `;
  const text = `${message}${describe(limitBytes)}; charges are made in pages of 4096 bytes`;
  throw typeof limitBytes === "number" ? new RangeError(text) : new TypeError(text);
}

function readStat(view: HeapView, entry: MemcgView): MemcgStat {
  const usageBytes = entry.usage_pages * 4096;
  const stockBytes = view.stockBytesOf(entry.address);
  const freeBytes = entry.nr_charged_bytes;
  return {
    name: entry.name,
    limitBytes: entry.limit_pages * 4096,
    usageBytes,
    maxUsageBytes: entry.max_usage_pages * 4096,
    failures: entry.failcnt,
    stockBytes,
    freeBytes,
    objectBytes: usageBytes - stockBytes - freeBytes,
  };
}

function throwNotCreated(view: HeapView, call: string, name: string): never {
  const groups = [...view.memcgs()];
  const { cg_caches, max_caches, nr_caches } = view.header();
  if (groups.some((each) => each.state === 1 && each.name === name)) {
    throw new RangeError(
      `${call}: name: expected one that is not in use, got ${describe(name)}; ` +
        "open that group with heap.memcgOpen(name)",
    );
  }
  const needed = NR_KMALLOC_CACHES - 1;
  if (cg_caches === 0 && max_caches - nr_caches < needed) {
    throw new RangeError(
      `${call}: expected room for ${needed} kmalloc-cg caches in the cache table, got ` +
        `${max_caches - nr_caches} entries behind the last; create the heap with a greater ` +
        "maxCaches, or the first group before other caches",
    );
  }
  if (groups.length > 0 && groups.every((each) => each.state === 1 || each.usage_pages > 0)) {
    throw new RangeError(
      `${call}: expected one of ${groups.length} groups unused, got none; remove one, and let ` +
        "CPUs that charged a removed one charge another or go offline",
    );
  }
  throw new Error(
    `${call}: expected memory for the group's tables, got none; ` +
      "free something, or create the heap with a greater maximumBytes",
  );
}
