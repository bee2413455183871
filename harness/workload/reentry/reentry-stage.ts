/**
 * A heap to fuzz, as one thread sees it: the heap, its memory as data, and the shadow beside it.
 */
import { type FieldTable, readFieldTable } from "../../heap/fields.js";
import { findHeap } from "../../heap/find.js";
import { type Heap, type HeapHandle, attachHeap, createHeap } from "../../heap/heap.js";
import { HeapView } from "../../heap/view.js";
import { makeShadow } from "../verify/objects.js";
import { type FuzzSetup, MAXIMUM_BYTES, heapOptionsOf } from "./reentry-setup.js";

export interface Stage {
  readonly heap: Heap;
  readonly view: HeapView;
  readonly shadow: Int32Array<SharedArrayBuffer>;
}

/** What another thread needs to stand on the same stage: it can be posted to a Worker. */
export interface StageHandle {
  readonly heap: HeapHandle;
  readonly shadow: SharedArrayBuffer;
}

/** A new heap with an empty shadow. */
export async function makeStage(setup: FuzzSetup, seed: number): Promise<Stage> {
  const heap = await createHeap(heapOptionsOf(setup, seed));
  return { heap, view: viewOf(heap), shadow: makeShadow(MAXIMUM_BYTES) };
}

export async function joinStage({ heap: handle, shadow }: StageHandle): Promise<Stage> {
  const heap = await attachHeap(handle);
  return { heap, view: viewOf(heap), shadow: new Int32Array(shadow) };
}

export function handleOf({ heap, shadow }: Stage): StageHandle {
  return { heap: heap.handle, shadow: shadow.buffer };
}

function viewOf(heap: Heap): HeapView {
  const { memory, module } = heap.handle;
  const table: FieldTable = readFieldTable(module);
  const found = findHeap(memory.buffer, table);
  if (found.state !== "ready") throw new Error("expected the heap that was just made, got none");
  return new HeapView(memory, table, found.base);
}
