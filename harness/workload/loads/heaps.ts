/**
 * What a load's blocks and objects come from, as one CPU sees it: a heap of ours, that of another
 * package, or none.
 */
import type { Cpu } from "../../heap/cpu.js";
import { type Heap, type HeapHandle, attachHeap } from "../../heap/heap.js";
import { type PeerHeap, instantiateLoads } from "../../heap/peer.js";
import { type LoadCalls, loadCalls } from "./exports.js";
import type { LoadFlavour } from "./definition.js";
import { peerNamed } from "../peers/peers-catalogue.js";
import type { PeerHandle, PeerThread } from "../peers/other-heap.js";

export interface LoadHeap {
  /** The exports of the load that begin with `prefix` on this CPU; others after `renew()`. */
  callsOf(prefix: string): LoadCalls;
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
  /** A heap of ours, or null. */
  readonly handle: HeapHandle | null;
  /** Somebody else's, for the flavour imports, or null. */
  readonly peer?: PeerHandle | null;
  /** Memory of the flavour null. */
  readonly memory: WebAssembly.Memory | null;
}

/** Above kmalloc caches: blocks share no slab with what is measured. */
const BLOCK_BYTES_MIN = 8193;
const LINE_BYTES = 64;
const WORD_BYTES = 4;
/** In the memory of the flavour null: the next free byte, and where blocks begin. */
const NULL_CURSOR_WORD = 4;
const NULL_BLOCKS_START = 0x20_0000;

export async function openHeap(
  { flavour, handle, peer = null, memory }: HeapSource,
  cpu: number,
  loads: WebAssembly.Module,
): Promise<LoadHeap> {
  if (handle !== null) return new OurHeap(await attachHeap(handle), cpu, flavour, loads);
  if (peer !== null) return new OtherHeap(peer, cpu, loads);
  if (memory === null) throw new TypeError("expected a heap or a memory, got neither");
  return new NullHeap(memory, cpu, loads);
}

class OurHeap implements LoadHeap {
  readonly #heap: Heap;
  readonly #number: number;
  readonly #flavour: LoadFlavour;
  readonly #loads: WebAssembly.Module;
  #cpu: Cpu;
  #exports: Record<string, unknown>;

  constructor(heap: Heap, number: number, flavour: LoadFlavour, loads: WebAssembly.Module) {
    this.#heap = heap;
    this.#number = number;
    this.#flavour = flavour;
    this.#loads = loads;
    this.#cpu = heap.cpu(number);
    this.#exports = this.#bind();
  }

  callsOf(prefix: string): LoadCalls {
    return loadCalls(this.#exports, prefix);
  }

  allocateBlock(bytes: number): number {
    const block = this.#cpu.kzalloc(Math.max(bytes, BLOCK_BYTES_MIN));
    return block === 0 ? noRoom(bytes) : block;
  }

  freeBlock(block: number): void {
    this.#cpu.kfree(block);
  }

  renew(): void {
    this.#cpu.offline();
    this.#cpu = this.#heap.cpu(this.#number);
    this.#exports = this.#bind();
  }

  end(): void {
    this.#cpu.offline();
  }

  #bind(): Record<string, unknown> {
    const { exports } = this.#cpu;
    if (this.#flavour === "fused") return exports as unknown as Record<string, unknown>;
    const { memory } = this.#heap.handle;
    const { malloc, free } = exports;
    const heap = { malloc, free } as unknown as PeerHeap;
    return instantiateLoads(this.#loads, memory, heap);
  }
}

class OtherHeap implements LoadHeap {
  readonly #thread: PeerThread;
  readonly #memory: WebAssembly.Memory;
  readonly #exports: Record<string, unknown>;

  constructor(peer: PeerHandle, cpu: number, loads: WebAssembly.Module) {
    this.#memory = peer.memory;
    this.#thread = peerNamed(peer.name).attach(peer, cpu);
    this.#exports = instantiateLoads(loads, this.#memory, this.#thread);
  }

  callsOf(prefix: string): LoadCalls {
    return loadCalls(this.#exports, prefix);
  }

  allocateBlock(bytes: number): number {
    const wanted = Math.max(bytes, BLOCK_BYTES_MIN);
    const start = this.#thread.malloc(wanted + 2 * LINE_BYTES) >>> 0;
    if (start === 0) return noRoom(bytes);
    // On a line of its own; the word before it says where to free it, on whatever CPU.
    const block = Math.ceil((start + WORD_BYTES) / LINE_BYTES) * LINE_BYTES;
    new Uint8Array(this.#memory.buffer, block, wanted).fill(0);
    this.#startOf(block)[0] = start;
    return block;
  }

  freeBlock(block: number): void {
    this.#thread.free(this.#startOf(block)[0] ?? 0);
  }

  #startOf(block: number): Uint32Array {
    return new Uint32Array(this.#memory.buffer, block - WORD_BYTES, 1);
  }

  renew(): void {
    this.#thread.renew();
  }

  end(): void {}
}

function noRoom(bytes: number): never {
  throw new Error(`expected room for a block of ${bytes} bytes, got none; try a smaller --scale`);
}

class NullHeap implements LoadHeap {
  readonly #exports: Record<string, unknown>;
  readonly #memory: WebAssembly.Memory;

  constructor(memory: WebAssembly.Memory, cpu: number, loads: WebAssembly.Module) {
    this.#memory = memory;
    this.#exports = instantiateLoads(loads, memory, null, cpu);
  }

  callsOf(prefix: string): LoadCalls {
    return loadCalls(this.#exports, prefix);
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
