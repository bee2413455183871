/**
 * The two caches of its own that a fuzz uses beside those of kmalloc(): one plain, one whose
 * objects are constructed.
 */
import { NO_CACHE, type FuzzCpu, type UserCache } from "./reentry-cpu.js";
import { pointer } from "./reentry-cpu.js";
import type { Stage } from "./reentry-stage.js";

const PLAIN = { name: "fuzz-plain", sizeBytes: 72 } as const;
const CONSTRUCTED = { name: "fuzz-ctor", sizeBytes: 200 } as const;

/** Make both caches and use them. Context: a task, nobody re-enters. */
export function createCaches(stage: Stage, cpu: FuzzCpu): void {
  for (const { name, sizeBytes } of [PLAIN, CONSTRUCTED]) {
    const at = putName(stage, cpu, name);
    const hasCtor = name === CONSTRUCTED.name ? 1 : 0;
    const all = [at, sizeBytes, 0, 0, hasCtor, 0] as const;
    const made = cpu.exports.kmem_cache_create(...all) as unknown as number;
    if (made === 0) throw new Error(`expected a new heap to have room for the cache ${name}`);
  }
  useCaches(stage, cpu);
}

/** Use the caches that another CPU made. */
export function useCaches(stage: Stage, cpu: FuzzCpu): void {
  stage.view.refresh();
  for (const cache of stage.view.caches()) {
    const found = { address: cache.address, index: cache.index, sizeBytes: cache.object_size };
    if (cache.name === PLAIN.name) cpu.plain = found;
    else if (cache.name === CONSTRUCTED.name) cpu.constructed = found;
  }
  if (cpu.plain === NO_CACHE || cpu.constructed === NO_CACHE) {
    throw new Error("expected both caches of the fuzz on its heap, got fewer");
  }
}

/** Release both. Context: they are empty and nobody uses them. */
export function destroyCaches(cpu: FuzzCpu): void {
  for (const cache of [cpu.plain, cpu.constructed] satisfies UserCache[]) {
    const left = cpu.exports.kmem_cache_destroy(pointer(cache), 0);
    if (left !== 0) cpu.report("leak", `expected an empty cache to go, got ${left} slabs in it`);
  }
}

/** Write a name where the wasm reads it. @returns its address */
export function putName({ heap, view }: Stage, cpu: FuzzCpu, name: string): number {
  const at = cpu.area + view.table.constants.CPU_SCRATCH;
  const bytes = new Uint8Array(heap.handle.memory.buffer, at, view.table.constants.NAME_BYTES);
  bytes.fill(0);
  bytes.set(new TextEncoder().encode(name));
  return at;
}
