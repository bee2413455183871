/**
 * The loads by themselves, with any heap bound to their malloc and free
 * (assembly/workload/load/peer.ts).
 */
import { instantiateSync } from "@assemblyscript/loader";
import type { WasmMemory, WasmModule } from "./wasm-types.js";

export interface PeerHeap {
  /** Returns an address, or 0. */
  readonly malloc: (size: number) => number;
  readonly free: (p: number) => unknown;
}

/**
 * An instance of the loads on `memory`. A function of another instance is bound as it is: no
 * JavaScript lies between.
 */
export function instantiateLoads(
  module: WasmModule,
  memory: WasmMemory,
  { malloc, free }: PeerHeap,
): Record<string, unknown> {
  // The loader adds to the object it is given, so each instance gets a fresh one.
  return rawExports(module, memory, { malloc, free });
}

/** A heap with stamps around what it gives (assembly/workload/load/stamps.ts). */
export interface StampedHeap extends PeerHeap {
  /** Blocks that were not as their owner left them, or that somebody owned already. */
  broken(): number;
}

/** Stamps on the objects of `heap`, by an instance that is used for nothing else. */
export function stampHeap(module: WasmModule, memory: WasmMemory, heap: PeerHeap): StampedHeap {
  const exports = rawExports(module, memory, { malloc: heap.malloc, free: heap.free });
  const { stamped_malloc: malloc, stamped_free: free, stamps_broken: broken } = exports;
  return { malloc, free, broken } as unknown as StampedHeap;
}

/**
 * The functions that are no heap, of an instance that is used for nothing else: every allocation is
 * the same block of this CPU.
 */
export function lendNull(module: WasmModule, memory: WasmMemory, cpu: number): PeerHeap {
  const peer = { malloc: () => 0, free: () => 0 };
  const exports = rawExports(module, memory, peer);
  const { null_attach: attach, null_malloc: malloc, null_free: free } = exports;
  (attach as (cpu: number) => void)(cpu);
  return { malloc, free } as unknown as PeerHeap;
}

/**
 * Those of the instance itself. The loader's own wrap every function in one of JavaScript, and a
 * call from module to module through that costs six times as much.
 */
function rawExports(
  module: WasmModule,
  memory: WasmMemory,
  peer: { malloc: unknown; free: unknown },
): Record<string, unknown> {
  const imports = { env: { memory }, peer } as unknown as Parameters<typeof instantiateSync>[1];
  return { ...instantiateSync(module, imports).instance.exports };
}
