/**
 * The loads by themselves, with any heap bound to their malloc and free
 * (assembly/workload/loads/peer.ts).
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
 *
 * @param heap null: none, every allocation is the same block of this CPU
 */
export function instantiateLoads(
  module: WasmModule,
  memory: WasmMemory,
  heap: PeerHeap | null,
  cpu = 0,
): Record<string, unknown> {
  // The loader adds to the object it is given, so each instance gets a fresh one.
  const peer = { ...(heap ?? lendNull(module, memory, cpu)) };
  return rawExports(module, memory, peer);
}

/** The functions that are no heap, of an instance that is used for nothing else. */
function lendNull(module: WasmModule, memory: WasmMemory, cpu: number): PeerHeap {
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
