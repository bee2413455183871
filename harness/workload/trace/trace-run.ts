/** A trace as the command runs it: one load on Workers, a heap of the build with trace points. */
import { JobError } from "../../cpu/job-error.js";
import { createPool } from "../../cpu/pool.js";
import type { DeferArm } from "../../heap/arms.js";
import { readFieldTable } from "../../heap/fields.js";
import { findHeap } from "../../heap/find.js";
import { type Heap, createHeap } from "../../heap/heap.js";
import type { PercpuLayer } from "../../heap/options.js";
import type { Finding } from "../../heap/validate/invariants.js";
import { HeapView } from "../../heap/view.js";
import type { TraceArgs } from "./trace-job.js";
import { EXCHANGE_SLOTS, type TraceLoad } from "./trace-loads.js";
import { sharedNowMs } from "./trace-recorder.js";
import { type CpuTrace, TraceRing } from "./ring.js";

/** Beyond its load, the run may take so long before its Workers are taken to hang. */
const GRACE_MS = 30_000;
const MAXIMUM_BYTES_MIN = 16 * 2 ** 20;
const BYTES_PER_CPU = 4 * 2 ** 20;

export interface TraceOptions {
  readonly load: TraceLoad;
  readonly arm: DeferArm;
  readonly percpu: PercpuLayer;
  readonly cpus: number;
  readonly seed: number;
  readonly durationMs: number;
  /** Records each CPU keeps. */
  readonly events: number;
  readonly signal?: AbortSignal;
}

export interface TraceOutcome {
  readonly cpus: readonly CpuTrace[];
  /** Names of caches by address. */
  readonly caches: ReadonlyMap<number, string>;
  readonly elapsedMs: number;
  /** Whether the CPUs came to rest, everything drained: false where one failed. */
  readonly drained: boolean;
  /** What validate() says of the heap at rest. */
  readonly findings: readonly Finding[];
  /** What ended the run, or null. */
  readonly failure: string | null;
  readonly interrupted: boolean;
  readonly heap: Heap;
  readonly view: HeapView;
}

const JOB = { module: new URL("./trace-job.js", import.meta.url).href, name: "traceJob" };

/** Run the load. What a CPU that fails has recorded is returned, too. */
export async function runTrace(options: TraceOptions): Promise<TraceOutcome> {
  const { load, arm, percpu, cpus, seed, durationMs, events, signal } = options;
  const maximumBytes = Math.max(MAXIMUM_BYTES_MIN, cpus * BYTES_PER_CPU);
  const heap = await createHeap({
    build: "trace",
    percpu,
    defer: arm,
    cpus,
    seed,
    maximumBytes,
  });
  const rings = Array.from({ length: cpus }, () => new TraceRing(events));
  const pool = await createPool([], { cpus });
  const originMs = sharedNowMs();
  const exchange = new SharedArrayBuffer(4 * EXCHANGE_SLOTS);
  const shared = { heap: heap.handle, load, seed, durationMs, originMs, events, exchange };
  const argsOf = (index: number): TraceArgs => {
    const ring = rings[index] as TraceRing;
    return { ...shared, ring: ring.buffer };
  };
  const stop = () => pool.stop();
  signal?.addEventListener("abort", stop, { once: true });
  let failure: string | null = null;
  try {
    const running = pool.run(JOB, { argsOf, heap: null, timeoutMs: durationMs + GRACE_MS });
    if (signal?.aborted === true) stop();
    await running;
  } catch (error) {
    if (!(error instanceof JobError)) throw error;
    failure = error.message;
  } finally {
    signal?.removeEventListener("abort", stop);
    await pool.close();
  }
  const elapsedMs = sharedNowMs() - originMs;
  const view = viewOf(heap);
  return {
    ...{ heap, view, elapsedMs, failure },
    cpus: rings.map((ring, cpu) => ring.read(cpu)),
    caches: new Map([...view.caches()].map(({ address, name }) => [address, name])),
    drained: failure === null,
    findings: failure === null ? heap.validate() : [],
    interrupted: signal?.aborted === true,
  };
}

function viewOf({ handle: { memory, module } }: Heap): HeapView {
  const table = readFieldTable(module);
  const found = findHeap(memory.buffer, table);
  if (found.state !== "ready") throw new Error(`expected a heap that is ready, got ${found.state}`);
  return new HeapView(memory, table, found.base);
}
