/**
 * AssemblyScript's own allocator behind one spin lock, which it lacks: without it two Workers
 * corrupt it (assembly/workload/tlsf.ts). Compiled with this package, and so always there.
 */
import { instantiateProgram } from "../../heap/peer-program.js";
import { pagesWritten } from "./pages-written.js";
import type { Peer, PeerHandle, PeerThread } from "./other-heap.js";

/** What the program says of its memory, in wasm pages. */
const MEMORY = { initial: 1, maximum: 65_536, shared: true } as const;

interface Exports {
  tlsf_malloc(bytes: number): number;
  tlsf_free(p: number): void;
  /** Address of what all instances share; 0: none has been called yet. */
  readonly tlsf_root: WebAssembly.Global;
}

export const tlsf: Peer = {
  name: "tlsf",
  about: "TLSF of AssemblyScript behind a spin lock",
  ownPages(module) {
    const memory = new WebAssembly.Memory(MEMORY);
    instantiate(module, memory);
    return pagesWritten(memory);
  },
  open(module) {
    const memory = new WebAssembly.Memory(MEMORY);
    const exports = instantiate(module, memory);
    // The first call builds the root.
    exports.tlsf_free(exports.tlsf_malloc(1));
    return { name: "tlsf", module, memory, addresses: [Number(exports.tlsf_root.value)] };
  },
  attach({ module, memory, addresses }: PeerHandle): PeerThread {
    const { tlsf_malloc: malloc, tlsf_free: free, tlsf_root: root } = instantiate(module, memory);
    root.value = addresses[0] ?? 0;
    return { malloc, free, renew: () => {} };
  },
};

function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Exports {
  return instantiateProgram(module, memory) as unknown as Exports;
}
