/** Runs one load in all its flavours, on one CPU and on all, side by side (variants-run.ts). */
import { type Heap, createHeap } from "../../heap/heap.js";
import { viewOf } from "../../workload/stress/stress-ending.js";
import { giveBack } from "../../workload/verify/give-back.js";
import { compileBuild } from "../../heap/load.js";
import { WASM_PAGE_BYTES } from "../../heap/options.js";
import { Rested, type RestedHeap } from "../../heap/rested.js";
import type { LoadDefinition, LoadFlavour } from "../../workload/loads/definition.js";
import type { LoadVariant } from "../../workload/loads/load-site.js";
import { type VariantTimes, runVariants } from "./variants-run.js";

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
export interface VariantRun extends VariantTimes {
  readonly flavour: LoadFlavour;
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

const MIB = 2 ** 20;
/** Tables, lists, blocks, and slabs that are half empty. */
const SLACK_BYTES = 24 * MIB;

/** @throws JobError if a Worker failed, Error when out of memory before it began */
export async function runLoad(options: LoadRunOptions): Promise<LoadRun> {
  const { load, scale } = options;
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
  const kept = keptVariant(variants);
  const handle = variants[kept]?.handle ?? null;
  const isKept = options.keepHeap === true && handle !== null;
  const rested = isKept ? new Rested(handle.memory.buffer.byteLength) : null;
  const run = await runVariants({ ...options, variants, rested, restedVariant: kept });
  return {
    load,
    windowMs: run.windowMs,
    variants: run.variants.map((times, index) => ({
      ...times,
      flavour: variants[index]?.flavour ?? "null",
      findings: inspect(heaps[index] ?? null),
    })),
    isInterrupted: run.isInterrupted,
    heap: (handle !== null && rested?.heap(handle.module)) || null,
  };
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
  return createHeap({ module, percpu: "slab", cpus, maximumBytes, initialBytes: maximumBytes });
}

/** What a heap would have: the blocks of a large load need it without one, too. */
export function makeMemory(bytes: number): WebAssembly.Memory {
  const pages = bytes / WASM_PAGE_BYTES;
  return new WebAssembly.Memory({ initial: pages, maximum: 65_536, shared: true });
}

/** The heap after everything was freed and every CPU went offline. */
export function inspect(heap: Heap | null): string[] {
  if (heap === null) return [];
  // What barns keep is of no CPU.
  const cpu = heap.cpu();
  giveBack(cpu.exports, viewOf({ heap }));
  cpu.offline();
  const laws = heap.validate().map(({ invariant, where, message }) => {
    return `${invariant} at ${where}: ${message}`;
  });
  const left = heap
    .slabinfo()
    .filter(({ active_objs }) => active_objs > 0)
    .map(({ name, active_objs }) => `${active_objs} objects left in ${name}`);
  return [...laws, ...left];
}
