/**
 * Heap: one shared memory as an allocator, made by createHeap() or joined by attachHeap().
 *
 * Everything a heap is lies in its memory; a thread needs that memory and the compiled module,
 * which is what the handle holds. A Heap object is one thread's door to it.
 */
import { type HeapCalls, instantiateHeap, unsigned } from "./abi.js";
import { checkAgreement, checkHardens } from "./agreement.js";
import { checkKeys } from "./arguments.js";
import { Constructors } from "./constructors.js";
import { parseSlabDebug, writeSlabDebug } from "./slab-debug-option.js";
import { lockdepReport } from "./lockdep-report.js";
import { writeReport } from "./slab-report.js";
import { type ArmNumbers, armNumbers, armOf, DEFER_ARMS } from "./arms.js";
import { LOCK_BOUNDED, LOCK_WAIT } from "./constants.js";
import { Cpu } from "./cpu.js";
import type { CpuState } from "./cpu-state.js";
import { describe, throwNotInteger } from "./errors.js";
import { type FieldTable, readFieldTable } from "./fields.js";
import { headerAddress } from "./find.js";
import { checkHandle, findBase, type HeapHandle, refuseDamage } from "./handle.js";
import { handledCpu } from "./handled.js";
import { createMemcg, type Memcg, type MemcgOptions, openMemcg, type RunOnCpu } from "./memcg.js";
import { layerOf, loadModules, loadReap } from "./modules.js";
import {
  type FailslabOptions,
  type HeapOptions,
  type ResolvedOptions,
  WASM_PAGE_BYTES,
  optionBits,
  readFeatures,
  resolveOptions,
  withLayer,
} from "./options.js";
import { canWait, requireSharedMemory } from "./runtime.js";
import { type ReapPlace, type ReapReport, isTaken, reapCpus, reaperDied } from "./reap.js";
import { type SlabInfo, readSlabinfo } from "./slabinfo.js";
import { type HeapStats, readStats } from "./stats.js";
import { checkDone, checkSync } from "./synchronous.js";
import { type OnTrace, Tracer } from "./trace.js";
import { Thrown } from "./thrown.js";
import { validate } from "./validate.js";
import type { Finding } from "./validate/invariants.js";
import { signThread, threadSign } from "./thread-sign.js";
import { HeapView } from "./view.js";
import type { WasmMemory } from "./wasm-types.js";

export type { HeapHandle };

/** How a thread is a CPU: see `Heap.cpu()`. */
export interface CpuOptions {
  /**
   * Whether calls of this CPU may sleep while another CPU holds a lock.
   * @default whether this thread may: not a page's main thread, not an AudioWorklet
   */
  readonly mayWait?: boolean;
  /**
   * Gets every trace point that the CPU passes, in the middle of its calls; it may call back with
   * nolock calls. Build `trace` alone. What it throws is thrown by the call that was running, when
   * that returns.
   */
  readonly onTrace?: OnTrace;
  /**
   * Gets the text of each report and each repair of `slabDebug`, and of lockdep, while the call
   * that met it waits: it may read the heap, and not change it. What it throws is thrown by that
   * call, the raw `cpu.exports` included, when that has come to its end: the way to stop a program
   * at the first report. An allocation is given back then; the heap is sound and can go on.
   * @default console.error
   */
  readonly onReport?: (text: string) => void;
}

/** What to do instead of a call that found no free CPU. */
const USE_CPU = "use cpu.memcgCreate() or cpu.memcgOpen() of one of them";

/**
 * One shared memory as an allocator, as this thread sees it: made by `createHeap()`, joined by
 * `attachHeap()`. It allocates nothing itself: `cpu()` does.
 */
export class Heap {
  /** What another thread needs for `attachHeap()`; post it to a Worker as it is. */
  readonly handle: HeapHandle;
  /** The options in force; those of a heap that was attached to are read from its header. */
  readonly options: ResolvedOptions;
  readonly #view: HeapView;
  /** The CPUs that this Heap made this thread. */
  readonly #own = new Set<CpuState>();

  /** Made by `createHeap()` and `attachHeap()`. */
  constructor(handle: HeapHandle, options: ResolvedOptions, view: HeapView) {
    this.handle = handle;
    this.options = options;
    this.#view = view;
  }

  /**
   * Make this thread a CPU of the heap. A thread may be several, one at a time in a call.
   *
   * @param id its number, below `options.cpus`; left out: the next free one
   * @throws RangeError if the number is taken or too large, or all are taken, and for
   * `mayWait: true` where the thread may not
   */
  cpu(id?: number, options: CpuOptions = {}): Cpu {
    const { cpus } = this.options;
    if (id !== undefined && !(Number.isInteger(id) && id >= 0 && id < cpus)) {
      throwNotInteger(`heap.cpu: id (the heap was made for ${cpus} CPUs)`, id, 0, cpus - 1);
    }
    const mayWait = resolveMayWait(options);
    const thrown = new Thrown();
    const tracer = this.#resolveTracer(options, thrown);
    const onReport = resolveOnReport(options, thrown);
    const state = this.#attach(id, mayWait, onReport, tracer) ?? throwTaken(id, cpus);
    for (const each of this.#own) if (!each.isOnline) this.#own.delete(each);
    this.#own.add(state);
    const cpu = new Cpu(state, mayWait);
    tracer?.attach(cpu.id);
    // Other builds have nothing to report.
    const reports = options.onReport !== undefined && this.#view.table.build.debugs;
    if (tracer === null && !reports) return cpu;
    state.thrown = thrown;
    return handledCpu(cpu, { thrown, tracer, throwsRaw: reports });
  }

  /** Become CPU `id`, or the next that is free. @returns null if it is taken, or none is free */
  #attach(
    id: number | undefined,
    mayWait: boolean,
    onReport: (text: string) => void,
    tracer: Tracer | null,
  ): CpuState | null {
    const constructors = new Constructors();
    const { memory, module } = this.handle;
    const view = new HeapView(memory, this.#view.table, this.#view.base);
    const cpuAt = view.table.offsets.cpu_area.cpu;
    const { calls, exports, cpuArea } = instantiateHeap(module, memory, {
      callCtor: (cache, object) => constructors.construct(cache, object),
      callReport: (kind, cache, slab, object, from, to, value) =>
        onReport(writeReport(view, { kind, cache, slab, object, from, to, value })),
      callLockdep: (kind, lock, held) =>
        onReport(lockdepReport(view, { cpu: view.u32(cpuArea() + cpuAt), kind, lock, held })),
      ...(tracer && { callTrace: (event, a, b, c) => tracer.trace(event, a, b, c) }),
    });
    const number = calls.cpu_attach(view.base, id ?? -1, mayWait ? LOCK_WAIT : LOCK_BOUNDED);
    if (number < 0) return null;
    const { options } = this;
    const area = cpuArea();
    // Before anything else: by this others know when this thread is gone.
    const signAt = area + view.table.offsets.cpu_area.thread;
    Atomics.store(new Uint32Array(memory.buffer), signAt >>> 2, threadSign());
    const state = { id: number, memory, options, view, constructors, tracer, area };
    const words = new Uint32Array(memory.buffer);
    const bulkAt = (area + view.table.constants.CPU_BULK) / Uint32Array.BYTES_PER_ELEMENT;
    return { ...state, thrown: null, isOnline: true, calls, exports, words, bulkAt };
  }

  /** The handler of a CPU's trace points, or null. @throws RangeError for other builds */
  #resolveTracer({ onTrace }: CpuOptions, thrown: Thrown): Tracer | null {
    if (onTrace === undefined) return null;
    checkSync("heap.cpu: options.onTrace", onTrace);
    const { table, base } = this.#view;
    if (table.build.traces) {
      return new Tracer(onTrace, new HeapView(this.handle.memory, table, base), thrown);
    }
    const { build } = this.options;
    throw new RangeError(
      "heap.cpu: options.onTrace: expected a heap of the build trace, which has trace points, " +
        `got ${build ?? "another build"}; use createHeap({ build: "trace" })`,
    );
  }

  /**
   * What `/proc/slabinfo` says, per cache. Of a busy heap it is an estimate. Context: any thread,
   * which need be no CPU. Kernel: get_slabinfo().
   */
  slabinfo(): SlabInfo[] {
    return readSlabinfo(this.#view);
  }

  /** Reports and repairs of `slabDebug` so far, on all CPUs. */
  get slabErrors(): number {
    this.#view.refresh();
    return this.#view.header().slab_errors;
  }

  /**
   * Every counter of every cache, an entry per CPU; the build `release` has some of them, `stats`
   * and `debug` all. Context: any thread. Kernel: /sys/kernel/slab/CACHE/STAT.
   */
  stats(): HeapStats {
    return readStats(this.#view);
  }

  /**
   * Walk everything in the heap and report what is broken; empty: it is sound. For a heap at
   * rest: no CPU inside a call. Never throws. Context: any thread.
   */
  validate(): Finding[] {
    return validate(this.#view);
  }

  /** Whether some thread is CPU `cpu`, alive or not. Context: any thread. */
  isTaken(cpu: number): boolean {
    return isTaken(this.#view, cpu);
  }

  /**
   * Take over from a CPU whose thread is gone: a Worker that was terminated or crashed. Its locks
   * are broken, and what it kept or had in its hands goes back to the heap, while the others go on;
   * then its number is free. What it had allocated stays allocated, for whoever has the addresses.
   *
   * The caller must know that the thread is gone. Node, Bun, and Workers of `node:worker_threads`
   * in Deno: await `worker.terminate()` or its event `exit` first, since the heap cannot see it,
   * and reaping a CPU that runs corrupts the heap. In browsers, where `terminate()` says nothing,
   * this call waits until the thread has let go of its Web Lock; of one that has none, for 3 s.
   *
   * CPUs that died together may hold what the recovery of each other waits for. So all that are
   * known to be dead are reaped in one go; and while a CPU that nobody named keeps a lock, the call
   * waits, without holding up its thread, for up to ten seconds: a call for that CPU, on any
   * thread, completes both. So it does for a CPU that another thread reaps already. If the caller
   * dies in it, reap the caller, which takes over `cpu` too; a caller that is no CPU is `cpu` in
   * it: then `heap.reaperDied(cpu)` comes first.
   *
   * Context: any thread, outside `nmi()`. It waits for locks of live CPUs.
   *
   * @param cpu the number of the CPU whose thread is gone
   * @param others numbers of more of them
   * @returns what they left
   * @throws RangeError, TypeError for a number that nobody has or of this very thread; Error inside
   * nmi() or a constructor, and where it waited in vain
   */
  async reap(cpu: number, ...others: number[]): Promise<ReapReport> {
    return await reapCpus(this.#reapPlace(), [cpu, ...others]);
  }

  /**
   * Say that the thread is gone too which took over from CPU `cpu` in `heap.reap()` without being
   * a CPU itself. Then `heap.reap(cpu)` again. As for that, the caller must know.
   *
   * @returns false if there was no such thread, and nothing changed
   * @throws RangeError, TypeError for a number that the heap does not have
   */
  reaperDied(cpu: number): boolean {
    return reaperDied(this.#reapPlace(), cpu);
  }

  #reapPlace(): ReapPlace {
    const own = () => [...this.#own].filter(({ isOnline }) => isOnline);
    const [view, { module, memory, reap }, { cpus }] = [this.#view, this.handle, this.options];
    return { view, module, reap, memory, cpus, own };
  }

  /**
   * Make a memory control group. That takes locks and memory, which only a CPU can: a free number
   * is attached for the call. Where all are taken, use `cpu.memcgCreate()` of one of them.
   *
   * The first group makes the 13 kmalloc-cg caches, which stay.
   * Kernel: mem_cgroup_css_alloc(), without a hierarchy.
   *
   * @throws RangeError, TypeError for bad options, a name in use, no room for the caches, 63
   * groups, or no free CPU; Error when out of memory
   */
  memcgCreate(options: MemcgOptions): Memcg {
    const call = "heap.memcgCreate";
    return this.#onFreeCpu(call, (state) =>
      createMemcg(state, call, options, (work) => this.#onFreeCpu("memcg.remove", work)),
    );
  }

  /**
   * Open a group that some thread made.
   *
   * @throws RangeError if there is none of that name
   */
  memcgOpen(name: string): Memcg {
    const { memory } = this.handle;
    const run: RunOnCpu = (work) => this.#onFreeCpu("memcg.remove", work);
    return openMemcg("heap.memcgOpen", memory, this.#view, name, run);
  }

  /** Be a CPU for one call. @throws RangeError if no number is free */
  #onFreeCpu<T>(call: string, work: (state: CpuState) => T): T {
    const state = this.#attach(undefined, canWait(), console.error, null);
    if (state === null) {
      throw new RangeError(
        `${call}: expected a free CPU for the moment of the call, got none: all ` +
          `${this.options.cpus} are taken; ${USE_CPU}`,
      );
    }
    try {
      return work(state);
    } finally {
      state.calls.cpu_offline();
    }
  }
}

/**
 * Make a heap in a new shared memory.
 *
 * @throws TypeError, RangeError for bad options; UnsupportedError for those of later versions;
 * Error where memory cannot be shared, cannot be had, or the wasm cannot be read
 */
export async function createHeap(options: HeapOptions = {}): Promise<Heap> {
  requireSharedMemory();
  await signThread();
  const asked = resolveOptions(options);
  const { module, table, reap } = await loadModules(options, asked);
  const resolved = withLayer(options, asked, layerOf(table, options, asked));
  const memory = makeMemory(resolved);
  const { calls } = instantiateHeap(module, memory, { callCtor: refuseConstructor });
  if (resolved.hardened) checkHardens(table);
  if (resolved.slabDebug !== undefined) {
    if (!table.build.debugs) throwNoDebug();
    const base = headerAddress(table, resolved.reserveBytes);
    writeSlabDebug(memory, table, base, parseSlabDebug(resolved.slabDebug));
  }
  const base = initHeap(calls, resolved, table);
  const handle = Object.freeze({ memory, module, reap, base });
  return new Heap(handle, Object.freeze(resolved), new HeapView(memory, table, base));
}

/**
 * Join a heap that another thread made.
 *
 * @throws TypeError if this is no handle, or the module is of another build than the one that made
 * the heap, and they would not mean the same; Error if its memory holds no heap, or one of another
 * version, or one whose boot never finishes, or one whose header was written over
 */
export async function attachHeap(handle: HeapHandle): Promise<Heap> {
  requireSharedMemory();
  await signThread();
  checkHandle(handle);
  const { memory, module } = handle;
  const table = readFieldTable(module);
  const reap = handle.reap === undefined ? await loadReap(module) : handle.reap;
  const base = await findBase(handle, table);
  const view = new HeapView(memory, table, base);
  refuseDamage(view);
  checkAgreement(view);
  return new Heap(Object.freeze({ memory, module, reap, base }), readOptions(view), view);
}

/** Constructors run on CPUs; the instances made here are none. */
function refuseConstructor(): number {
  return 1;
}

/** The module that was given instead of a build. */
function throwNoDebug(): never {
  throw new RangeError(
    "options.slabDebug: expected a module with slab_debug, got one without it; try " +
      "createHeap({ slabDebug, modules: { debug } }) instead of options.module or options.wasmUrl",
  );
}

function makeMemory({ initialBytes = 0, maximumBytes }: ResolvedOptions): WasmMemory {
  const initial = Math.ceil(initialBytes / WASM_PAGE_BYTES);
  const maximum = maximumBytes / WASM_PAGE_BYTES;
  try {
    return new WebAssembly.Memory({ initial, maximum, shared: true });
  } catch (error) {
    throw new Error(
      `options.maximumBytes: expected room for a memory of up to ${maximumBytes} bytes, ` +
        `got none (${error instanceof Error ? error.message : String(error)}); try less`,
      { cause: error },
    );
  }
}

/** @returns heap_base. */
function initHeap(calls: HeapCalls, options: ResolvedOptions, table: FieldTable): number {
  const { cpus, nodes, maximumBytes, reserveBytes, maxCaches, defer } = options;
  const pages = maximumBytes / 2 ** table.constants.PAGE_SHIFT;
  const bits = optionBits(options);
  const seed = options.seed ?? randomSeed();
  const base = unsigned(
    calls.heap_init(reserveBytes, pages, cpus, nodes, maxCaches, ...armNumbers(defer), bits, seed),
  );
  if (base !== 0) {
    if (options.failslab !== undefined) setFailslab(calls, base, options.failslab);
    return base;
  }
  throw new RangeError(
    `options.maximumBytes: expected room for the tables of ${cpus} CPUs and ${maxCaches} caches ` +
      `above ${reserveBytes} reserved bytes, got ${maximumBytes} bytes; ` +
      "try more, or fewer cpus or maxCaches",
  );
}

/** failslab's chance as the allocator has it: a random u32 at most this. */
function setFailslab(calls: HeapCalls, base: number, options: FailslabOptions): void {
  const { probability = 1, interval = 1, nth = 0 } = options;
  calls.set_failslab(base, Math.round(probability * (2 ** 32 - 1)), interval, nth);
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}

/** The options of the heap at hand, as far as its header tells. */
function readOptions(view: HeapView): ResolvedOptions {
  const header = view.header();
  return Object.freeze({
    cpus: header.nr_cpu_ids,
    nodes: header.nr_nodes,
    maximumBytes: header.maximum_pages * 2 ** view.table.constants.PAGE_SHIFT,
    reserveBytes: header.reserve_bytes,
    maxCaches: header.max_caches,
    defer: armOf(header) ?? throwUnnamed(header),
    ...readFeatures(header.options),
  });
}

function throwUnnamed({ defer_place, defer_trigger }: ArmNumbers): never {
  throw new TypeError(
    "attachHeap: expected a heap whose arm of deferral has a name, got one of the place " +
      `${defer_place} and the trigger ${defer_trigger}; ` +
      `make it with one of ${DEFER_ARMS.join(", ")}`,
  );
}

function resolveMayWait(options: CpuOptions): boolean {
  checkKeys("heap.cpu: options", options, ["mayWait", "onTrace", "onReport"]);
  const { mayWait } = options;
  if (mayWait === undefined) return canWait();
  if (typeof mayWait !== "boolean") {
    throw new TypeError(
      `heap.cpu: options.mayWait: expected true or false, got ${describe(mayWait)}; leave it out`,
    );
  }
  if (mayWait && !canWait()) {
    throw new RangeError(
      "heap.cpu: options.mayWait: expected false on a thread that may not wait, got true; " +
        "leave it out, or use a Worker",
    );
  }
  return mayWait;
}

/** @returns what gets each report: it never throws, since the wasm holds locks meanwhile. */
function resolveOnReport({ onReport }: CpuOptions, thrown: Thrown): (text: string) => void {
  // Looked up each time: somebody may watch the console.
  if (onReport === undefined) return (text) => console.error(text);
  checkSync("heap.cpu: options.onReport", onReport);
  return (text) => {
    try {
      checkDone("heap.cpu: options.onReport", onReport(text));
    } catch (error) {
      thrown.keep(error);
    }
  };
}

function throwTaken(id: number | undefined, cpus: number): never {
  if (id !== undefined) {
    throw new RangeError(
      `heap.cpu: id: expected a free number, got ${id}, which is taken; ` +
        "try heap.cpu() for the next free one",
    );
  }
  throw new RangeError(
    `heap.cpu: expected a free number, got none: all ${cpus} CPUs are taken; ` +
      "end one with cpu.offline(), or create the heap with more cpus",
  );
}
