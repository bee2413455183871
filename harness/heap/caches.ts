/**
 * Creating and opening caches: the checks that come before the wasm, and the names.
 *
 * The wasm refuses with 0 and no reason; JavaScript asks first, so that a caller learns which of
 * its arguments was wrong.
 */
import { checkFlags, checkKeys, checkUnsigned } from "./arguments.js";
import type { Ctor } from "./constructors.js";
import { type CpuState, checkTask } from "./cpu-state.js";
import { MAX_SHEAF_CAPACITY, REFUSED_NAME, REFUSED_SIZE, REFUSED_TABLE } from "./constants.js";
import { describe, hex, throwNotInteger } from "./errors.js";
import { SLAB_ACCOUNT, SLAB_DEBUG_FLAGS, SLAB_MASK, SLAB_TYPESAFE_BY_RCU } from "./flags.js";
import { KmemCache } from "./kmem-cache.js";
import { checkCacheName, checkName, writeName } from "./names.js";
import { isCapacity } from "./sheaf-option.js";
import { checkSync } from "./synchronous.js";
import type { CacheView } from "./view.js";

/** A cache to be made: see `Cpu.kmemCacheCreate()`. */
export interface KmemCacheOptions {
  /**
   * Unique; 1 to 31 bytes in UTF-8, no spaces, as `/proc/slabinfo` has columns; not beginning with
   * `kmalloc-`, as the names of the heap's own caches do.
   */
  readonly name: string;
  /** Bytes of an object, 1 B..4 MiB. */
  readonly size: number;
  /**
   * Alignment of objects in bytes, a power of two up to 4096; 0 for the least there is, 8.
   * @default 0
   */
  readonly align?: number;
  /**
   * SLAB_HWCACHE_ALIGN, SLAB_ACCOUNT, SLAB_TYPESAFE_BY_RCU, SLAB_NO_CMPXCHG; in the builds `debug`
   * and `trace` also SLAB_CONSISTENCY_CHECKS, SLAB_RED_ZONE, SLAB_POISON, SLAB_STORE_USER and
   * SLAB_TRACE.
   * @default 0
   */
  readonly flags?: number;
  /**
   * Runs once for each object of a new slab; who frees an object leaves it constructed. If it
   * throws, the allocation that needed the slab throws the same.
   */
  readonly ctor?: Ctor;
  /**
   * How many objects its sheaves should have room for, 0..2044: the larger of this and the heap's
   * `sheafCapacity`, rounded up so that a sheaf fills its kmalloc bucket (kernel:
   * kmem_cache_args.sheaf_capacity). 0: the heap's. Without sheaves nobody looks at it.
   * @default 0
   */
  readonly sheafCapacity?: number;
}

/** How a cache is opened: see `Cpu.kmemCacheOpen()`. */
export interface KmemCacheOpenOptions {
  /** This CPU's constructor; needed where the cache was made with one. */
  readonly ctor?: Ctor;
}

const SIZE_MAX = 4 * 2 ** 20;
const ALIGN_MAX = 4096;
const OPTION_KEYS = ["name", "size", "align", "flags", "ctor", "sheafCapacity"];

/** See `Cpu.kmemCacheCreate()`. */
export function createCache(state: CpuState, options: KmemCacheOptions): KmemCache {
  const call = "cpu.kmemCacheCreate";
  checkTask(state, call);
  checkKeys(`${call}: options`, options, OPTION_KEYS);
  const { name, size, align = 0, flags = 0, ctor, sheafCapacity = 0 } = options;
  const bytes = checkCacheName(state.view, call, name);
  checkUnsigned(`${call}: size`, size);
  if (size < 1 || size > SIZE_MAX) throwNotInteger(`${call}: size`, size, 1, SIZE_MAX);
  checkUnsigned(`${call}: align`, align);
  if (align > ALIGN_MAX || (align & (align - 1)) !== 0) {
    throw new RangeError(
      `${call}: align: expected 0 or a power of two up to ${ALIGN_MAX}, got ${align}; try 0`,
    );
  }
  checkFlags(`${call}: flags`, flags, SLAB_MASK);
  if ((flags & SLAB_DEBUG_FLAGS) !== 0 && !state.view.table.build.debugs) {
    throw new RangeError(
      `${call}: flags: expected no flags of slab_debug in a build without it, got ${hex(flags)}; ` +
        'create the heap with build: "debug" or slabDebug',
    );
  }
  if (ctor !== undefined) checkSync(`${call}: ctor`, ctor);
  if (!Number.isInteger(sheafCapacity) || !isCapacity(sheafCapacity, 0)) {
    throwNotInteger(`${call}: sheafCapacity`, sheafCapacity, 0, MAX_SHEAF_CAPACITY);
  }
  if (findCache(state, name) !== null) {
    throw new RangeError(
      `${call}: expected a name that is not in use, got ${describe(name)}; ` +
        "open that cache with cpu.kmemCacheOpen(name)",
    );
  }
  const { calls } = state;
  const hasCtor = ctor === undefined ? 0 : 1;
  const at = writeName(state, bytes);
  if (calls.kmem_cache_create(at, size, align, flags, hasCtor, sheafCapacity) === 0) {
    throwNotCreated(state, call, options);
  }
  return wrap(state, call, name, ctor);
}

/** See `Cpu.kmemCacheOpen()`. */
export function openCache(state: CpuState, name: string, options: KmemCacheOpenOptions): KmemCache {
  const call = "cpu.kmemCacheOpen";
  checkTask(state, call);
  checkKeys(`${call}: options`, options, ["ctor"]);
  const bytes = checkName(state.view, call, name);
  const { ctor } = options;
  if (ctor !== undefined) checkSync(`${call}: ctor`, ctor);
  const cache = findCache(state, name);
  if (cache === null) {
    const names = [...state.view.caches()].map((each) => each.name).join(", ");
    throw new RangeError(
      `${call}: expected one of ${names}, got ${describe(name)}; ` +
        "create it first with cpu.kmemCacheCreate()",
    );
  }
  if (cache.ctor !== 0 && ctor === undefined) {
    throw new TypeError(
      `${call}: expected { ctor } for ${name}, which was made with a constructor, got none; ` +
        "pass the function that constructs its objects on this CPU",
    );
  }
  if (cache.ctor === 0 && ctor !== undefined) {
    throw new TypeError(
      `${call}: expected no ctor for ${name}, which was made without one, got a function; ` +
        "leave it out",
    );
  }
  // 0 here means that a CPU which may not wait missed the lock: the cache was seen above.
  state.calls.kmem_cache_open(writeName(state, bytes));
  return wrap(state, call, name, ctor);
}

/**
 * The cache of that name, read from the table without its lock. An entry that became another one
 * meanwhile has another generation, and a cache that is live has all its fields.
 */
function findCache(state: CpuState, name: string): CacheView | null {
  const { view } = state;
  view.refresh();
  for (const cache of view.caches()) {
    if (cache.name !== name) continue;
    if (view.cache(cache.index).generation === cache.generation) return cache;
  }
  return null;
}

function wrap(state: CpuState, call: string, name: string, ctor: Ctor | undefined): KmemCache {
  const cache = findCache(state, name);
  if (cache === null) {
    throw new Error(`${call}: expected ${name} to stay, but it was destroyed meanwhile; try again`);
  }
  if (ctor !== undefined) state.constructors.register(cache.index, ctor);
  return new KmemCache(state, cache);
}

/** Say why kmem_cache_create() refused what passed the checks here. */
function throwNotCreated(state: CpuState, call: string, options: KmemCacheOptions): never {
  const { view } = state;
  const { name, size } = options;
  view.refresh();
  const reason = view.u32(state.area + view.table.offsets.cpu_area.bug_code);
  if (reason === REFUSED_TABLE) {
    // Entry 0 is never used.
    const room = view.header().max_caches - 1;
    throw new RangeError(
      `${call}: expected room in the cache table, got caches in all of its ${room} entries; ` +
        "destroy one, or create the heap with a greater maxCaches",
    );
  }
  if (reason === REFUSED_NAME) {
    throw new RangeError(
      `${call}: expected a name that is not in use, got ${describe(name)}, which another CPU ` +
        "took at the same moment; open that cache",
    );
  }
  if (reason === REFUSED_SIZE) {
    throw new RangeError(
      `${call}: size: expected objects that fit into ${SIZE_MAX} bytes with what they need ` +
        `around them, got ${size} bytes and ${needs(state, options)}; ` +
        `try at most ${SIZE_MAX - ALIGN_MAX}, or fewer flags`,
    );
  }
  throw new Error(
    `${call}: expected memory for the statistics of ${name}, got none; ` +
      "free something, or create the heap with a greater maximumBytes",
  );
}

/** What makes an object larger than it is. */
function needs(state: CpuState, { align = 0, flags = 0, ctor }: KmemCacheOptions): string {
  const isDebugged = state.view.table.build.debugs;
  const outside = (flags & SLAB_TYPESAFE_BY_RCU) !== 0 || ctor !== undefined;
  const found = [
    outside && "a free pointer behind each, for SLAB_TYPESAFE_BY_RCU or a ctor",
    (flags & SLAB_ACCOUNT) !== 0 && "whom it is charged to",
    align > 8 && `an alignment of ${align}`,
    isDebugged && "what slab_debug keeps of each",
  ].filter((each) => each !== false);
  return found.length === 0 ? "their padding" : found.join(", ");
}
