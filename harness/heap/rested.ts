/**
 * A heap as it was at its last quiescent point: a copy in shared memory, which whoever is at that
 * point takes, and whoever started the run reads when it is over.
 */
import { readFieldTable } from "./fields.js";
import { findHeap } from "./find.js";
import { HeapView } from "./view.js";
import type { WasmMemory, WasmModule } from "./wasm-types.js";

/** A copy that can be read as any heap. */
export interface RestedHeap {
  readonly memory: SharedArrayBuffer;
  readonly view: HeapView;
}

/** Before the copy: its bytes, 0 until there is one. */
const HEAD_BYTES = 8;

export class Rested {
  readonly buffer: SharedArrayBuffer;

  /** @param of bytes that the memory has at most, or the buffer of another */
  constructor(of: number | SharedArrayBuffer) {
    this.buffer = typeof of === "number" ? new SharedArrayBuffer(HEAD_BYTES + of) : of;
  }

  /** Copy the memory. Context: every CPU is outside its calls, and one alone is here. */
  take({ buffer }: WasmMemory): void {
    const copy = new Uint8Array(this.buffer, HEAD_BYTES);
    copy.set(new Uint8Array(buffer));
    new Uint32Array(this.buffer, 0, 1)[0] = buffer.byteLength;
  }

  /** The copy; null: there was no quiescent point. @param module the heap's */
  heap(module: WasmModule): RestedHeap | null {
    const bytes = new Uint32Array(this.buffer, 0, 1)[0] ?? 0;
    if (bytes === 0) return null;
    const memory = this.buffer.slice(HEAD_BYTES, HEAD_BYTES + bytes);
    const table = readFieldTable(module);
    const found = findHeap(memory, table);
    return found.state === "ready"
      ? { memory, view: new HeapView(memory, table, found.base) }
      : null;
  }
}
