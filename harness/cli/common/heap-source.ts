/**
 * Where the tools that look at a heap get one: from a load that they run, or from a snapshot.
 */
import { readFile } from "node:fs/promises";
import {
  type Snapshot,
  SnapshotError,
  decodeSnapshot,
  encodeSnapshot,
  takeSnapshot,
  viewOf,
} from "../../heap/snapshot.js";
import { findHeap } from "../../heap/find.js";
import { readFieldTable } from "../../heap/fields.js";
import { createHeap, type Heap } from "../../heap/heap.js";
import { HeapView } from "../../heap/view.js";
import { createMixed, MIXED_CPUS, type MixedLoad } from "../../workload/mixed.js";
import { EnvironmentError, UsageError } from "./exit.js";
import { DEFAULT_LOAD, DEFAULT_OPS, type SourceOptions } from "./heap-source-options.js";
import { writeOutput } from "./output-file.js";

const MAXIMUM_BYTES = 64 * 2 ** 20;

/** A heap to look at. */
export interface LookedAt {
  readonly view: HeapView;
  /** The memory it is in. */
  readonly memory: ArrayBufferLike;
  /** What runs on it; null: it is a snapshot. */
  readonly load: MixedLoad | null;
}

/** Read the snapshot, or run the load for `--ops` operations. */
export async function openSource(options: SourceOptions): Promise<LookedAt> {
  const { snapshot, load: name = DEFAULT_LOAD, ops = DEFAULT_OPS, seed } = options;
  if (snapshot !== undefined) {
    const read = await readSnapshot(snapshot);
    const { memory } = read;
    return { view: viewOf(read), memory, load: null };
  }
  const heap = await makeHeap(seed);
  const load = createMixed(heap, seed);
  if (name === "mixed") load.run(ops);
  const memory = heap.handle.memory.buffer;
  return { view: viewHeap(heap), memory, load };
}

/** A heap that counts everything. @throws EnvironmentError where it cannot be had */
async function makeHeap(seed: number): Promise<Heap> {
  try {
    return await createHeap({
      cpus: MIXED_CPUS,
      maximumBytes: MAXIMUM_BYTES,
      build: "stats",
      seed,
    });
  } catch (error) {
    throw new EnvironmentError(`cannot make a heap here: ${messageOf(error)}`);
  }
}

function viewHeap({ handle: { memory, module } }: Heap): HeapView {
  const table = readFieldTable(module);
  const found = findHeap(memory.buffer, table);
  if (found.state !== "ready") throw new Error(`expected a heap that is ready, got ${found.state}`);
  return new HeapView(memory, table, found.base);
}

async function readSnapshot(path: string): Promise<Snapshot> {
  let file: Uint8Array<ArrayBuffer>;
  try {
    file = new Uint8Array(await readFile(path));
  } catch (error) {
    throw new UsageError(
      `--snapshot: expected a file that can be read, got ${messageOf(error)}; ` +
        `make one with slablab slabinfo --save-snapshot ${path}`,
    );
  }
  try {
    return await decodeSnapshot(file);
  } catch (error) {
    if (!(error instanceof SnapshotError)) throw error;
    throw new UsageError(
      `--snapshot ${path}: ${error.message}; make one with --save-snapshot, or name another file`,
    );
  }
}

/** Write a snapshot of a heap at rest. @returns why it could not be written, or null */
export async function saveSnapshot(
  option: string,
  path: string,
  { memory, view }: Pick<LookedAt, "memory" | "view">,
): Promise<string | null> {
  return writeOutput(option, path, await encodeSnapshot(takeSnapshot(memory, view)));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
