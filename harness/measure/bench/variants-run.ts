/**
 * Runs one load on several heaps, on one CPU and on many, interleaved: every round has a window of
 * each variant in a new order, so that what slows the machine for a while slows all of them.
 */
import { JobError } from "../../cpu/job-error.js";
import { createPool } from "../../cpu/pool.js";
import { compileBuild } from "../../heap/load.js";
import type { Rested } from "../../heap/rested.js";
import type { LoadDefinition } from "../../workload/loads/definition.js";
import { LoadBoard, type SpannedRecord } from "../../workload/loads/load-board.js";
import type { LoadJobArgs, VariantEnd } from "../../workload/loads/load-job.js";
import type { LoadVariant } from "../../workload/loads/load-site.js";
import type { Recorder } from "../../workload/loads/time-recorder.js";

export interface VariantsRequest {
  readonly load: LoadDefinition;
  readonly variants: readonly LoadVariant[];
  readonly scale: number;
  readonly seed: number;
  /** Milliseconds of windows, all variants together; warming up comes before. */
  readonly durationMs: number;
  readonly signal?: AbortSignal;
  /** Told now and then: the share that is done, 0..1. */
  readonly onProgress?: (share: number) => void;
  /** Windows of each variant. @default as many as the duration has room for, at least five */
  readonly windows?: number;
  /** Milliseconds. @default 25 */
  readonly windowMs?: number;
  /** Milliseconds after which a run that does not end is given up. @default never */
  readonly limitMs?: number;
  /** Where a copy of the heap of variant `restedVariant` goes as the load left it. */
  readonly rested?: Rested | null;
  readonly restedVariant?: number;
}

/** What one variant did. */
export interface VariantTimes {
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
}

export interface VariantsRun {
  readonly windowMs: number;
  readonly variants: readonly VariantTimes[];
  readonly isInterrupted: boolean;
}

const WINDOW_MS = 25;
/** Fewer windows would leave no median to speak of. */
const WINDOWS_MIN = 5;
/** Long against the clock's grain and a chunk's own overhead, short against a time slice. */
const CHUNK_MS = 0.02;
const PROGRESS_MS = 100;
const JOB = {
  module: new URL("../../workload/loads/load-job.js", import.meta.url).href,
  name: "loadJob",
};

/** @throws JobError if a Worker failed, was out of memory before it began or came to no end */
export async function runVariants(request: VariantsRequest): Promise<VariantsRun> {
  const { load, variants, scale, seed, durationMs, signal, rested, restedVariant } = request;
  const module = await compileBuild("loads");
  const cpus = Math.max(...variants.map((variant) => variant.cpus));
  const { windowMs = WINDOW_MS } = request;
  const fitting = Math.floor(durationMs / (windowMs * variants.length));
  const { windows = Math.max(WINDOWS_MIN, fitting) } = request;
  const shape = { variants: variants.length, windows, cpus };
  const board = new LoadBoard(shape);
  const args: LoadJobArgs = {
    ...{ load: load.name, scale, seed, variants, module, shape },
    ...{ board: board.buffer, windowMs, chunkMs: CHUNK_MS },
    ...{ rested: rested?.buffer ?? null, restedVariant: restedVariant ?? -1 },
  };
  const pool = await createPool([], { cpus });
  const stop = () => pool.stop();
  signal?.addEventListener("abort", stop, { once: true });
  const total = windows * variants.length;
  const timer = setInterval(() => {
    request.onProgress?.(Math.min(1, board.windowsDone / total));
  }, PROGRESS_MS);
  try {
    const running = pool.run(JOB, { args, heap: null });
    if (signal?.aborted === true) stop();
    const ends = (await withinLimit(running, request.limitMs)) as VariantEnd[][];
    return {
      windowMs,
      variants: variants.map((variant, index) => ({
        cpus: variant.cpus,
        windows: readWindows(board, windows, index, variant.cpus),
        recorders: Array.from({ length: variant.cpus }, (_, cpu) => board.recorder(index, cpu)),
        ends: ends.flatMap((each) => each.filter((end) => end.variant === index)),
      })),
      isInterrupted: board.isStopped,
    };
  } finally {
    clearInterval(timer);
    signal?.removeEventListener("abort", stop);
    await pool.close();
  }
}

/** What hangs inside wasm hears nothing: the pool ends its Workers when it is closed. */
async function withinLimit<Result>(running: Promise<Result>, limitMs?: number): Promise<Result> {
  if (limitMs === undefined) return running;
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    const message = `expected an end within ${limitMs / 1000} s, got none`;
    timer = setTimeout(() => reject(new JobError(null, message)), limitMs);
  });
  running.catch(() => {});
  return Promise.race([running, limit]).finally(() => clearTimeout(timer));
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
