/**
 * A CPU with a handler of trace points: its methods, and those of its caches, throw what the
 * handler threw while they ran. CPUs without one pay nothing for it.
 *
 * An allocation whose caller gets an exception instead of an address is given back first. Only
 * krealloc() cannot be undone: if the object moved, its new address is lost.
 */
import type { Cpu } from "./cpu.js";
import { KmemCache } from "./kmem-cache.js";
import type { Tracer } from "./trace.js";

type Undo<T> = (target: T, result: unknown) => void;

const free: Undo<Cpu> = (cpu, pointer) => cpu.kfree(pointer as number);
const freeNolock: Undo<Cpu> = (cpu, pointer) => cpu.kfreeNolock(pointer as number);

const CPU_UNDO: Readonly<Record<string, Undo<Cpu>>> = {
  kmalloc: free,
  kmallocNode: free,
  kzalloc: free,
  kcalloc: free,
  alignedAlloc: free,
  kmallocNolock: freeNolock,
  kmallocBulk: (cpu, pointers) => cpu.kfreeBulk(pointers as Uint32Array),
};

const CACHE_UNDO: Readonly<Record<string, Undo<KmemCache>>> = {
  alloc: (cache, object) => cache.free(object as number),
  allocNolock: (cache, object) => cache.freeNolock(object as number),
  allocBulk: (cache, objects) => cache.freeBulk(objects as Uint32Array),
};

/** `cpu` as its user gets it. */
export function tracedCpu(cpu: Cpu, tracer: Tracer): Cpu {
  return traced(cpu, tracer, CPU_UNDO);
}

function traced<T extends object>(
  target: T,
  tracer: Tracer,
  undos: Readonly<Record<string, Undo<T>>>,
): T {
  return new Proxy(target, {
    // Private fields are the target's: methods and accessors run on it, not on the proxy.
    get(_target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function" || key === "constructor") return value;
      const undo = undos[String(key)];
      return (...args: unknown[]) => {
        const result = tracer.call<unknown>(
          () => Reflect.apply(value, target, args),
          (made) => undo?.(target, made),
        );
        return result instanceof KmemCache ? traced(result, tracer, CACHE_UNDO) : result;
      };
    },
    set: (_target, key, value) => Reflect.set(target, key, value, target),
  });
}
