/**
 * mimalloc as emscripten builds it into programs, out of the package wasm-vips: a heap for each
 * thread; what others free goes back through a list of its page.
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
  readonly __stack_pointer: WebAssembly.Global;
  emscripten_stack_set_limits(top: number, end: number): void;
  _emscripten_tls_init(): number;
  /** Give the thread's heap back: what lives in it is for others to free. */
  _emscripten_thread_exit(result: number): void;
  /** Free what pthread_create() allocated for a thread that has ended. */
  _emscripten_thread_free_data(thread: number): void;
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
  about: "mimalloc 3.4 as emscripten 6.0.10 builds it, out of wasm-vips 0.0.19",
  ownPages(module) {
    const memory = new WebAssembly.Memory(MEMORY);
    instantiate(module, memory);
    return pagesWritten(memory);
  },
  open(module, cpus) {
    const memory = new WebAssembly.Memory(MEMORY);
    const instance = instantiate(module, memory);
    const { exports } = instance;
    exports._emscripten_tls_init();
    // Without these malloc() traps.
    exports.__wasm_call_ctors();
    const addresses = Array.from({ length: cpus }, () => createThread(instance));
    return { name: "mimalloc", module, memory, addresses };
  },
  attach({ module, memory, addresses }: PeerHandle, cpu: number): PeerThread {
    const instance = instantiate(module, memory);
    const { exports } = instance;
    let thread = addresses[cpu] ?? 0;
    becomeThread(exports, memory, thread);
    const { malloc, free } = exports;
    const renew = () => {
      const heir = createThread(instance);
      exports._emscripten_thread_exit(0);
      becomeThread(exports, memory, heir);
      exports._emscripten_thread_free_data(thread);
      thread = heir;
    };
    return { malloc, free, renew };
  },
};

interface Instance {
  readonly exports: Exports;
  /** The last thread that was created, or 0. */
  created: number;
}

function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Instance {
  let instance: Instance | null = null;
  const exports = instantiateProgram(module, memory, {
    _emscripten_init_main_thread_js: (thread = 0) => {
      instance?.exports._emscripten_thread_init(thread, 1, 1, 1, MAIN_STACK_BYTES, 0);
      return 0;
    },
    __pthread_create_js: (thread = 0) => {
      if (instance !== null) instance.created = thread;
      return 0;
    },
    emscripten_resize_heap: (bytes = 0) => (grow(memory, bytes >>> 0) ? 1 : 0),
    emscripten_get_heap_max: () => HEAP_MAX,
  });
  instance = { exports: exports as unknown as Exports, created: 0 };
  return instance;
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
function createThread(instance: Instance): number {
  const { exports } = instance;
  const out = exports.malloc(4);
  instance.created = 0;
  const status = exports.pthread_create(out, 0, 1, 0);
  exports.free(out);
  if (status === 0 && instance.created !== 0) return instance.created >>> 0;
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
