/**
 * A copy of a heap that a test may damage: each plant starts from its own.
 */
import type { Heap } from "slablab";
import {
  type FieldName,
  type FieldTable,
  readFieldTable,
  type StructName,
} from "slablab/internal/heap/fields.js";
import { findHeap } from "slablab/internal/heap/find.js";
import { validate } from "slablab/internal/heap/validate.js";
import type { Finding } from "slablab/internal/heap/validate/invariants.js";
import { type CacheView, HeapView, type PageView } from "slablab/internal/heap/view.js";

export class Snapshot {
  readonly view: HeapView;
  readonly words: Uint32Array;

  constructor(buffer: ArrayBuffer, table: FieldTable, base: number) {
    this.words = new Uint32Array(buffer);
    this.view = new HeapView(buffer, table, base);
  }

  /** Overwrite the word at `address`. */
  set(address: number, value: number): void {
    this.words[address / 4] = value;
  }

  /** Overwrite a field of the struct at `address`; `change` gets its value. */
  patch<S extends StructName>(
    struct: S,
    address: number,
    field: FieldName<S>,
    change: number | ((old: number) => number),
  ): void {
    const offsets: Readonly<Record<string, number>> = this.view.table.offsets[struct];
    const at = address + (offsets[field] ?? 0);
    const sizes = this.view.table.places[struct];
    const isHalf = sizes.some(([name, , sizeBytes]) => name === field && sizeBytes === 2);
    const old = isHalf ? this.view.u16(at) : this.view.u32(at);
    const value = typeof change === "number" ? change : change(old);
    const shift = (at % 4) * 8;
    const rest = this.view.u32(at) & ~(0xffff << shift);
    this.set(at - (at % 4), isHalf ? rest | (value << shift) : value);
  }

  /** A field of the header. */
  patchHeader(field: FieldName<"heap_header">, change: number | ((old: number) => number)): void {
    this.patch("heap_header", this.view.base, field, change);
  }

  cache(name: string): CacheView {
    const found = [...this.view.caches()].find((cache) => cache.name === name);
    if (found === undefined) throw new Error(`expected a cache ${name}`);
    return found;
  }

  /** The page of a descriptor that is known to be one. */
  pageAt(descriptor: number): PageView {
    return this.view.page(this.view.pfnOf(descriptor));
  }

  /** The first slab of `name` that `isWanted`. */
  slab(name: string, isWanted: (slab: PageView) => boolean): PageView {
    for (const slab of this.view.slabs(this.cache(name).address)) if (isWanted(slab)) return slab;
    throw new Error(`expected such a slab of ${name}`);
  }

  validate(): Finding[] {
    return validate(this.view);
  }
}

/** A function that makes fresh copies of `heap` as it is now. */
export function snapshots(heap: Heap): () => Snapshot {
  const { memory, module } = heap.handle;
  const table = readFieldTable(module);
  const found = findHeap(memory.buffer, table);
  if (found.state !== "ready") throw new Error("expected a heap that is ready");
  const bytes = new Uint8Array(memory.buffer).slice();
  return () => new Snapshot(bytes.slice().buffer, table, found.base);
}
