/**
 * What each Worker of a fuzz does: the same load as one CPU alone, re-entering itself, and handing
 * objects to the others.
 *
 * The load comes in sections of equal length. Between two of them all CPUs stand at a start line
 * while the first validates the heap and decides whether there is another section.
 */
import type { JobContext } from "../../cpu/job.js";
import { createCaches, useCaches } from "./reentry-caches.js";
import { Rested } from "../../heap/rested.js";
import { FuzzCpu } from "./reentry-cpu.js";
import { drainAll, finish, freeAll, validateStage } from "./reentry-ending.js";
import { Exchange } from "../verify/exchange.js";
import { createGroup, joinGroup } from "./reentry-group.js";
import { reenter, step } from "./reentry-operations.js";
import { type FuzzSetup, streamOf } from "./reentry-setup.js";
import { type Stage, type StageHandle, joinStage } from "./reentry-stage.js";
import type { Tally } from "./reentry-tally.js";
import { Xorshift } from "../verify/xorshift.js";

export interface ReentryArgs {
  readonly setup: FuzzSetup;
  readonly seed: number;
  readonly stage: StageHandle;
  /** Operations of each CPU, or null. */
  readonly operations: number | null;
  /** Milliseconds of load, or null. */
  readonly durationMs: number | null;
  /** An Int32 all CPUs share: 1 once there is no further section. */
  readonly control: SharedArrayBuffer;
  /** Where a copy of the heap at rest goes; null: nowhere. */
  readonly rested: SharedArrayBuffer | null;
}

/** Operations of a CPU between two walks over the whole heap. */
const SECTION_OPERATIONS = 10_000;
/** One step in so many is followed by a look at the exchange. */
const EXCHANGE_RARITY = 8;

/** @throws FindingError with what was found: the pool reports the CPU that was first */
export async function reentryJob(context: JobContext, args: ReentryArgs): Promise<Tally> {
  const { index, cpus } = context;
  const { setup, seed } = args;
  const stage = await joinStage(args.stage);
  const random = new Xorshift(seed, streamOf(setup, index));
  const cpu = new FuzzCpu({ stage, cpu: index, cpus, random, reenter });
  const exchange = new Exchange(stage.heap.handle.memory);
  if (index === 0) {
    createCaches(stage, cpu);
    if (setup.memcg) createGroup(stage, cpu, cpus);
  }
  context.startLine();
  if (index !== 0) useCaches(stage, cpu);
  if (setup.memcg) joinGroup(stage, cpu);
  cpu.startReentry(setup.depth);
  sections(context, args, stage, cpu, exchange);
  exchange.takeAll(cpu);
  freeAll(cpu);
  cpu.run(drainAll);
  context.startLine();
  if (index !== 0) cpu.exports.cpu_offline();
  context.startLine();
  if (index === 0) cpu.run(() => finish(stage, cpu, setup));
  cpu.throwFinding();
  cpu.tally.objectsChecked = cpu.objects.checked;
  return cpu.tally;
}

function sections(
  context: JobContext,
  { operations, durationMs, control, rested }: ReentryArgs,
  stage: Stage,
  cpu: FuzzCpu,
  exchange: Exchange,
): void {
  const words = new Int32Array(control);
  const end = operations ?? Number.POSITIVE_INFINITY;
  const deadlineMs = durationMs === null ? null : context.now() + durationMs;
  const isLate = () => deadlineMs !== null && context.now() >= deadlineMs;
  while (cpu.tally.operations < end && Atomics.load(words, 0) === 0) {
    const until = Math.min(end, cpu.tally.operations + SECTION_OPERATIONS);
    while (cpu.tally.operations < until) {
      cpu.run(step);
      if (cpu.random.below(EXCHANGE_RARITY) === 0) trade(cpu, exchange);
      // Everybody leaves a section early when time is up: the line is where they meet.
      if ((cpu.tally.operations & 255) === 0 && (isLate() || context.isStopped())) break;
    }
    cpu.objects.checkAll();
    cpu.throwFinding();
    context.startLine();
    if (context.index === 0) {
      validateStage(stage, cpu);
      if (rested !== null) new Rested(rested).take(stage.heap.handle.memory);
      if (isLate() || context.isStopped()) Atomics.store(words, 0, 1);
    }
    context.startLine();
    cpu.throwFinding();
  }
}

function trade(cpu: FuzzCpu, exchange: Exchange): void {
  if (cpu.random.below(2) === 0) exchange.give(cpu);
  else exchange.take(cpu);
  cpu.throwFinding();
}
