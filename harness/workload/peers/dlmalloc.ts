/**
 * dlmalloc of wasi-libc behind one spin lock, out of the package @node-rs/crc32-wasm32-wasi.
 *
 * All instances begin with the same stack and the same thread-local data. In this very build that
 * harms nothing as long as nothing but malloc() and free() is called: free() has no frame,
 * malloc() never stores to its own, and errno is the only thread-local word it writes.
 */
import { instantiateProgram } from "../../heap/peer-program.js";
import { pagesWritten } from "./pages-written.js";
import type { Peer, PeerHandle, PeerThread } from "./other-heap.js";

/** What the program says of its memory, in wasm pages. */
const MEMORY = { initial: 99, maximum: 65_536, shared: true } as const;

export const dlmalloc: Peer = {
  name: "dlmalloc",
  about: "dlmalloc of wasi-libc behind its spin lock, out of @node-rs/crc32-wasm32-wasi",
  ownPages(module) {
    const memory = new WebAssembly.Memory(MEMORY);
    instantiate(module, memory);
    return pagesWritten(memory);
  },
  open(module) {
    const memory = new WebAssembly.Memory(MEMORY);
    const { malloc, free } = instantiate(module, memory);
    // The first call sets the heap up.
    free(malloc(1));
    return { name: "dlmalloc", module, memory, addresses: [] };
  },
  attach({ module, memory }: PeerHandle): PeerThread {
    return { ...instantiate(module, memory), renew: () => {} };
  },
};

function instantiate(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
): Pick<PeerThread, "malloc" | "free"> {
  const exports = instantiateProgram(module, memory);
  const { malloc, free } = exports as unknown as PeerThread;
  return { malloc, free };
}
