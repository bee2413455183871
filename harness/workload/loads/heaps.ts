/**
 * What a load's blocks and objects come from, as one CPU sees it: a heap of ours, that of another
 * package, or none.
 */
import type { Cpu } from "../../heap/cpu.js";
import { type Heap, type HeapHandle, attachHeap } from "../../heap/heap.js";
import {
  type PeerHeap,
  type StampedHeap,
  instantiateLoads,
  lendNull,
  stampHeap,
} from "../../heap/peer.js";
import { type LoadCalls, loadCalls } from "./exports.js";
import type { LoadFlavour } from "./definition.js";
import { throughScript } from "./through-script.js";
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
  /** Objects whose stamps were broken; 0 of a heap without stamps. */
  broken(): number;
}

export interface HeapSource {
  readonly flavour: LoadFlavour;
  /** A heap of ours, or null. */
  readonly handle: HeapHandle | null;
  /** Somebody else's, for the flavour imports, or null. */
  readonly peer?: PeerHandle | null;
  /** Memory of the flavour null. */
  readonly memory: WebAssembly.Memory | null;
  /**
   * What lies between a load and a heap that is imported. `stamps`: each object gets stamps that
   * are checked; `script`: each call goes through JavaScript. @default nothing
   */
  readonly through?: CallsThrough;
}

export type CallsThrough = "nothing" | "script" | "stamps";

/** A load's exports, bound to a heap. */
interface Bound {
  readonly exports: Record<string, unknown>;
  readonly stamped: StampedHeap | null;
}

function bindLoads(
  loads: WebAssembly.Module,
  memory: WebAssembly.Memory,
  heap: PeerHeap,
  through: CallsThrough = "nothing",
): Bound {
  const stamped = through === "stamps" ? stampHeap(loads, memory, heap) : null;
  const bound = stamped ?? (through === "script" ? throughScript(heap) : heap);
  return { exports: instantiateLoads(loads, memory, bound), stamped };
}

/** Above kmalloc caches: blocks share no slab with what is measured. */
const BLOCK_BYTES_MIN = 8193;
const LINE_BYTES = 64;
const WORD_BYTES = 4;
/** In the memory of the flavour null: the next free byte, and where blocks begin. */
const NULL_CURSOR_WORD = 4;
const NULL_BLOCKS_START = 0x20_0000;

export async function openHeap(
  source: HeapSource,
  cpu: number,
  loads: WebAssembly.Module,
): Promise<LoadHeap> {
  const { handle, peer = null, memory } = source;
  if (handle !== null) return new OurHeap(await attachHeap(handle), cpu, source, loads);
  if (peer !== null) return new OtherHeap(peer, cpu, source, loads);
  if (memory === null) throw new TypeError("expected a heap or a memory, got neither");
  return new NullHeap(memory, cpu, source, loads);
}

class OurHeap implements LoadHeap {
  readonly #heap: Heap;
  readonly #number: number;
  readonly #source: HeapSource;
  readonly #loads: WebAssembly.Module;
  #cpu: Cpu;
  #bound: Bound;
  /** Of the CPUs before. */
  #broken = 0;

  constructor(heap: Heap, number: number, source: HeapSource, loads: WebAssembly.Module) {
    this.#heap = heap;
    this.#number = number;
    this.#source = source;
    this.#loads = loads;
    this.#cpu = heap.cpu(number);
    this.#bound = this.#bind();
  }

  callsOf(prefix: string): LoadCalls {
    return loadCalls(this.#bound.exports, prefix);
  }

  broken(): number {
    return this.#broken + (this.#bound.stamped?.broken() ?? 0);
  }

  allocateBlock(bytes: number): number {
    const block = this.#cpu.kzalloc(Math.max(bytes, BLOCK_BYTES_MIN));
    return block === 0 ? noRoom(bytes) : block;
  }

  freeBlock(block: number): void {
    this.#cpu.kfree(block);
  }

  renew(): void {
    this.#broken = this.broken();
    this.#cpu.offline();
    this.#cpu = this.#heap.cpu(this.#number);
    this.#bound = this.#bind();
  }

  end(): void {
    this.#cpu.offline();
  }

  #bind(): Bound {
    const { exports } = this.#cpu;
    const { flavour, through } = this.#source;
    if (flavour === "fused") {
      return { exports: exports as unknown as Record<string, unknown>, stamped: null };
    }
    const { memory } = this.#heap.handle;
    const { malloc, free } = exports;
    return bindLoads(this.#loads, memory, { malloc, free } as unknown as PeerHeap, through);
  }
}

class OtherHeap implements LoadHeap {
  readonly #thread: PeerThread;
  readonly #memory: WebAssembly.Memory;
  readonly #bound: Bound;

  constructor(peer: PeerHandle, cpu: number, { through }: HeapSource, loads: WebAssembly.Module) {
    this.#memory = peer.memory;
    this.#thread = peerNamed(peer.name).attach(peer, cpu);
    this.#bound = bindLoads(loads, this.#memory, this.#thread, through);
  }

  callsOf(prefix: string): LoadCalls {
    return loadCalls(this.#bound.exports, prefix);
  }

  broken(): number {
    return this.#bound.stamped?.broken() ?? 0;
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
  readonly #bound: Bound;
  readonly #memory: WebAssembly.Memory;

  constructor(
    memory: WebAssembly.Memory,
    cpu: number,
    { through }: HeapSource,
    loads: WebAssembly.Module,
  ) {
    this.#memory = memory;
    this.#bound = bindLoads(loads, memory, lendNull(loads, memory, cpu), through);
  }

  callsOf(prefix: string): LoadCalls {
    return loadCalls(this.#bound.exports, prefix);
  }

  broken(): number {
    return this.#bound.stamped?.broken() ?? 0;
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
