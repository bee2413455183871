/** Runs the suites of `slablab bench` one after the other, and collects what they found. */
import { JobError } from "../../cpu/job-error.js";
import { type Heap, createHeap } from "../../heap/heap.js";
import { compileBuild } from "../../heap/load.js";
import type { RestedHeap } from "../../heap/rested.js";
import { createFastpathTasks } from "../../workload/fastpath.js";
import { createOptionTasks } from "../../workload/option-tasks.js";
import { createSheafTasks } from "../../workload/sheaf-loops.js";
import type { LoadDefinition, LoadFlavour } from "../../workload/loads/definition.js";
import type {
  BenchFinding,
  BenchResults,
  BenchWarning,
  SuiteInfo,
  SuiteResults,
} from "./bench-row.js";
import type { Suite } from "./bench-suites.js";
import { type Machine, machineWarnings, rowWarnings } from "./bench-warnings.js";
import type { Clock } from "../common/clock.js";
import { measureFastpath } from "./fastpath-rows.js";
import { measureOptions } from "./option-rows.js";
import type { InterleavedOptions } from "./interleaved.js";
import { loadFindings, loadRows } from "./load-rows.js";
import { type LoadRun, runLoad } from "./load-run.js";

export interface BenchRequest {
  readonly suites: readonly Suite[];
  /** Milliseconds of each suite. */
  readonly durationMs: number;
  /** CPU counts of loads. */
  readonly cpuCounts: readonly number[];
  /** Null: all that a load has. */
  readonly flavours: readonly LoadFlavour[] | null;
  /** Of loads. */
  readonly scale: number;
  /** Bytes of the objects of micro-benchmarks. */
  readonly size: number;
  readonly seed: number;
  readonly machine: Machine;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Gets a copy of a heap as each load left it. */
  readonly onHeap?: (suite: Suite, heap: RestedHeap) => void;
  /** @param share of this suite that is done, 0..1 */
  readonly onProgress?: (suite: Suite, share: number) => void;
}

const FASTPATH_BYTES = 16 * 2 ** 20;
/** Of every size as many objects as the loops over sheaves can have alive. */
const SHEAF_BYTES = 64 * 2 ** 20;

/** Interrupted by `signal`, it returns what it has. @throws what runLoad() does */
export async function runBench(request: BenchRequest): Promise<BenchResults> {
  const { suites, signal, machine } = request;
  const done: SuiteResults[] = [];
  const counts = suites.some(({ kind }) => kind === "load") ? request.cpuCounts : [1];
  const warnings: BenchWarning[] = machineWarnings(machine, counts);
  for (const suite of suites) {
    if (signal.aborted) break;
    const found = await runSuite(suite, request);
    done.push(found);
    warnings.push(...found.warnings);
    for (const row of found.rows) warnings.push(...rowWarnings(row, machine));
  }
  return {
    suites: done.map(({ info }) => info),
    rows: done.flatMap(({ rows }) => rows),
    budgets: done.flatMap(({ budgets }) => budgets),
    findings: done.flatMap(({ findings }) => findings),
    warnings,
    interrupted: signal.aborted,
  };
}

async function runSuite(suite: Suite, request: BenchRequest): Promise<SuiteResults> {
  const found = await (suite.kind === "load"
    ? runLoadSuite(suite, request)
    : suite.name === "fastpath"
      ? runFastpath(suite, request)
      : runOptions(suite, request));
  const { only } = suite;
  if (only === null) return found;
  return { ...found, rows: found.rows.filter(({ name }) => only.includes(name)) };
}

async function runFastpath(suite: Suite, request: BenchRequest): Promise<SuiteResults> {
  const module = await compileBuild("bench");
  const heap = await createHeap({ module, percpu: "slab", cpus: 1, maximumBytes: FASTPATH_BYTES });
  const sheaves = await createHeap({
    ...{ module: await compileBuild("bench-sheaf"), percpu: "sheaf" },
    ...{ cpus: 1, maximumBytes: SHEAF_BYTES },
  });
  const linked = createSheafTasks(sheaves.cpu(), request.size, request.seed);
  const tasks = [...createFastpathTasks(heap.cpu(), request.size), ...linked.tasks];
  const measured = await measureFastpath(tasks, interleaved(suite, request));
  linked.release();
  const findings = [heap, sheaves].flatMap((each) => brokenLaws(suite, each));
  const { rows, budgets } = measured;
  return { info: microInfo(suite, measured), rows, budgets, findings, warnings: [] };
}

function brokenLaws({ name }: Suite, heap: Heap): BenchFinding[] {
  return heap.validate().map(({ invariant, where, message }) => {
    return { suite: name, row: null, message: `${invariant} at ${where}: ${message}` };
  });
}

async function runOptions(suite: Suite, request: BenchRequest): Promise<SuiteResults> {
  const tasks = await createOptionTasks(request.size);
  const measured = await measureOptions(tasks, interleaved(suite, request));
  const info = microInfo(suite, measured);
  return { info, rows: measured.rows, budgets: [], findings: [], warnings: [] };
}

function interleaved(suite: Suite, request: BenchRequest): InterleavedOptions {
  const { durationMs, seed, clock, signal, onProgress } = request;
  return { durationMs, seed, clock, signal, onProgress: (share) => onProgress?.(suite, share) };
}

function microInfo(
  { name, about }: Suite,
  { rounds, operationsPerSample }: Pick<SuiteInfo, "rounds"> & { operationsPerSample: number },
): SuiteInfo {
  const nothing = { windowMs: null, parameters: [] } as const;
  return { name, kind: "micro", about, rounds, operationsPerSample, ...nothing };
}

async function runLoadSuite(
  suite: Suite & { kind: "load" },
  request: BenchRequest,
): Promise<SuiteResults> {
  const { load } = suite;
  const { scale, seed, durationMs, signal, onProgress } = request;
  const { cpuCounts, adjusted } = fitCounts(load, request.cpuCounts);
  const flavours = load.flavours.filter((each) => request.flavours?.includes(each) ?? true);
  if (flavours.length === 0) return skipped(suite, request);
  let run: LoadRun;
  try {
    run = await runLoad({
      ...{ load, flavours, cpuCounts, scale, seed, durationMs, signal },
      keepHeap: request.onHeap !== undefined,
      onProgress: (share) => onProgress?.(suite, share),
    });
  } catch (error) {
    // No memory, or a Worker that ended: what other suites found is worth having still.
    if (!(error instanceof JobError || error instanceof RangeError)) throw error;
    const finding = { suite: suite.name, row: null, message: `ended early: ${error.message}` };
    return { ...empty(suite), findings: [finding] };
  }
  if (run.heap !== null) request.onHeap?.(suite, run.heap);
  const rounds = Math.max(0, ...run.variants.map(({ windows }) => windows.length));
  const parameters = load.parameters(scale, Math.max(...cpuCounts));
  const { windowMs } = run;
  return {
    info: { ...infoOf(suite), rounds, windowMs, parameters },
    rows: loadRows(run, seed),
    budgets: [],
    findings: loadFindings(run),
    warnings: adjusted,
  };
}

function infoOf({ name, about, kind }: Suite): SuiteInfo {
  const nothing = { operationsPerSample: null, windowMs: null, parameters: [] } as const;
  return { name, kind, about, rounds: 0, ...nothing };
}

/** A load that has none of the flavours that were asked for. */
function skipped(suite: Suite & { kind: "load" }, { flavours }: BenchRequest): SuiteResults {
  const message =
    `was not run: it has the flavours ${suite.load.flavours.join(", ")}, and ` +
    `${flavours?.join(", ")} was asked for`;
  const about = { kind: "adjusted", suite: suite.name, row: null } as const;
  const warning = { ...about, message, advice: "leave --flavour out" };
  return { ...empty(suite), warnings: [warning] };
}

function empty(suite: Suite): SuiteResults {
  return { info: infoOf(suite), rows: [], budgets: [], findings: [], warnings: [] };
}

/** CPU counts that a load can run on, and a warning if they are others than were asked for. */
export function fitCounts(
  { name, cpusMin, cpusMax }: LoadDefinition,
  wanted: readonly number[],
): { cpuCounts: number[]; adjusted: BenchWarning[] } {
  const fitted = wanted.map((cpus) => Math.min(cpusMax, Math.max(cpusMin, cpus)));
  const cpuCounts = [...new Set(fitted)].sort((a, b) => a - b);
  const others = wanted.filter((cpus) => cpus < cpusMin || cpus > cpusMax);
  if (others.length === 0) return { cpuCounts, adjusted: [] };
  const range = cpusMin === cpusMax ? `${cpusMin}` : `${cpusMin}..${cpusMax}`;
  const message = `runs on ${range} CPUs, not on ${others.join(", ")}`;
  const advice = `ran on ${cpuCounts.join(", ")}; use others with --cpus`;
  return { cpuCounts, adjusted: [{ kind: "adjusted", suite: name, row: null, message, advice }] };
}
