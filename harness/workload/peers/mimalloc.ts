/**
 * mimalloc as emscripten builds it into programs, out of the package wasm-vips: a heap for each
 * thread, and objects that others free go back through lists of their page.
 *
 * A thread needs what pthread_create() of that very build makes: a struct with its stack and its
 * thread-local data. Where the stack lies in it is not part of any contract, so it is checked
 * before it is believed, and the package is pinned.
 */
import { instantiateProgram } from "../../heap/peer-program.js";
import { pagesWritten } from "./pages-written.js";
import type { Peer, PeerHandle, PeerThread } from "./other-heap.js";

/** What the program says of its memory, in wasm pages: no smaller and no larger will do. */
const MEMORY = { initial: 4096, maximum: 32_768, shared: true } as const;
const WASM_PAGE_BYTES = 65_536;
/** The largest heap it may believe in. */
const HEAP_MAX = 0x8000_0000 | 0;
/** Of the first thread, as its own start-up code has it. */
const MAIN_STACK_BYTES = 65_536;
/** In struct pthread: where its stack ends, and how large it is. */
const STACK_TOP = 48;
const STACK_BYTES = 52;
const STACK_ALIGN = 16;

interface Exports {
  malloc(bytes: number): number;
  free(p: number): void;
  pthread_create(thread: number, attributes: number, start: number, argument: number): number;
  __wasm_call_ctors(): void;
  __stack_pointer: WebAssembly.Global;
  emscripten_stack_set_limits(top: number, end: number): void;
  _emscripten_tls_init(): number;
  _emscripten_thread_init(
    ...args: [
      thread: number,
      isMain: number,
      isRuntime: number,
      canBlock: number,
      stack: number,
      profiling: number,
    ]
  ): void;
}

export const mimalloc: Peer = {
  name: "mimalloc",
  about: "mimalloc of emscripten, out of wasm-vips",
  ownPages(module) {
    const memory = new WebAssembly.Memory(MEMORY);
    instantiate(module, memory);
    return pagesWritten(memory);
  },
  open(module, cpus) {
    const memory = new WebAssembly.Memory(MEMORY);
    const { exports, created } = instantiate(module, memory);
    exports._emscripten_tls_init();
    // Without these malloc() traps.
    exports.__wasm_call_ctors();
    const threads = Array.from({ length: cpus }, () => createThread(exports, created));
    return { name: "mimalloc", module, memory, threads };
  },
  attach({ module, memory, threads }: PeerHandle, cpu: number): PeerThread {
    const { exports } = instantiate(module, memory);
    becomeThread(exports, memory, threads[cpu] ?? 0);
    const { malloc, free } = exports;
    return { malloc, free, renew: () => {} };
  },
};

/** The last thread that was created, or 0. */
interface Created {
  thread: number;
}

function instantiate(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
): { exports: Exports; created: Created } {
  const created: Created = { thread: 0 };
  let exports: Exports | null = null;
  exports = instantiateProgram(module, memory, {
    _emscripten_init_main_thread_js: (thread = 0) => {
      exports?._emscripten_thread_init(thread, 1, 1, 1, MAIN_STACK_BYTES, 0);
      return 0;
    },
    __pthread_create_js: (thread = 0) => {
      created.thread = thread;
      return 0;
    },
    emscripten_resize_heap: (bytes = 0) => (grow(memory, bytes >>> 0) ? 1 : 0),
    emscripten_get_heap_max: () => HEAP_MAX,
  }) as unknown as Exports;
  return { exports, created };
}

function grow(memory: WebAssembly.Memory, bytes: number): boolean {
  const missing = Math.ceil((bytes - memory.buffer.byteLength) / WASM_PAGE_BYTES);
  try {
    memory.grow(Math.max(0, missing));
    return true;
  } catch {
    return false;
  }
}

/** @returns the address of a thread that nobody is yet */
function createThread(exports: Exports, created: Created): number {
  const out = exports.malloc(4);
  created.thread = 0;
  const status = exports.pthread_create(out, 0, 1, 0);
  if (status === 0 && created.thread !== 0) return created.thread >>> 0;
  throw new Error(`mimalloc: expected a thread, got status ${status}; try fewer --cpus`);
}

function becomeThread(exports: Exports, memory: WebAssembly.Memory, thread: number): void {
  const words = new Uint32Array(memory.buffer);
  const top = words[(thread + STACK_TOP) >>> 2] ?? 0;
  const bytes = words[(thread + STACK_BYTES) >>> 2] ?? 0;
  const isPlausible =
    bytes > 0 && top > bytes && top <= memory.buffer.byteLength && top % STACK_ALIGN === 0;
  if (!isPlausible) {
    throw new Error(
      `mimalloc: expected a stack in the struct of thread ${thread}, got ${bytes} bytes below ` +
        `${top}: another build of it; use the version that is pinned`,
    );
  }
  exports._emscripten_thread_init(thread, 0, 0, 1, 0, 0);
  exports.__stack_pointer.value = top;
  exports.emscripten_stack_set_limits(top, top - bytes);
  exports._emscripten_tls_init();
}
