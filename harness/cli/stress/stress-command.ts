/**
 * `slablab stress`: Workers call everything there is, at random, on one heap, and every object,
 * every law and every byte at the end is checked.
 */
import { type Command, Option } from "commander";
import type { DeferArm } from "../../heap/arms.js";
import type { PercpuLayer } from "../../heap/options.js";
import {
  STRESS_BUILDS,
  type StressBuild,
  type StressSetup,
  nameOf,
  setupsOf,
} from "../../workload/stress/stress-setup.js";
import type { StressResults } from "../../workload/stress/stress-run.js";
import { EXIT, type ExitStatus, UsageError, runInterruptible } from "../common/exit.js";
import { armOption } from "../fuzz/fuzz-options.js";
import {
  cpusOption,
  durationOption,
  jsonOption,
  percpuOption,
  quietOption,
  seedOption,
} from "../common/common-options.js";
import { checkWritable, statusWith, writeOutput } from "../common/output-file.js";
import { createProgress } from "../common/progress.js";
import { checkSnapshot, saveKept, snapshotOption } from "../common/snapshot-option.js";
import { printResult } from "../common/result.js";

interface StressCliOptions {
  readonly cpus: number;
  readonly duration: number;
  readonly seed: number;
  readonly arm: DeferArm | "all";
  readonly percpu: PercpuLayer | "all";
  readonly build: StressBuild;
  readonly kill: boolean;
  readonly log: string | undefined;
  readonly snapshot: string | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** The Workers hand objects over in the bottom of the memory, and stand at one start line. */
const STRESS_CPUS_MAX = 64;
const PROGRESS_STEPS = 1000;

export function register(program: Command): void {
  program
    .command("stress")
    .description("Workers call everything at random on one heap, and all of it is verified")
    .addOption(cpusOption())
    .addOption(durationOption("10s"))
    .addOption(seedOption())
    .addOption(armOption())
    .addOption(percpuOption("all", ["all"]))
    .addOption(
      new Option("--build <name>", "which build of the allocator")
        .choices(STRESS_BUILDS)
        .default("release"),
    )
    .option("--kill", "terminate Workers wherever they are, reap their CPUs, replace them", false)
    .option("--log <file>", "where the log of a finding goes (default: a file in .slablab/)")
    .addOption(snapshotOption("the heap at the last quiescent point (see below)"))
    .addOption(jsonOption())
    .addOption(quietOption())
    .addHelpText("after", HELP)
    .action(async (options: StressCliOptions) => {
      process.exitCode = await runInterruptible((signal) => stress(options, signal));
    });
}

const HELP = `
The time is for all setups together: every arm of deferral on slabs, and one on sheaves. A seed
names what each CPU does, not how their calls meet: a finding of several CPUs need not repeat;
its log says what each did last.
A snapshot is of the last setup, or of the last with a finding, before everything is freed.

With --kill there is neither log nor snapshot: each death is followed by a walk over the heap.

Examples:
  slablab stress --cpus 4 --duration 60s --arm irq-work
  slablab stress --kill --duration 60s`;

async function stress(options: StressCliOptions, signal: AbortSignal): Promise<ExitStatus> {
  const { cpus, duration: durationMs, seed, arm, percpu, build } = options;
  if (cpus > STRESS_CPUS_MAX) {
    throw new UsageError(`--cpus: expected 1..${STRESS_CPUS_MAX} CPUs, got ${cpus}; try 4`);
  }
  if (options.log !== undefined) await checkWritable("--log", options.log, "stress.log");
  await checkSnapshot(options.snapshot);
  refuseWithKill(options);
  const setups = setupsOf(arm === "all" ? null : arm, { build, percpu, cpus });
  const { runStress } = await import("../../workload/stress/stress-run.js");
  if (!options.json && !options.quiet) {
    const arms = setups.length === 1 ? nameOf(setups[0] as StressSetup) : `${setups.length} setups`;
    const workers = cpus === 1 ? "1 CPU" : `${cpus} CPUs`;
    console.error(`stressing ${arms} on ${workers}: about ${durationMs / 1000} s`);
  }
  if (options.kill) {
    const { stressKill } = await import("./stress-deaths.js");
    return stressKill(options, setups, signal);
  }
  const progress = createProgress(options);
  const bar = progress.bar("stress", PROGRESS_STEPS);
  let results: StressResults;
  try {
    results = await runStress({
      ...{ setups, seed, durationMs, signal, keepHeap: options.snapshot !== undefined },
      onProgress: (share, setup) => bar.update(Math.round(share * PROGRESS_STEPS), nameOf(setup)),
    });
  } finally {
    progress.stop();
  }
  const log = await writeLog(options, results);
  await print(options, results, log);
  const { heap = null } = results;
  const failure = await saveKept(options, heap && { heap, of: nameOf(heap.setup) });
  const hasFinding = results.rows.some(({ finding }) => finding !== null);
  return statusWith(hasFinding ? EXIT.finding : EXIT.fine, [failure]);
}

/** @throws UsageError for what a stress of deaths does not write */
function refuseWithKill({ kill, log, snapshot }: StressCliOptions): void {
  const name = log !== undefined ? "--log" : snapshot !== undefined ? "--snapshot" : null;
  if (!kill || name === null) return;
  throw new UsageError(`${name}: expected a stress without --kill, got one with it; leave one out`);
}

/** Write what every CPU did last before each finding. @returns the file, or null: no finding */
async function writeLog(
  { log, seed }: StressCliOptions,
  { rows }: StressResults,
): Promise<string | null> {
  const texts = rows.flatMap(({ finding }) => (finding === null ? [] : [finding.log]));
  if (texts.length === 0) return null;
  const { mkdir } = await import("node:fs/promises");
  const file = log ?? `.slablab/stress-0x${seed.toString(16)}-${process.pid}.log`;
  // If there can be no folder, the file cannot be written, which says why.
  if (log === undefined) await mkdir(".slablab", { recursive: true }).catch(() => undefined);
  const failure = await writeOutput("--log", file, texts.join("\n"));
  if (failure === null) return file;
  console.error(`slablab: ${failure}; the log follows\n\n${texts.join("\n")}`);
  return null;
}

async function print(
  options: StressCliOptions,
  results: StressResults,
  log: string | null,
): Promise<void> {
  const { describeEnvironment, readEnvironment } = await import(
    "../../measure/common/environment.js"
  );
  const environment = readEnvironment();
  const { cpus, arm, percpu, build, seed, duration: durationMs } = options;
  if (options.json) {
    const { createReport, serializeReport } = await import("../../report/common/json.js");
    const { stressResults } = await import("../../report/stress/stress-schema.js");
    const parameters = { cpus, arm, percpu, build, durationMs };
    const parts = { command: "stress", environment, seed, parameters } as const;
    const document = createReport({ ...parts, results: stressResults(results, log) });
    printResult(serializeReport(document));
    return;
  }
  const { stressText } = await import("../../report/stress/stress-text.js");
  printResult(stressText(results, log, describeEnvironment(environment, seed)));
}
