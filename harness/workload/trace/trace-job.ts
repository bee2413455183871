/** What each Worker of a trace does: the load, with the recorder as its handler of trace points. */
import type { JobContext } from "../../cpu/job.js";
import type { Cpu } from "../../heap/cpu.js";
import { readFieldTable } from "../../heap/fields.js";
import { findHeap } from "../../heap/find.js";
import { SLAB_HWCACHE_ALIGN } from "../../heap/flags.js";
import { type Heap, type HeapHandle, attachHeap } from "../../heap/heap.js";
import { HeapView } from "../../heap/view.js";
import { Xorshift } from "../verify/xorshift.js";
import { type TraceLoad, TraceActor } from "./trace-loads.js";
import { Recorder } from "./trace-recorder.js";
import { TraceRing } from "./ring.js";

export interface TraceArgs {
  readonly heap: HeapHandle;
  readonly load: TraceLoad;
  readonly seed: number;
  readonly durationMs: number;
  /** Of the clock all CPUs share. */
  readonly originMs: number;
  /** Records a ring keeps. */
  readonly events: number;
  /** This CPU's. */
  readonly ring: SharedArrayBuffer;
  /** What CPUs exchange addresses through. */
  readonly exchange: SharedArrayBuffer;
}

/** Milliseconds between two samples of the counters. */
const SAMPLE_MS = 1;

/** @returns how many trace points came while the handler ran: none are expected. */
export async function traceJob(context: JobContext, args: TraceArgs): Promise<number> {
  const { index } = context;
  const heap = await attachHeap(args.heap);
  const recorder = new Recorder(new TraceRing(args.events, args.ring), args.originMs);
  const cpu = heap.cpu(index, { onTrace: recorder.onTrace });
  if (index === 0) {
    cpu.kmemCacheCreate({ name: "task", size: 200, flags: SLAB_HWCACHE_ALIGN });
    cpu.kmemCacheCreate({ name: "dentry", size: 192 });
  }
  context.startLine();
  const actor = new TraceActor({
    ...{ cpu, recorder },
    caches: [cpu.kmemCacheOpen("task"), cpu.kmemCacheOpen("dentry")],
    random: new Xorshift(args.seed, index),
    exchange: new Int32Array(args.exchange),
  });
  const view = viewOf(heap);
  const sample = () => recorder.sample(index === 0 ? freePages(view) : -1, actor.objects);
  context.startLine();
  run(context, args, actor, sample);
  settle(context, cpu);
  sample();
  return cpu.droppedEvents;
}

function run(
  context: JobContext,
  { load, durationMs }: TraceArgs,
  actor: TraceActor,
  sample: () => void,
): void {
  const endMs = context.now() + durationMs;
  let sampledMs = Number.NEGATIVE_INFINITY;
  for (let now = context.now(); now < endMs && !context.isStopped(); now = context.now()) {
    if (now - sampledMs >= SAMPLE_MS) {
      sample();
      sampledMs = now;
    }
    actor.run(load);
  }
}

/** Drain everything, so that the heap is at rest when the job ends. */
function settle(context: JobContext, cpu: Cpu): void {
  context.startLine();
  cpu.poll();
  context.startLine();
  if (context.index === 0) cpu.exports.defer_free_barrier();
  context.startLine();
}

function freePages(view: HeapView): number {
  view.refresh();
  const nodes = view.header().nr_nodes;
  let pages = 0;
  for (let node = 0; node < nodes; node++) pages += view.zone(node).nr_free;
  return pages;
}

function viewOf({ handle: { memory, module } }: Heap): HeapView {
  const table = readFieldTable(module);
  const found = findHeap(memory.buffer, table);
  if (found.state !== "ready") throw new Error("expected the heap of the trace, got none");
  return new HeapView(memory, table, found.base);
}
