/**
 * A CPU with handlers of its own: its methods, those of its caches, and, with an `onReport`, its
 * raw exports throw what a handler threw while they ran. CPUs without one pay nothing for it.
 *
 * An allocation whose caller gets an exception instead of an address is given back first. Only
 * krealloc() cannot be undone: if the object moved, its new address is lost.
 */
import type { RawExports } from "./abi.js";
import type { Cpu } from "./cpu.js";
import { KmemCache } from "./kmem-cache.js";
import type { Thrown } from "./thrown.js";
import type { Tracer } from "./trace.js";

/** What a CPU with handlers has for them. */
export interface Handlers {
  readonly thrown: Thrown;
  /** That of `onTrace`; null: there is none. */
  readonly tracer: Tracer | null;
  /** Whether the raw exports throw as well: with an `onReport`, so that it stops other modules. */
  readonly throwsRaw: boolean;
}

type Undo<T> = (target: T, result: unknown, args: readonly unknown[]) => void;
type Undos<T> = Readonly<Record<string, Undo<T>>>;
/** A raw export, by what it takes and gives. */
type RawFunction = (...args: unknown[]) => unknown;

const free: Undo<Cpu> = (cpu, pointer) => cpu.kfree(pointer as number);
const freeNolock: Undo<Cpu> = (cpu, pointer) => cpu.kfreeNolock(pointer as number);

const CPU_UNDO: Undos<Cpu> = {
  kmalloc: free,
  kmallocNode: free,
  kzalloc: free,
  kcalloc: free,
  alignedAlloc: free,
  kmallocNolock: freeNolock,
  kmallocBulk: (cpu, pointers) => cpu.kfreeBulk(pointers as Uint32Array),
};

const CACHE_UNDO: Undos<KmemCache> = {
  alloc: (cache, object) => cache.free(object as number),
  allocNolock: (cache, object) => cache.freeNolock(object as number),
  allocBulk: (cache, objects) => cache.freeBulk(objects as Uint32Array),
};

const rawFree: Undo<RawExports> = (exports, pointer) => exports.kfree(pointer as number);
const rawFreeNolock: Undo<RawExports> = (exports, pointer) =>
  exports.kfree_nolock(pointer as number);
/** `array` is the last argument of both. */
const rawFreeBulk: Undo<RawExports> = (exports, count, args) =>
  exports.kfree_bulk(count as number, args.at(-1) as number);

const RAW_UNDO: Undos<RawExports> = {
  kmalloc: rawFree,
  kmalloc_node: rawFree,
  kzalloc: rawFree,
  kcalloc: rawFree,
  aligned_alloc: rawFree,
  malloc: rawFree,
  calloc: rawFree,
  kmem_cache_alloc: rawFree,
  kmalloc_nolock: rawFreeNolock,
  kmem_cache_alloc_nolock: rawFreeNolock,
  kmalloc_bulk: rawFreeBulk,
  kmem_cache_alloc_bulk: rawFreeBulk,
};

/** `cpu` as its user gets it. */
export function handledCpu(cpu: Cpu, handlers: Handlers): Cpu {
  return handled(cpu, handlers, CPU_UNDO);
}

function handled<T extends object>(target: T, handlers: Handlers, undos: Undos<T>): T {
  let raw: { readonly of: RawExports; readonly handled: RawExports } | null = null;
  return new Proxy(target, {
    // Private fields are the target's: methods and accessors run on it, not on the proxy.
    get(_target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (key === "exports" && handlers.throwsRaw) {
        const of = value as RawExports;
        if (raw?.of !== of) raw = { of, handled: handledExports(of, handlers) };
        return raw.handled;
      }
      if (typeof value !== "function" || key === "constructor") return value;
      const undo = undos[String(key)];
      return (...args: unknown[]) => {
        const work = () => Reflect.apply(value, target, args) as unknown;
        const result = call(handlers, work, (made) => undo?.(target, made, args));
        return result instanceof KmemCache ? handled(result, handlers, CACHE_UNDO) : result;
      };
    },
    set: (_target, key, value) => Reflect.set(target, key, value, target),
  });
}

/** The raw functions for other modules on the memory, which the exception ends as it passes. */
function handledExports(exports: RawExports, handlers: Handlers): RawExports {
  const wrap = ([name, value]: [string, unknown]) => {
    if (typeof value !== "function") return [name, value] as const;
    const undo = RAW_UNDO[name];
    const handledExport = (...args: unknown[]) =>
      call(
        handlers,
        () => (value as RawFunction)(...args),
        (made) => undo?.(exports, made, args),
      );
    return [name, handledExport] as const;
  };
  return Object.freeze(Object.fromEntries(Object.entries(exports).map(wrap))) as RawExports;
}

function call<T>({ thrown, tracer }: Handlers, work: () => T, undo: (made: T) => void): T {
  // Giving back is no event of the program's.
  return thrown.call(work, (made) =>
    tracer === null ? undo(made) : tracer.quietly(() => undo(made)),
  );
}
