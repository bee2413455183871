/**
 * Runs one load in all its flavours, on one CPU and on all, interleaved: every round has a window
 * of each variant in a new order, so that what slows the machine for a while slows all of them.
 */
import { createPool } from "../../cpu/pool.js";
import { type Heap, createHeap } from "../../heap/heap.js";
import { compileBuild } from "../../heap/load.js";
import { WASM_PAGE_BYTES } from "../../heap/options.js";
import { Rested, type RestedHeap } from "../../heap/rested.js";
import { LoadBoard, type SpannedRecord } from "../../workload/loads/load-board.js";
import type { LoadDefinition, LoadFlavour } from "../../workload/loads/definition.js";
import type { LoadJobArgs, LoadVariant, VariantEnd } from "../../workload/loads/load-job.js";
import type { Recorder } from "../../workload/loads/time-recorder.js";

export interface LoadRunOptions {
  readonly load: LoadDefinition;
  readonly flavours: readonly LoadFlavour[];
  /** CPU counts to run on, each at least the load's `cpusMin`. */
  readonly cpuCounts: readonly number[];
  readonly scale: number;
  readonly seed: number;
  /** Milliseconds of windows, all variants together; warming up comes before. */
  readonly durationMs: number;
  readonly signal?: AbortSignal;
  /** Keep a copy of a heap as the load left it: fused if that is run, on the most CPUs. */
  readonly keepHeap?: boolean;
  /** Told now and then: the share that is done, 0..1. */
  readonly onProgress?: (share: number) => void;
}

/** A flavour on so many CPUs. */
export interface VariantRun {
  readonly flavour: LoadFlavour;
  readonly cpus: number;
  /**
   * By number of the window, then by CPU; null: not all CPUs ended it. Windows of one number ran
   * side by side in all variants.
   */
  readonly windows: readonly (readonly SpannedRecord[] | null)[];
  /** By CPU: what an operation took. */
  readonly recorders: readonly Recorder[];
  /** By CPU, at the end. */
  readonly ends: readonly VariantEnd[];
  /** What is wrong with the heap after everything was freed; empty: nothing. */
  readonly findings: readonly string[];
}

export interface LoadRun {
  readonly load: LoadDefinition;
  readonly windowMs: number;
  readonly variants: readonly VariantRun[];
  readonly isInterrupted: boolean;
  /** With `keepHeap`; null without, or in a run without a heap of ours. */
  readonly heap: RestedHeap | null;
}

const WINDOW_MS = 25;
/** Fewer windows would leave no median to speak of. */
const WINDOWS_MIN = 5;
/** Long against the clock's grain and a chunk's own overhead, short against a time slice. */
const CHUNK_MS = 0.02;
const MIB = 2 ** 20;
/** Tables, lists, blocks, and slabs that are half empty. */
const SLACK_BYTES = 24 * MIB;
const PROGRESS_MS = 100;
const JOB = {
  module: new URL("../../workload/loads/load-job.js", import.meta.url).href,
  name: "loadJob",
};

/** @throws JobError if a Worker failed, Error when out of memory before it began */
export async function runLoad(options: LoadRunOptions): Promise<LoadRun> {
  const { load, scale, seed, durationMs, signal } = options;
  const module = await compileBuild("loads");
  const variants: LoadVariant[] = [];
  const heaps: (Heap | null)[] = [];
  for (const cpus of options.cpuCounts) {
    for (const flavour of options.flavours) {
      const heap = await makeHeap(load, flavour, cpus, scale);
      heaps.push(heap);
      const memory = heap === null ? makeMemory(heapBytesOf(load, cpus, scale)) : null;
      variants.push({ flavour, cpus, handle: heap?.handle ?? null, memory });
    }
  }
  const cpus = Math.max(...options.cpuCounts);
  const windows = Math.max(WINDOWS_MIN, Math.floor(durationMs / (WINDOW_MS * variants.length)));
  const shape = { variants: variants.length, windows, cpus };
  const board = new LoadBoard(shape);
  const kept = keptVariant(variants);
  const handle = variants[kept]?.handle ?? null;
  const isKept = options.keepHeap === true && handle !== null;
  const rested = isKept ? new Rested(handle.memory.buffer.byteLength) : null;
  const args: LoadJobArgs = {
    ...{ rested: rested?.buffer ?? null, restedVariant: kept },
    ...{ load: load.name, scale, seed, variants, module, shape },
    ...{ board: board.buffer, windowMs: WINDOW_MS, chunkMs: CHUNK_MS },
  };
  const pool = await createPool([], { cpus });
  const stop = () => pool.stop();
  signal?.addEventListener("abort", stop, { once: true });
  const total = windows * variants.length;
  const timer = setInterval(() => {
    options.onProgress?.(Math.min(1, board.windowsDone / total));
  }, PROGRESS_MS);
  try {
    const running = pool.run(JOB, { args, heap: null });
    if (signal?.aborted === true) stop();
    const ends = (await running) as VariantEnd[][];
    return {
      load,
      windowMs: WINDOW_MS,
      variants: variants.map((variant, index) => ({
        ...{ flavour: variant.flavour, cpus: variant.cpus },
        windows: readWindows(board, shape.windows, index, variant.cpus),
        recorders: Array.from({ length: variant.cpus }, (_, cpu) => board.recorder(index, cpu)),
        ends: ends.flatMap((each) => each.filter((end) => end.variant === index)),
        findings: inspect(heaps[index] ?? null),
      })),
      isInterrupted: board.isStopped,
      heap: (handle !== null && rested?.heap(handle.module)) || null,
    };
  } finally {
    clearInterval(timer);
    signal?.removeEventListener("abort", stop);
    await pool.close();
  }
}

/** @returns the index of the variant whose heap is worth a look, -1 if all are without */
function keptVariant(variants: readonly LoadVariant[]): number {
  const most = Math.max(...variants.map(({ cpus }) => cpus));
  return variants.findIndex(({ cpus, handle }) => cpus === most && handle !== null);
}

/** Bytes of the memory that a heap of ours has for a load. */
export function heapBytesOf(load: LoadDefinition, cpus: number, scale: number): number {
  // A size class wastes up to a third, and what other CPUs hold waits on their lists.
  const bytes = 2 * load.liveBytes(scale, cpus) + SLACK_BYTES + cpus * MIB;
  return Math.ceil(bytes / WASM_PAGE_BYTES) * WASM_PAGE_BYTES;
}

async function makeHeap(
  load: LoadDefinition,
  flavour: LoadFlavour,
  cpus: number,
  scale: number,
): Promise<Heap | null> {
  if (flavour === "null") return null;
  const maximumBytes = heapBytesOf(load, cpus, scale);
  const module = await compileBuild(flavour === "fused" ? "bench" : "release");
  return createHeap({ module, cpus, maximumBytes, initialBytes: maximumBytes });
}

/** What a heap would have: the blocks of a large load need it without one, too. */
function makeMemory(bytes: number): WebAssembly.Memory {
  const pages = bytes / WASM_PAGE_BYTES;
  return new WebAssembly.Memory({ initial: pages, maximum: 65_536, shared: true });
}

/** Windows; null for those that not every CPU ended. */
function readWindows(
  board: LoadBoard,
  windows: number,
  variant: number,
  cpus: number,
): (SpannedRecord[] | null)[] {
  return Array.from({ length: windows }, (_, window) => {
    const records = Array.from({ length: cpus }, (_, cpu) => board.read(variant, window, cpu));
    return records.every(({ elapsedNs }) => elapsedNs > 0) ? records : null;
  });
}

/** The heap after everything was freed and every CPU went offline. */
export function inspect(heap: Heap | null): string[] {
  if (heap === null) return [];
  const laws = heap.validate().map(({ invariant, where, message }) => {
    return `${invariant} at ${where}: ${message}`;
  });
  const left = heap
    .slabinfo()
    .filter(({ active_objs }) => active_objs > 0)
    .map(({ name, active_objs }) => `${active_objs} objects left in ${name}`);
  return [...laws, ...left];
}
