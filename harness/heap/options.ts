/**
 * The options of a heap: what they mean, their defaults, and the refusal of bad ones.
 *
 * Every refusal is a RangeError or TypeError that says what was expected, what came and what to
 * try. What a later version brings is known here already and refused by name, so that nobody
 * believes it works.
 */
import { checkKeys } from "./arguments.js";
import { DEFER_ARMS, type DeferArm, MERGED_ARM } from "./arms.js";
import {
  HEAP_FAILSLAB,
  HEAP_HARDENED,
  HEAP_NO_CMPXCHG,
  HEAP_RANDOMIZE,
  HEAP_RT,
  HEAP_SHEAF_REFILL_WAITS,
  HEAP_SHEAVES,
  MAX_CPUS,
  MAX_NODES,
} from "./constants.js";
import { describe, throwNotInteger } from "./errors.js";
import { MODULE_NAMES } from "./load.js";
import { availableParallelism } from "./runtime.js";
import {
  readSheafCapacity,
  resolveSheafCapacity,
  type SheafCapacity,
  readSheafRefill,
  resolveSheafRefill,
  type SheafRefill,
  sheafCapacityBits,
} from "./sheaf-option.js";
import { parseSlabDebug } from "./slab-debug-option.js";
import type { Bytes, ModuleSource, UrlLike, WasmModule } from "./wasm-types.js";

const MIB = 2 ** 20;
/** A wasm page, in bytes: the unit of a memory's size. */
export const WASM_PAGE_BYTES = 65536;
const MEMORY_MAX_BYTES = 2 ** 32;
const CACHES_MAX = 4096;

/** Variants of the one source: see `HeapOptions.build`. */
export const BUILDS = ["release", "stats", "debug", "trace", "model"] as const;
/** One of BUILDS. */
export type BuildName = (typeof BUILDS)[number];

/** What a CPU can allocate from: see `HeapOptions.percpu`. */
export const PERCPU_LAYERS = ["slab", "sheaf"] as const;
/** One of PERCPU_LAYERS. */
export type PercpuLayer = (typeof PERCPU_LAYERS)[number];
/** That of a heap which says nothing, where its module has it: layerOf(). */
const DEFAULT_LAYER: PercpuLayer = "sheaf";

/** Which allocations fail on purpose: objects and pages of ordinary calls, never nolock ones. */
export interface FailslabOptions {
  /**
   * Chance of a failure, 0..1.
   * @default 1
   */
  readonly probability?: number;
  /**
   * Only every interval-th allocation of a CPU may fail, 1..2^32-1.
   * @default 1
   */
  readonly interval?: number;
  /** Exactly the n-th allocation of each CPU fails, 1..2^32-1; the other two then do not count. */
  readonly nth?: number;
}

/** Files of the package that a program brings itself: each as a URL, its bytes or its module. */
export interface HeapModules {
  /** The allocator: what `build: "release"` runs. */
  readonly release?: ModuleSource;
  /** The same with `percpu: "sheaf"`. */
  readonly sheaf?: ModuleSource;
  /** What `build: "stats"` runs. */
  readonly stats?: ModuleSource;
  /** What `hardened` runs with `build: "release"`. */
  readonly hardened?: ModuleSource;
  /** What `build: "debug"` and `slabDebug` run. */
  readonly debug?: ModuleSource;
  /** What `build: "trace"` runs. */
  readonly trace?: ModuleSource;
  /** What `build: "model"` runs. */
  readonly model?: ModuleSource;
  /** null: this heap is never reaped, and `heap.reap()` throws. */
  readonly reap?: ModuleSource | null;
}

/** What `createHeap()` takes; all of it may be left out. */
export interface HeapOptions {
  /**
   * How many CPUs there can be at the same time, 1..256.
   * @default what the machine runs in parallel
   */
  readonly cpus?: number;
  /**
   * NUMA nodes, 1..8: blocks of 4 MiB belong to them in turn, and so do CPUs.
   * @default 1
   */
  readonly nodes?: number;
  /**
   * What the memory may grow to, in bytes, 1 MiB..4 GiB; rounded down to 64 KiB.
   * @default 256 MiB
   */
  readonly maximumBytes?: number;
  /**
   * What the memory starts with, in bytes; the heap grows it where its tables need more.
   * @default 1 MiB, more if `reserveBytes` needs it
   */
  readonly initialBytes?: number;
  /**
   * Bytes at the bottom of the memory that belong to other modules.
   * @default 0
   */
  readonly reserveBytes?: number;
  /**
   * Size of the cache table, the 13 kmalloc caches included, 16..4096.
   * @default 256
   */
  readonly maxCaches?: number;
  /**
   * Where objects wait that a nolock call frees and cannot free right away.
   * @default "irq-work"
   */
  readonly defer?: DeferArm;
  /**
   * `stats` counts everything, `debug` counts and checks more, `trace` does the same and tells
   * `onTrace` of every CPU what happens, `model` makes each operation on per-CPU data one atomic
   * instruction.
   * @default "release"
   */
  readonly build?: BuildName;
  /**
   * Where the package's wasm files are, by name, as URLs, bytes or modules: for bundles, in which
   * the library finds `release` and `reap` alone, or none. `build`, `hardened` and `slabDebug` say
   * which one the heap runs on; the build `release` needs `reap` too, for `heap.reap()`, and has it
   * before the heap is made. The files are exported: `slablab/debug.wasm` and so on.
   * @default beside the library
   */
  readonly modules?: HeapModules;
  /** Your own bytes or module, of this very version, instead of `build`. */
  readonly module?: WasmModule | Bytes;
  /**
   * Where your own bytes are, instead of `build`. Without `modules.reap` the file `reap.wasm` is
   * looked for beside them.
   */
  readonly wasmUrl?: string | UrlLike;
  /**
   * What a CPU allocates from and frees to: `sheaf`, arrays of free objects (Linux 7.0), or `slab`,
   * cpu slabs and percpu partial lists (Linux 6.18).
   * @default "sheaf", but what the program's own `module`, `wasmUrl` or `modules` has, if not both
   */
  readonly percpu?: PercpuLayer;
  /**
   * How many objects a sheaf has room for: by the kernel's formula as it comes out on 64 bits, 4,
   * 12, 28 or 60 (objects of 4 KiB and more, 1 KiB, 256 bytes, fewer), or on 32 bits, 11, 19, 27 or
   * 123; by `bytes`, which is the first, but up to 24 KiB of objects below 1 KiB, 252 at most; or a
   * number for all caches, 1..2044, rounded up so that a sheaf fills its kmalloc bucket. A larger
   * one means fewer exchanges, and more memory that lies about. Only with sheaves.
   * @default "bytes"
   */
  readonly sheafCapacity?: SheafCapacity;
  /**
   * Who refills an empty sheaf from slabs: `always` every allocation of a task, `mayWait` those of
   * CPUs that may wait. The others take one object at a time then, as in Linux 7.0 before that was
   * found to cost too much. Nolock calls never do. Only with sheaves.
   * @default "always"
   */
  readonly sheafRefill?: SheafRefill;
  /**
   * Local locks as on PREEMPT_RT: owned by tasks, no lockless fast path, and nolock allocations
   * fail at once in every atomic context.
   * @default false
   */
  readonly rt?: boolean;
  /**
   * Update slabs under a lock each, as on a machine without a double cmpxchg; nolock allocations
   * then fail, as in the kernel.
   * @default false
   */
  readonly noCmpxchg?: boolean;
  /**
   * Encode the free pointers inside free objects (kernel: SLAB_FREELIST_HARDENED); builds
   * `release`, `debug` and `trace`.
   * @default false
   */
  readonly hardened?: boolean;
  /**
   * Link new slabs in a shuffled order (kernel: SLAB_FREELIST_RANDOM).
   * @default false
   */
  readonly randomize?: boolean;
  /** Make allocations fail on purpose. */
  readonly failslab?: FailslabOptions;
  /**
   * Debug caches, as the kernel's `slab_debug=`: letters F (checks), Z (red zones), P (poison), U
   * (who allocated and freed), T (trace), A (failslab), O (no larger slabs), `-` (nothing), for all
   * caches or some: `"FZ,kmalloc-64;U,kmalloc-*"`. Loads the build `debug`, or `trace` if asked.
   */
  readonly slabDebug?: string;
  /**
   * What the heap's generators start from: secrets, shuffles, lotteries, failslab; 0..2^32-1.
   * @default random
   */
  readonly seed?: number;
}

/** The options of a heap as they are in force. */
export interface ResolvedOptions {
  /** CPUs there can be at the same time. */
  readonly cpus: number;
  /** NUMA nodes. */
  readonly nodes: number;
  /** What the memory may grow to, in bytes. */
  readonly maximumBytes: number;
  /** Bytes at the bottom that belong to other modules. */
  readonly reserveBytes: number;
  /** Entries of the cache table. */
  readonly maxCaches: number;
  /** Where objects wait that a nolock call cannot free right away. */
  readonly defer: DeferArm;
  /** The per-CPU layer. */
  readonly percpu: PercpuLayer;
  /** Objects in a sheaf; absent from a heap that has none. */
  readonly sheafCapacity?: SheafCapacity;
  /** Who refills sheaves; absent from a heap that has none. */
  readonly sheafRefill?: SheafRefill;
  /** Local locks as on PREEMPT_RT. */
  readonly rt: boolean;
  /** Slabs updated under a lock each. */
  readonly noCmpxchg: boolean;
  /** Encoded free pointers. */
  readonly hardened: boolean;
  /** Shuffled new slabs. */
  readonly randomize: boolean;
  /** As it was asked for; absent from a heap that was attached to. */
  readonly failslab?: FailslabOptions;
  /** As it was asked for; absent from a heap that was attached to. */
  readonly slabDebug?: string;
  /** As it was asked for; absent: it was random, or this heap was attached to. */
  readonly seed?: number;
  /** As it was asked for; absent from a heap that was attached to. */
  readonly initialBytes?: number;
  /** Absent also where `module` or `wasmUrl` was given. */
  readonly build?: BuildName;
}

/** Every option of a heap; docs/options.md has a row for each, which a test compares. */
export const HEAP_OPTIONS = [
  ...(["cpus", "nodes", "maximumBytes", "initialBytes", "reserveBytes", "maxCaches"] as const),
  ...([
    "defer",
    "build",
    "module",
    "wasmUrl",
    "percpu",
    "sheafCapacity",
    "sheafRefill",
    "rt",
    "noCmpxchg",
  ] as const),
  ...(["modules", "hardened", "randomize", "failslab", "slabDebug", "seed"] as const),
] as const satisfies readonly (keyof HeapOptions)[];
const KNOWN: readonly string[] = HEAP_OPTIONS;

/**
 * Check `options` and fill in the defaults.
 *
 * @throws TypeError, RangeError for a bad option; UnsupportedError for one that comes later
 */
export function resolveOptions(options: HeapOptions): ResolvedOptions {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(
      `options: expected an object, got ${describe(options)}; try createHeap({ cpus: 4 })`,
    );
  }
  refuseUnknown(options);
  if (options.modules !== undefined) checkKeys("options.modules", options.modules, MODULE_NAMES);
  const cpus = integer("cpus", options.cpus, defaultCpus(), 1, MAX_CPUS);
  const nodes = integer("nodes", options.nodes, 1, 1, MAX_NODES);
  const maximumBytes = resolveMaximum(options.maximumBytes);
  const reserveBytes = integer("reserveBytes", options.reserveBytes, 0, 0, maximumBytes - 1);
  const fallback = Math.min(roundUp(Math.max(MIB, reserveBytes)), maximumBytes);
  const initialBytes = integer("initialBytes", options.initialBytes, fallback, 0, maximumBytes);
  const percpu = oneOf("percpu", options.percpu, DEFAULT_LAYER, PERCPU_LAYERS);
  return {
    cpus,
    nodes,
    maximumBytes,
    reserveBytes,
    initialBytes: roundUp(initialBytes),
    maxCaches: integer("maxCaches", options.maxCaches, 256, 16, CACHES_MAX),
    defer: oneOf("defer", options.defer, MERGED_ARM, DEFER_ARMS),
    percpu,
    ...resolveSheafCapacity(options.sheafCapacity, percpu === "sheaf"),
    ...resolveSheafRefill(options.sheafRefill, percpu === "sheaf"),
    rt: flag("rt", options.rt),
    noCmpxchg: flag("noCmpxchg", options.noCmpxchg),
    randomize: flag("randomize", options.randomize),
    ...resolveHardened(options),
    ...resolveFailslab(options.failslab),
    ...resolveSlabDebug(options.slabDebug),
    ...(options.seed === undefined
      ? {}
      : { seed: integer("seed", options.seed, 0, 0, 2 ** 32 - 1) }),
  };
}

/**
 * The same on a module that has another layer.
 *
 * @throws RangeError if an option needs the layer that it has not
 */
export function withLayer(
  options: HeapOptions,
  { sheafCapacity: _, sheafRefill: __, ...resolved }: ResolvedOptions,
  percpu: PercpuLayer,
): ResolvedOptions {
  const capacity = resolveSheafCapacity(options.sheafCapacity, percpu === "sheaf");
  const refill = resolveSheafRefill(options.sheafRefill, percpu === "sheaf");
  return { ...resolved, percpu, ...capacity, ...refill };
}

/** @returns `bytes` rounded up to a whole number of wasm pages, at least one. */
function roundUp(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / WASM_PAGE_BYTES)) * WASM_PAGE_BYTES;
}

function defaultCpus(): number {
  return Math.min(availableParallelism(), MAX_CPUS);
}

function refuseUnknown(options: object): void {
  for (const key of Object.keys(options)) {
    if (KNOWN.includes(key)) continue;
    throw new TypeError(
      `options.${key}: expected one of ${KNOWN.join(", ")}, got an unknown option; ` +
        "check the spelling",
    );
  }
}

function integer(
  name: string,
  value: number | undefined,
  fallback: number,
  minimum: number,
  maximum: number,
): number {
  const number = value === undefined ? fallback : value;
  if (Number.isInteger(number) && number >= minimum && number <= maximum) return number;
  return throwNotInteger(`options.${name}`, number, minimum, maximum);
}

function resolveMaximum(value: number | undefined): number {
  const bytes = integer("maximumBytes", value, 256 * MIB, MIB, MEMORY_MAX_BYTES);
  return Math.floor(bytes / WASM_PAGE_BYTES) * WASM_PAGE_BYTES;
}

function oneOf<T extends string>(
  name: string,
  value: T | undefined,
  fallback: T,
  choices: readonly T[],
): T {
  if (value === undefined) return fallback;
  if (choices.includes(value)) return value;
  const message =
    `options.${name}: expected one of ${choices.join(", ")}, got ${describe(value)}; ` +
    `leave it out for ${fallback}`;
  if (typeof value !== "string") throw new TypeError(message);
  throw new RangeError(message);
}

function flag(name: string, value: boolean | undefined): boolean {
  if (value === undefined || typeof value === "boolean") return value ?? false;
  throw new TypeError(
    `options.${name}: expected true or false, got ${describe(value)}; leave it out for false`,
  );
}

/** Which build, and whether it can do what `hardened` asks. */
function resolveHardened(options: HeapOptions): { build?: BuildName; hardened: boolean } {
  const hardened = flag("hardened", options.hardened);
  const { build } = resolveBuild(options);
  if (hardened && (build === "stats" || build === "model")) {
    throw new RangeError(
      `options.hardened: expected one of the builds release, debug and trace, got ${build}, ` +
        "which leaves the encoding out; try another build",
    );
  }
  return build === undefined ? { hardened } : { build, hardened };
}

function resolveFailslab(value: FailslabOptions | undefined): { failslab?: FailslabOptions } {
  if (value === undefined) return {};
  checkKeys("options.failslab", value, ["probability", "interval", "nth"]);
  const { probability = 1, interval = 1, nth } = value;
  if (typeof probability !== "number" || !(probability >= 0 && probability <= 1)) {
    throw new RangeError(
      `options.failslab.probability: expected a number in 0..1, got ${describe(probability)}; ` +
        "try 0.01",
    );
  }
  integer("failslab.interval", interval, 1, 1, 2 ** 32 - 1);
  if (nth === undefined) return { failslab: { probability, interval } };
  return { failslab: { nth: integer("failslab.nth", nth, 1, 1, 2 ** 32 - 1) } };
}

/** The options that are bits of the heap's header: HEAP_*. */
export function optionBits(options: ResolvedOptions): number {
  return (
    (options.rt ? HEAP_RT : 0) |
    (options.noCmpxchg ? HEAP_NO_CMPXCHG : 0) |
    (options.randomize ? HEAP_RANDOMIZE : 0) |
    (options.hardened ? HEAP_HARDENED : 0) |
    (options.failslab === undefined ? 0 : HEAP_FAILSLAB) |
    (options.percpu === "sheaf" ? HEAP_SHEAVES : 0) |
    sheafCapacityBits(options.sheafCapacity) |
    (options.sheafRefill === "mayWait" ? HEAP_SHEAF_REFILL_WAITS : 0)
  );
}

/** The same read back from a header. */
export function readFeatures(
  bits: number,
): Pick<
  ResolvedOptions,
  "percpu" | "sheafCapacity" | "sheafRefill" | "rt" | "noCmpxchg" | "randomize" | "hardened"
> {
  const has = (bit: number) => (bits & bit) !== 0;
  return {
    percpu: has(HEAP_SHEAVES) ? "sheaf" : "slab",
    ...readSheafCapacity(bits),
    ...readSheafRefill(bits),
    rt: has(HEAP_RT),
    noCmpxchg: has(HEAP_NO_CMPXCHG),
    randomize: has(HEAP_RANDOMIZE),
    hardened: has(HEAP_HARDENED),
  };
}

function resolveBuild(options: HeapOptions): { build?: BuildName } {
  const given = (["build", "module", "wasmUrl"] as const).filter((key) => options[key] != null);
  if (given.length > 1) {
    throw new TypeError(
      `options: expected at most one of build, module and wasmUrl, got ${given.join(" and ")}; ` +
        "leave all but one out",
    );
  }
  if (options.module !== undefined || options.wasmUrl !== undefined) return {};
  const build = oneOf("build", options.build, "release", BUILDS);
  if (options.slabDebug === undefined) return { build };
  if (build === "stats" || build === "model") {
    throw new RangeError(
      `options.slabDebug: expected one of the builds debug and trace, got ${build}, which leaves ` +
        "slab_debug out; leave options.build out",
    );
  }
  return { build: build === "release" ? "debug" : build };
}

function resolveSlabDebug(value: string | undefined): { slabDebug?: string } {
  if (value === undefined) return {};
  parseSlabDebug(value);
  return { slabDebug: value };
}
