/**
 * One setup on one CPU, in this thread: the same seed does the same, operation for operation.
 */
import { Rested, type RestedHeap } from "../../heap/rested.js";
import { FuzzCpu } from "./reentry-cpu.js";
import { createCaches } from "./reentry-caches.js";
import { createGroup, joinGroup } from "./reentry-group.js";
import { drainAll, finish, freeAll, validateStage } from "./reentry-ending.js";
import { FindingError, type FoundFinding } from "../verify/finding.js";
import { reenter, step } from "./reentry-operations.js";
import { type FuzzSetup, MAXIMUM_BYTES, streamOf } from "./reentry-setup.js";
import { type Stage, makeStage } from "./reentry-stage.js";
import { type Tally, addTallies } from "./reentry-tally.js";
import { Xorshift } from "../verify/xorshift.js";

/** Operations between two walks over the whole heap. */
export const VALIDATE_OPERATIONS = 20_000;
/** Operations between two looks at the clock. */
const CLOCK_OPERATIONS = 256;
/** Milliseconds between two turns of the event loop. */
const YIELD_MS = 50;

export interface FuzzLimits {
  /** Operations of each CPU; null: no bound. */
  readonly operations: number | null;
  /** performance.now() at which the load ends; null: none. */
  readonly deadlineMs: number | null;
  /** Ends the load early, at the next look at the clock. */
  readonly signal?: AbortSignal;
  /** Keep a copy of the heap at its last quiescent point. */
  readonly keepHeap?: boolean;
}

export interface FuzzOutcome {
  readonly setup: FuzzSetup;
  readonly tally: Tally;
  readonly findings: readonly FoundFinding[];
  readonly elapsedMs: number;
  /** With `keepHeap`; null without, or if there was no quiescent point. */
  readonly heap: RestedHeap | null;
}

/** For tests that plant a defect: called before each operation. */
export type Saboteur = (cpu: FuzzCpu, stage: Stage) => void;

/** Run a setup until a limit. Never throws for what it finds. */
export async function runSetup(
  setup: FuzzSetup,
  seed: number,
  limits: FuzzLimits,
  sabotage?: Saboteur,
): Promise<FuzzOutcome> {
  const random = new Xorshift(seed, streamOf(setup, 0));
  const stage = await makeStage(setup, random.next());
  const { depth, cpus } = setup;
  const cpu = new FuzzCpu({ stage, cpu: 0, cpus, random, reenter });
  const rested = limits.keepHeap === true ? new Rested(MAXIMUM_BYTES) : null;
  const findings: FoundFinding[] = [];
  const begun = performance.now();
  try {
    createCaches(stage, cpu);
    if (setup.memcg) {
      createGroup(stage, cpu, 1);
      joinGroup(stage, cpu);
    }
    cpu.startReentry(depth);
    await load(stage, cpu, limits, sabotage);
    rested?.take(stage.heap.handle.memory);
    wind(stage, cpu, setup);
  } catch (error) {
    if (!(error instanceof FindingError)) throw error;
    findings.push(error.finding);
  }
  cpu.tally.objectsChecked = cpu.objects.checked;
  const tally = addTallies([cpu.tally]);
  const heap = rested?.heap(stage.heap.handle.module) ?? null;
  return { setup, tally, findings, elapsedMs: performance.now() - begun, heap };
}

async function load(
  stage: Stage,
  cpu: FuzzCpu,
  limits: FuzzLimits,
  sabotage?: Saboteur,
): Promise<void> {
  const { tally } = cpu;
  const end = limits.operations ?? Number.POSITIVE_INFINITY;
  let rested = performance.now();
  while (tally.operations < end && !isOver(limits)) {
    const until = Math.min(end, tally.operations + CLOCK_OPERATIONS);
    while (tally.operations < until) {
      sabotage?.(cpu, stage);
      cpu.run(step);
      if (tally.operations % VALIDATE_OPERATIONS === 0) rest(stage, cpu);
    }
    if (performance.now() - rested > YIELD_MS) {
      // Ctrl-C is heard, and progress drawn, only between two turns of the event loop.
      await new Promise((resolve) => setImmediate(resolve));
      rested = performance.now();
    }
  }
}

/** Whether the time is up, or somebody ended the run. */
export function isOver({ deadlineMs, signal }: FuzzLimits): boolean {
  return signal?.aborted === true || (deadlineMs !== null && performance.now() >= deadlineMs);
}

function rest(stage: Stage, cpu: FuzzCpu): void {
  cpu.objects.checkAll();
  validateStage(stage, cpu);
  cpu.throwFinding();
}

/** Give everything back, and look at what is left. */
function wind(stage: Stage, cpu: FuzzCpu, setup: FuzzSetup): void {
  rest(stage, cpu);
  freeAll(cpu);
  cpu.run(drainAll);
  validateStage(stage, cpu);
  cpu.run(() => finish(stage, cpu, setup));
}
