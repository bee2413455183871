/**
 * `slablab fuzz`: the patch author's own test, and beyond: at every trace point the allocator is
 * re-entered at random with nolock calls, up to three deep, in every arm of deferral.
 */
import type { Command } from "commander";
import type { CampaignResults } from "../../workload/reentry/reentry-campaign.js";
import { EXIT, type ExitStatus, UsageError, runInterruptible } from "../common/exit.js";
import {
  armOption,
  DEFAULT_FUZZ_CPUS,
  depthOption,
  fuzzDurationOption,
  type FuzzOptions,
  lengthOf,
  opsOption,
  setupsOf,
  slabDebugOption,
} from "./fuzz-options.js";
import {
  cpusListOption,
  jsonOption,
  percpuOption,
  quietOption,
  seedOption,
} from "../common/common-options.js";
import { statusWith } from "../common/output-file.js";
import { createProgress } from "../common/progress.js";
import { checkSnapshot, saveKept, snapshotOption } from "../common/snapshot-option.js";
import { printResult } from "../common/result.js";

export function register(program: Command): void {
  program
    .command("fuzz")
    .description("re-enter the allocator from its own trace points, at random, in every arm")
    .addOption(fuzzDurationOption())
    .addOption(opsOption())
    .addOption(cpusListOption(DEFAULT_FUZZ_CPUS))
    .addOption(armOption())
    .option("--rt", "local locks as on PREEMPT_RT", false)
    .option("--no-cmpxchg", "slabs change under a lock, not by a double cmpxchg")
    .option("--hardened", "encoded free pointers", false)
    .option("--randomize", "new slabs are linked in a shuffled order", false)
    .addOption(slabDebugOption())
    .addOption(percpuOption("slab"))
    .option("--memcg", "charge objects to a memory control group", false)
    .addOption(depthOption())
    .addOption(seedOption())
    .addOption(jsonOption())
    .addOption(quietOption())
    .addOption(snapshotOption("the heap before everything is freed (see below)"))
    .addHelpText("after", HELP)
    .action(async (options: FuzzOptions) => {
      process.exitCode = await runInterruptible((signal) => fuzz(options, signal));
    });
}

const HELP = `
Without --arm and without features: every arm, with both kinds of local locks: plain, with
hardened, shuffled freelists, with debug caches, on sheaves, and charged to a control group.
--cpus 1 runs in this thread, and the same seed does the same; more are Workers on one heap.
A snapshot is of the last setup, or of the last with a finding.

Example:
  slablab fuzz --duration 60s --cpus 1,4`;

async function fuzz(options: FuzzOptions, signal: AbortSignal): Promise<ExitStatus> {
  const setups = setupsOf(options);
  const length = lengthOf(options);
  await checkSnapshot(options.snapshot);
  const { UnsupportedError } = await import("../../heap/errors.js");
  const { runCampaign } = await import("../../workload/reentry/reentry-campaign.js");
  const { nameOf } = await import("../../workload/reentry/reentry-setup.js");
  if (!options.json && !options.quiet) console.error(announce(setups.length, options));
  const progress = createProgress(options);
  const bar = progress.bar("fuzz", PROGRESS_STEPS);
  let results: CampaignResults;
  try {
    results = await runCampaign({
      ...{ setups, seed: options.seed, signal, ...length },
      keepHeap: options.snapshot !== undefined,
      onProgress: (share, setup) => {
        const cpus = setup.cpus === 1 ? "1 CPU" : `${setup.cpus} Workers`;
        bar.update(Math.round(share * PROGRESS_STEPS), `${nameOf(setup)}, ${cpus}`);
      },
    });
  } catch (error) {
    // What the heap makes of --slab-debug and --memcg it says itself.
    const isOption = error instanceof RangeError || error instanceof TypeError;
    const isOurs =
      error instanceof UnsupportedError || (isOption && /^options\./.test(error.message));
    if (isOurs) throw new UsageError(error.message);
    throw error;
  } finally {
    progress.stop();
  }
  await print(options, length, results);
  const { heap } = results;
  const failure = await saveKept(options, heap && { heap, of: nameOf(heap.setup) });
  const hasFinding = results.rows.some(({ findings }) => findings.length > 0);
  return statusWith(hasFinding ? EXIT.finding : EXIT.fine, [failure]);
}

const PROGRESS_STEPS = 1000;

function announce(setups: number, options: FuzzOptions): string {
  const { durationMs, operations } = lengthOf(options);
  const bounds = [
    ...(durationMs === null ? [] : [`about ${durationMs / 1000} s`]),
    ...(operations === null ? [] : [`${operations.toLocaleString("en-US")} operations each`]),
  ];
  return `fuzzing ${setups} setups: ${bounds.join(", ")}`;
}

async function print(
  options: FuzzOptions,
  { durationMs, operations }: ReturnType<typeof lengthOf>,
  results: CampaignResults,
): Promise<void> {
  const { describeEnvironment, readEnvironment } = await import(
    "../../measure/common/environment.js"
  );
  const environment = readEnvironment();
  const { cpus, arm, percpu, depth, seed } = options;
  if (options.json) {
    const { createReport, serializeReport } = await import("../../report/common/json.js");
    const { fuzzResults } = await import("../../report/fuzz/fuzz-schema.js");
    const parameters = { cpus: [...cpus], arm, percpu, depth, durationMs, operations };
    const parts = { command: "fuzz", environment, seed, parameters } as const;
    printResult(serializeReport(createReport({ ...parts, results: fuzzResults(results) })));
    return;
  }
  const { fuzzText } = await import("../../report/fuzz/fuzz-text.js");
  printResult(fuzzText(results, describeEnvironment(environment, seed)));
}
