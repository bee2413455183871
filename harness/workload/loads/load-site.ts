/**
 * A load on one CPU: made, handed to a new CPU, and removed again. Every CPU of a run calls the
 * same functions at the same time, whether it takes part or stands by: they wait for each other in
 * between.
 */
import type { JobContext } from "../../cpu/job.js";
import type { LoadDefinition } from "./definition.js";
import type { LoadCalls } from "./exports.js";
import type { HeapSource, LoadHeap } from "./heaps.js";
import { rptest } from "./rptest.js";

export interface LoadVariant extends HeapSource {
  /** CPUs that run; the others stand by. */
  readonly cpus: number;
  /**
   * How often each slot of rptest, which runs on the heap before the load begins, is visited: about
   * half of the visits free or fill it. @default 0
   */
  readonly agedVisits?: number;
}

/** What all variants of a run have in common. */
export interface SiteOptions {
  readonly scale: number;
  readonly seed: number;
}

/** One variant on this CPU. */
export interface Site {
  readonly variant: LoadVariant;
  readonly heap: LoadHeap;
  readonly load: LoadDefinition;
  calls: LoadCalls;
  readonly block: number;
  shared: number;
  steps: number;
  /** When its window began, in milliseconds of this CPU's clock. */
  begun: number;
}

/** What a CPU can tell of a load that it removed. */
export interface SiteEnd {
  readonly remote: number;
  readonly damaged: number;
  readonly isOutOfMemory: boolean;
}

const STEPS_FIRST = 16;

/** Make what a load needs on this CPU, if it takes part. */
export function furnish(
  context: JobContext,
  options: SiteOptions,
  variant: LoadVariant,
  heap: LoadHeap | null,
  load: LoadDefinition,
  table: Int32Array,
): Site | null {
  const { index } = context;
  let site: Site | null = null;
  if (heap !== null) {
    const calls = heap.callsOf(load.prefix);
    const block = heap.allocateBlock(calls.blockBytes());
    calls.init(block, index, variant.cpus, seedOf(options.seed, index));
    const parameters = load.parameters(options.scale, variant.cpus);
    for (const [number, { value }] of parameters.entries()) calls.parameter(block, number, value);
    calls.arrays(block, heap.allocateBlock(calls.bytes(block)));
    site = { variant, heap, load, calls, block, shared: 0, steps: STEPS_FIRST, begun: 0 };
    if (index === 0) share(site, table);
  }
  context.startLine();
  if (site !== null) {
    site.shared = Atomics.load(table, 0) >>> 0;
    site.calls.shared(site.block, site.shared);
    site.calls.prepare(site.block);
  }
  context.startLine();
  return site;
}

/** CPU 0 makes what all share, and tells the others where it lies. */
function share({ heap, calls, block }: Site, table: Int32Array): void {
  const bytes = calls.sharedBytes(block);
  if (bytes === 0) return;
  const shared = heap.allocateBlock(bytes);
  calls.shared(block, shared);
  calls.share(block);
  Atomics.store(table, 0, shared);
}

/** Be a new CPU, with what the one before has left. */
export function renew(site: Site): void {
  site.heap.renew();
  site.calls = site.heap.callsOf(site.load.prefix);
}

function seedOf(seed: number, cpu: number): number {
  return (seed ^ Math.imul(cpu + 1, 0x85eb_ca6b)) >>> 0;
}

/** Use the heap for something else, and leave it empty. */
export function age(
  context: JobContext,
  options: SiteOptions,
  variant: LoadVariant,
  heap: LoadHeap | null,
  table: Int32Array,
): void {
  const { agedVisits = 0 } = variant;
  const [slots] = rptest.parameters(options.scale, variant.cpus);
  const site = furnish(context, options, variant, heap, rptest, table);
  // Each CPU by itself: whoever stops earlier waits for the others below.
  for (let visit = 0; visit < agedVisits && !context.isStopped(); visit++) {
    site?.calls.phase(site.block, slots?.value ?? 0);
  }
  remove(context, site);
  table.fill(0);
  context.startLine();
}

/** Free what a load has, CPU after CPU: what one leaves in shared arrays the last one frees. */
export function remove(context: JobContext, site: Site | null): SiteEnd | null {
  context.startLine();
  site?.calls.release(site.block);
  context.startLine();
  if (site === null) return null;
  const { heap, calls, block, shared } = site;
  const isOutOfMemory = calls.failed(block) !== 0;
  const [remote, damaged] = [calls.remote(block), calls.damaged(block) + heap.broken()];
  if (context.index === 0 && shared !== 0) heap.freeBlock(shared);
  heap.freeBlock(calls.arrays(block, 0) >>> 0);
  heap.freeBlock(block);
  return { remote, damaged, isOutOfMemory };
}
