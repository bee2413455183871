/**
 * A stress as the command runs it: every setup for an equal part of the time, each on a heap of its
 * own, all on the same Workers.
 */
import { JobError } from "../../cpu/job-error.js";
import { type Pool, createPool } from "../../cpu/pool.js";
import { createHeap } from "../../heap/heap.js";
import { Rested, type RestedHeap } from "../../heap/rested.js";
import { makeShadow } from "../verify/objects.js";
import { Xorshift } from "../verify/xorshift.js";
import { Board, type BoardFinding } from "./stress-board.js";
import { CacheSlots } from "./stress-caches.js";
import type { StressArgs } from "./stress-job.js";
import type { OperationCounts, StressCounts } from "./kinds.js";
import { logText } from "./log.js";
import { Published } from "./published.js";
import type { Sabotage } from "./sabotage.js";
import {
  type StressSetup,
  flagsOf,
  heapOptionsOf,
  memoryBytesOf,
  nameOf,
  streamOf,
} from "./stress-setup.js";

/** Beyond its load, a setup may take so long before its Workers hang: no busy machine does. */
const GRACE_MS = 180_000;
/** So long CPUs have to come back after a finding: one of them may wait for another's lock. */
const HALT_GRACE_MS = 3000;
const HALT_LOOK_MS = 200;
/** The least a setup gets, so that a short stress of many setups still does something in each. */
const MINIMUM_MS = 50;

export interface StressOptions {
  readonly setups: readonly StressSetup[];
  readonly seed: number;
  /** Milliseconds for all setups together. */
  readonly durationMs: number;
  /**
   * Sections of work that each setup does at most, of some thousand operations on every CPU.
   * @default as many as the time allows
   */
  readonly sections?: number;
  readonly signal?: AbortSignal;
  /** Told before each setup: the share that is done, 0..1, and what runs now. */
  readonly onProgress?: (share: number, setup: StressSetup) => void;
  /** For tests: what is broken on purpose. */
  readonly sabotage?: Sabotage | null;
  /** Keep a copy of the heap at its last quiescent point. */
  readonly keepHeap?: boolean;
}

/** A heap at rest, and what it was of. */
export interface KeptHeap extends RestedHeap {
  readonly setup: StressSetup;
}

export interface StressFinding extends BoardFinding {
  /** The command that does the same again; what it meets need not be the same. */
  readonly reproduce: string;
  /** What every CPU did last. */
  readonly log: string;
}

export interface StressRow {
  readonly setup: StressSetup;
  /** Sections' operations by name. */
  readonly operations: OperationCounts;
  readonly counts: StressCounts;
  readonly finding: StressFinding | null;
  readonly elapsedMs: number;
}

export interface StressResults {
  readonly rows: readonly StressRow[];
  readonly interrupted: boolean;
  /** The heap of the last setup, or of the last with a finding; null: not asked for, or none. */
  readonly heap?: KeptHeap | null;
}

/** Run all setups, or those that fit before `signal`. */
export async function runStress(options: StressOptions): Promise<StressResults> {
  const { setups, signal, durationMs } = options;
  const begun = performance.now();
  const rows: StressRow[] = [];
  let pool: Pool | null = null;
  let kept: KeptHeap | null = null;
  let keptFinding = false;
  try {
    for (const [index, setup] of setups.entries()) {
      if (signal?.aborted === true) break;
      options.onProgress?.(index / setups.length, setup);
      pool ??= await createPool([], { cpus: setup.cpus });
      const leftMs = durationMs - (performance.now() - begun);
      const shareMs = Math.max(MINIMUM_MS, leftMs / (setups.length - index));
      const { row, heap } = await runSetup(setup, shareMs, pool, options);
      rows.push(row);
      if (heap !== null && (row.finding !== null || !keptFinding)) {
        kept = heap;
        keptFinding ||= row.finding !== null;
      }
      if (row.finding === null) continue;
      // Locks may be held, and CPUs may be in the middle of calls.
      await pool.close();
      pool = null;
    }
  } finally {
    await pool?.close();
  }
  return { rows, interrupted: signal?.aborted === true, heap: kept };
}

async function runSetup(
  setup: StressSetup,
  durationMs: number,
  pool: Pool,
  { seed, signal, sections, sabotage = null, keepHeap = false }: StressOptions,
): Promise<{ row: StressRow; heap: KeptHeap | null }> {
  const { cpus } = setup;
  const heap = await createHeap(
    heapOptionsOf(setup, new Xorshift(seed, streamOf(setup, 255)).next()),
  );
  const board = new Board(cpus);
  const rested = keepHeap ? new Rested(memoryBytesOf(setup)) : null;
  const args: StressArgs = {
    rested: rested?.buffer ?? null,
    ...{ setup, seed, durationMs, sabotage, heap: heap.handle, board: board.buffer },
    sections: sections ?? Number.POSITIVE_INFINITY,
    shadow: makeShadow(memoryBytesOf(setup)).buffer,
    caches: new CacheSlots().buffer,
    published: new Published().buffer,
    ended: new SharedArrayBuffer(4),
  };
  const stop = () => pool.stop();
  signal?.addEventListener("abort", stop, { once: true });
  const watch = watchHalt(board, pool);
  const begun = performance.now();
  let failure: BoardFinding | null = null;
  try {
    const running = pool.run(JOB, { args, heap: null, timeoutMs: durationMs + GRACE_MS });
    if (signal?.aborted === true) stop();
    await running;
  } catch (error) {
    if (!(error instanceof JobError)) throw error;
    failure = { kind: "worker", message: error.message, operation: 0, cpu: error.cpu ?? 0 };
  } finally {
    watch.end();
    signal?.removeEventListener("abort", stop);
  }
  const found = board.finding() ?? failure;
  const finding = found && describe(found, setup, seed, durationMs, board);
  const { operations, counts } = board.totals();
  const row = { setup, operations, counts, finding, elapsedMs: performance.now() - begun };
  const kept = rested?.heap(heap.handle.module) ?? null;
  return { row, heap: kept && { setup, ...kept } };
}

const JOB = { module: new URL("./stress-job.js", import.meta.url).href, name: "stressJob" };

/** After a finding, do not wait long for CPUs that wait for what a halted one holds. */
function watchHalt(board: Board, pool: Pool): { end(): void } {
  let haltedMs: number | null = null;
  const timer = setInterval(() => {
    if (!board.isHalted) return;
    haltedMs ??= performance.now();
    if (performance.now() - haltedMs > HALT_GRACE_MS) void pool.close();
  }, HALT_LOOK_MS);
  return { end: () => clearInterval(timer) };
}

function describe(
  found: BoardFinding,
  setup: StressSetup,
  seed: number,
  durationMs: number,
  board: Board,
): StressFinding {
  const flags = [...flagsOf(setup), "--duration", `${Math.ceil(durationMs)}ms`];
  const reproduce = `npx slablab stress --seed 0x${seed.toString(16)} ${flags.join(" ")}`;
  const { cpu, kind, message, operation } = found;
  const head = [
    `slablab stress: ${kind} on CPU ${cpu} after ${operation} operations, ${nameOf(setup)}`,
    message,
    `reproduce: ${reproduce}`,
  ];
  return { ...found, reproduce, log: logText(board, head) };
}
