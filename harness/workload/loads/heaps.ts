/** What a load's blocks and objects come from, as one CPU sees it: a heap of ours, or none. */
import type { Cpu } from "../../heap/cpu.js";
import { type Heap, type HeapHandle, attachHeap } from "../../heap/heap.js";
import { type PeerHeap, instantiateLoads } from "../../heap/peer.js";
import { type LoadCalls, loadCalls } from "./exports.js";
import type { LoadDefinition, LoadFlavour } from "./definition.js";

export interface LoadHeap {
  /** The load's exports on this CPU; others after `renew()`. */
  readonly calls: LoadCalls;
  /** Zeroed whole pages for the load's own numbers. @throws Error when out of memory */
  allocateBlock(bytes: number): number;
  freeBlock(block: number): void;
  /** Die, and be a new CPU of the same number. */
  renew(): void;
  /** Go offline. */
  end(): void;
}

export interface HeapSource {
  readonly flavour: LoadFlavour;
  /** A heap of ours; null for the flavour null. */
  readonly handle: HeapHandle | null;
  /** Memory of the flavour null. */
  readonly memory: WebAssembly.Memory | null;
}

/** Above kmalloc caches: blocks share no slab with what is measured. */
const BLOCK_BYTES_MIN = 8193;
/** In the memory of the flavour null: the next free byte, and where blocks begin. */
const NULL_CURSOR_WORD = 4;
const NULL_BLOCKS_START = 0x20_0000;

export async function openHeap(
  { flavour, handle, memory }: HeapSource,
  { prefix }: LoadDefinition,
  cpu: number,
  loads: WebAssembly.Module,
): Promise<LoadHeap> {
  if (handle !== null) return new OurHeap(await attachHeap(handle), cpu, flavour, prefix, loads);
  if (memory === null) throw new TypeError("expected a heap or a memory, got neither");
  return new NullHeap(memory, cpu, prefix, loads);
}

class OurHeap implements LoadHeap {
  calls: LoadCalls;
  readonly #heap: Heap;
  readonly #number: number;
  readonly #flavour: LoadFlavour;
  readonly #prefix: string;
  readonly #loads: WebAssembly.Module;
  #cpu: Cpu;

  constructor(
    heap: Heap,
    number: number,
    flavour: LoadFlavour,
    prefix: string,
    loads: WebAssembly.Module,
  ) {
    this.#heap = heap;
    this.#number = number;
    this.#flavour = flavour;
    this.#prefix = prefix;
    this.#loads = loads;
    this.#cpu = heap.cpu(number);
    this.calls = this.#bind();
  }

  allocateBlock(bytes: number): number {
    const block = this.#cpu.kzalloc(Math.max(bytes, BLOCK_BYTES_MIN));
    if (block !== 0) return block;
    throw new Error(`${this.#prefix}: expected room for a block of ${bytes} bytes, got none`);
  }

  freeBlock(block: number): void {
    this.#cpu.kfree(block);
  }

  renew(): void {
    this.#cpu.offline();
    this.#cpu = this.#heap.cpu(this.#number);
    this.calls = this.#bind();
  }

  end(): void {
    this.#cpu.offline();
  }

  #bind(): LoadCalls {
    const { exports } = this.#cpu;
    if (this.#flavour === "fused") {
      return loadCalls(exports as unknown as Record<string, unknown>, this.#prefix);
    }
    const { memory } = this.#heap.handle;
    const { malloc, free } = exports;
    const heap = { malloc, free } as unknown as PeerHeap;
    return loadCalls(instantiateLoads(this.#loads, memory, heap), this.#prefix);
  }
}

class NullHeap implements LoadHeap {
  readonly calls: LoadCalls;
  readonly #memory: WebAssembly.Memory;

  constructor(memory: WebAssembly.Memory, cpu: number, prefix: string, loads: WebAssembly.Module) {
    this.#memory = memory;
    this.calls = loadCalls(instantiateLoads(loads, memory, null, cpu), prefix);
  }

  allocateBlock(bytes: number): number {
    const words = new Int32Array(this.#memory.buffer);
    const rounded = Math.ceil(bytes / 64) * 64;
    const block = NULL_BLOCKS_START + Atomics.add(words, NULL_CURSOR_WORD, rounded);
    if (block + rounded <= words.byteLength) return block;
    throw new Error(`expected room for a block of ${bytes} bytes beside no heap, got none`);
  }

  freeBlock(): void {}
  renew(): void {}
  end(): void {}
}
