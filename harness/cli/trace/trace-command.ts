/**
 * `slablab trace`: a load on Workers, and what every CPU did as a file for ui.perfetto.dev.
 * docs/trace.md says how to read it.
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import { DEFER_ARMS, type DeferArm, MERGED_ARM } from "../../heap/arms.js";
import type { PercpuLayer } from "../../heap/options.js";
import type { TraceFiles } from "../../report/trace/trace-schema.js";
import { TRACE_LOADS, type TraceLoad } from "../../workload/trace/trace-loads.js";
import type { TraceOutcome } from "../../workload/trace/trace-run.js";
import { EXIT, type ExitStatus, UsageError, runInterruptible } from "../common/exit.js";
import {
  cpusOption,
  durationOption,
  jsonOption,
  parseInteger,
  percpuOption,
  quietOption,
  seedOption,
} from "../common/common-options.js";
import { checkWritable, statusWith, writeOutput } from "../common/output-file.js";
import { checkSnapshot, snapshotOption } from "../common/snapshot-option.js";
import { printResult } from "../common/result.js";

interface TraceCliOptions {
  readonly load: TraceLoad;
  readonly cpus: number;
  readonly arm: DeferArm;
  readonly percpu: PercpuLayer;
  readonly duration: number;
  readonly seed: number;
  readonly events: number;
  readonly output: string;
  readonly snapshot: string | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
}

const TRACE_CPUS_MAX = 64;
const DEFAULT_EVENTS = 20_000;
/** Of all CPUs together: viewers take that much, and it is some 150 MB of text. */
const EVENTS_MAX = 1_000_000;
const DEFAULT_OUTPUT = "slablab-trace.json";

export function register(program: Command): void {
  program
    .command("trace")
    .description("what every CPU does under a load, as a trace for ui.perfetto.dev")
    .addOption(
      new Option("--load <name>", "what the CPUs do").choices(TRACE_LOADS).default("mixed"),
    )
    .addOption(cpusOption())
    .addOption(
      new Option("--arm <name>", "the arm of deferral").choices(DEFER_ARMS).default(MERGED_ARM),
    )
    .addOption(percpuOption("slab"))
    .addOption(durationOption("500ms"))
    .addOption(seedOption())
    .addOption(
      new Option("--events <n>", "records each CPU keeps, the newest")
        .argParser((text) => parseInteger(text, { min: 1, max: EVENTS_MAX, example: "20000" }))
        .default(DEFAULT_EVENTS),
    )
    .addOption(
      new Option("--output <file>", "where the trace goes")
        .argParser((text) => {
          if (text !== "") return text;
          throw new InvalidArgumentError(`expected a path, got ""; try ${DEFAULT_OUTPUT}`);
        })
        .default(DEFAULT_OUTPUT),
    )
    .addOption(snapshotOption("the heap at the end"))
    .addOption(jsonOption())
    .addOption(quietOption())
    .addHelpText("after", HELP)
    .action(async (options: TraceCliOptions) => {
      process.exitCode = await runInterruptible((signal) => trace(options, signal));
    });
}

const HELP = `
Loads: mixed is a bit of everything; storm frees in NMIs what other CPUs allocated, so that nearly
all of it is deferred, on slabs: sheaves take most of it. Open the file in
https://ui.perfetto.dev or chrome://tracing.

Example:
  slablab trace --load storm --arm irq-work --cpus 2 --output storm.json`;

async function trace(options: TraceCliOptions, signal: AbortSignal): Promise<ExitStatus> {
  const { cpus, duration: durationMs, output, arm, percpu, events, load, seed } = options;
  checkBounds(options);
  await checkWritable("--output", output, DEFAULT_OUTPUT);
  await checkSnapshot(options.snapshot);
  const { runTrace } = await import("../../workload/trace/trace-run.js");
  if (!options.json && !options.quiet) {
    const workers = cpus === 1 ? "1 CPU" : `${cpus} CPUs`;
    console.error(`tracing the load ${load} in the arm ${arm} on ${workers}: ${durationMs} ms`);
  }
  const outcome = await runTrace({ load, arm, percpu, cpus, seed, durationMs, events, signal });
  // The result says where these are, so they come before it, and a failure after it.
  const trace = await writeTrace(options, outcome);
  const heap = await writeHeap(options.snapshot, outcome);
  await print(options, outcome, {
    file: trace.failure === null ? output : null,
    events: trace.events,
    snapshot: heap.file,
  });
  const isBad = outcome.findings.length > 0 || outcome.failure !== null;
  return statusWith(isBad ? EXIT.finding : EXIT.fine, [trace.failure, heap.failure]);
}

function checkBounds({ cpus, events }: TraceCliOptions): void {
  if (cpus > TRACE_CPUS_MAX) {
    throw new UsageError(`--cpus: expected 1..${TRACE_CPUS_MAX} CPUs, got ${cpus}; try 4`);
  }
  const most = Math.floor(EVENTS_MAX / cpus);
  if (events <= most) return;
  throw new UsageError(
    `--events: expected at most ${EVENTS_MAX} of all ${cpus} CPUs together, got ${events} for ` +
      `each; try ${most}`,
  );
}

async function writeTrace(
  { output, load, arm, seed }: TraceCliOptions,
  outcome: TraceOutcome,
): Promise<{ events: number; failure: string | null }> {
  const { chromeEvents, traceFile } = await import("../../report/trace/chrome-events.js");
  const events = chromeEvents(outcome);
  const { interrupted } = outcome;
  const text = traceFile(events, { load, arm, seed, interrupted });
  return { events: events.length, failure: await writeOutput("--output", output, text) };
}

/** @returns the file, null if there is none: not asked for, no heap at rest, or a failure */
async function writeHeap(
  snapshot: string | undefined,
  { failure: wasCutShort, heap, view }: TraceOutcome,
): Promise<{ file: string | null; failure: string | null }> {
  if (snapshot === undefined || wasCutShort !== null) return { file: null, failure: null };
  const { saveSnapshot } = await import("../common/heap-source.js");
  const { buffer: memory } = heap.handle.memory;
  const failure = await saveSnapshot("--snapshot", snapshot, { memory, view });
  return { file: failure === null ? snapshot : null, failure };
}

async function print(
  options: TraceCliOptions,
  outcome: TraceOutcome,
  files: TraceFiles,
): Promise<void> {
  const { describeEnvironment, readEnvironment } = await import(
    "../../measure/common/environment.js"
  );
  const { traceResults } = await import("../../report/trace/trace-schema.js");
  const environment = readEnvironment();
  const { load, cpus, arm, percpu, duration: durationMs, events, seed } = options;
  const results = traceResults(outcome, files);
  if (options.json) {
    const { createReport, serializeReport } = await import("../../report/common/json.js");
    const parameters = { load, cpus, arm, percpu, durationMs, events };
    const parts = { command: "trace", environment, seed, parameters } as const;
    printResult(serializeReport(createReport({ ...parts, results })));
    return;
  }
  const { traceText } = await import("../../report/trace/trace-text.js");
  printResult(traceText(results, describeEnvironment(environment, seed)));
}
