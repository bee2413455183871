/**
 * One slot of a comparison on one CPU: phases of a load, each between two start lines, each timed
 * from outside by the Worker that runs it.
 *
 * ```
 * start line | phase, timed | start line | drain, timed | reset | start line | ...
 * ```
 * There is no clock inside wasm. All CPUs run the same phases at the same time; starts and ends
 * are kept on one time axis, so that whoever reads them can see which phases did overlap.
 */
import type { Job, JobContext } from "../cpu/job.js";
import { loadExports } from "./bench-exports.js";
import type { CpuLoad } from "./cpu-load.js";
import { createLoad, type LoadName } from "./comparison-loads.js";
import { burstsOf, shareOf, type Traffic } from "./traffic.js";

export interface SetUpArgs {
  readonly load: LoadName;
  readonly traffic: Traffic;
}

export interface SlotArgs extends SetUpArgs {
  /** Share of nolock frees on the mixed CPUs, 0..1. */
  readonly share: number;
  readonly phases: number;
  readonly seed: number;
  /** Leave undrained what a lifetime deferred, to be counted: a slot of no phases drains it. */
  readonly isLeftUndrained?: boolean;
  /** The CPU that runs fast-path pairs instead of the load, and how many a phase. */
  readonly victim: { readonly cpu: number; readonly pairs: number } | null;
  /** `performance.timeOrigin` of the thread that started the slot: the common time axis. */
  readonly originMs: number;
  /** One shared word, zero: set by a CPU whose allocation failed. */
  readonly failed: SharedArrayBuffer;
}

export interface SlotRecord {
  /** When each phase began and ended on this CPU, in milliseconds on the common axis. */
  readonly startsMs: Float64Array;
  readonly endsMs: Float64Array;
  /** What the timed drain after each phase took on this CPU; the last one of a lifetime alone. */
  readonly drainsMs: Float64Array;
  /** Operations of one phase on this CPU: frees, allocations or pairs; the victim's pairs. */
  readonly operations: number;
  /** Nolock frees of this CPU in all phases. */
  readonly nolockFrees: number;
  /** Phases that were run; fewer than asked for when memory ran out. */
  readonly phases: number;
  readonly isOutOfMemory: boolean;
}

/** The module of these jobs, for a pool. */
const MODULE = import.meta.url;
export const SET_UP = { module: MODULE, name: "setUp" } as const;
export const RUN_SLOT = { module: MODULE, name: "runSlot" } as const;
export const TEAR_DOWN = { module: MODULE, name: "tearDown" } as const;

/** The loads that were set up on each CPU of this thread. */
const loadsOf = new WeakMap<JobContext["cpu"], Map<LoadName, CpuLoad>>();

/** Set a load up: each of its steps on CPU after CPU. */
export const setUp: Job<SetUpArgs, void> = (context, { load: name, traffic }) => {
  const load = createLoad(name, context.cpu, traffic);
  const loads = loadsOf.get(context.cpu) ?? new Map<LoadName, CpuLoad>();
  loadsOf.set(context.cpu, loads.set(name, load));
  for (const step of load.steps) inTurn(context, step);
};

/** Give everything back that the load holds. */
export const tearDown: Job<SetUpArgs, void> = (context, { load: name }) => {
  inTurn(context, () => loadOf(context, name).release());
  loadsOf.get(context.cpu)?.delete(name);
};

/** Run `step` on one CPU after the other. */
function inTurn(context: JobContext, step: () => void): void {
  for (let turn = 0; turn < context.cpus; turn++) {
    context.startLine();
    if (turn === context.index) step();
  }
  context.startLine();
}

function loadOf(context: JobContext, name: LoadName): CpuLoad {
  const load = loadsOf.get(context.cpu)?.get(name);
  if (load !== undefined) return load;
  throw new Error(`expected the load ${name} to be set up on CPU ${context.index}, got none`);
}

/** Run one slot. @throws Error if the heap is not as a phase must have left it */
export const runSlot: Job<SlotArgs, SlotRecord> = (context, args) => {
  const { cpu } = context;
  const load = loadOf(context, args.load);
  const failed = new Int32Array(args.failed);
  const part = partOf(context, args, load);
  const offsetMs = performance.timeOrigin - args.originMs;
  const startsMs = new Float64Array(args.phases);
  const endsMs = new Float64Array(args.phases);
  const drainsMs = new Float64Array(args.phases);
  let nolockFrees = 0;
  let phase = 0;
  const drain = (after: number) => {
    const beginMs = context.now();
    cpu.exports.defer_free_barrier();
    drainsMs[after] = context.now() - beginMs;
  };
  begin(context, load, args.seed);
  // `failed` changes between two start lines only, so all CPUs read the same and stop together.
  for (; phase < args.phases && Atomics.load(failed, 0) === 0; phase++) {
    const bursts = part.bursts(phase);
    nolockFrees += bursts * args.traffic.burst;
    context.startLine();
    startsMs[phase] = context.now() + offsetMs;
    const isDone = part.run(bursts);
    endsMs[phase] = context.now() + offsetMs;
    if (!isDone) Atomics.store(failed, 0, 1);
    context.startLine();
    // Everybody drains what is left, wherever it waits, and none goes on before all of it is free.
    if (load.isDrainedEachPhase) drain(phase);
    if (!part.isVictim) load.reset();
  }
  const isLeft = args.isLeftUndrained === true;
  if (!load.isDrainedEachPhase && !isLeft) drain(Math.max(0, phase - 1));
  const { operations } = part;
  const isOutOfMemory = Atomics.load(failed, 0) !== 0;
  return { startsMs, endsMs, drainsMs, operations, nolockFrees, phases: phase, isOutOfMemory };
};

/** Begin a slot: at once where nothing is allocated, else CPU after CPU. */
function begin(context: JobContext, load: CpuLoad, seed: number): void {
  if (load.clear === undefined) {
    load.begin(seed);
    return;
  }
  inTurn(context, () => load.clear?.());
  inTurn(context, () => load.begin(seed));
}

/** What this CPU does in the phases of a slot. */
interface Part {
  readonly isVictim: boolean;
  readonly operations: number;
  bursts(phase: number): number;
  run(bursts: number): boolean;
}

function partOf(context: JobContext, args: SlotArgs, load: CpuLoad): Part {
  const { traffic, victim } = args;
  if (victim?.cpu === context.index) return victimPart(context, traffic.sizeBytes, victim.pairs);
  const share = shareOf(traffic, context.index, args.share);
  const { operations } = load;
  return {
    isVictim: false,
    operations,
    bursts: (phase) => burstsOf(traffic, phase, operations, share),
    run: (bursts) => load.phase(bursts),
  };
}

function victimPart({ cpu, index }: JobContext, sizeBytes: number, pairs: number): Part {
  const exports = loadExports(cpu.exports);
  return {
    isVictim: true,
    operations: pairs,
    bursts: () => 0,
    run() {
      const slow = exports.fast_victim(pairs, sizeBytes);
      if (slow === 0) return true;
      throw new Error(
        `CPU ${index}: expected ${pairs} pairs on the fast path alone, ` +
          `got ${slow} that took the slow path`,
      );
    },
  };
}
