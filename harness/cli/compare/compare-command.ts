/**
 * `slablab compare`: the thread's question on real Workers, arm by arm.
 *
 * What does an ordinary kfree() cost while CPUs call kfree_nolock(), with one deferred list per
 * cache and with one per CPU? docs/compare.md says how to read the answer.
 */
import { availableParallelism } from "node:os";
import type { Command } from "commander";
import { EnvironmentError, EXIT, type ExitStatus, runInterruptible } from "../common/exit.js";
import {
  armsOption,
  burstOption,
  type CompareOptions,
  DEFAULT_CPUS,
  irqCostOption,
  loadOption,
  migrateOption,
  nolockCpusOption,
  parametersOf,
  roundsOption,
  sharesOption,
  sizeOption,
} from "./compare-options.js";
import {
  cpusOption,
  jsonOption,
  percpuOption,
  parseDurationMs,
  quietOption,
  seedOption,
} from "../common/common-options.js";
import { statusWith } from "../common/output-file.js";
import { createProgress } from "../common/progress.js";
import { checkSnapshot, saveKept, snapshotOption } from "../common/snapshot-option.js";
import { printResult } from "../common/result.js";

/** One word in all commands, although here it names several. */
type Parsed = Omit<CompareOptions, "arms"> & { readonly arm: CompareOptions["arms"] };

export function register(program: Command): void {
  program
    .command("compare")
    .description("compare the arms of deferral: what an ordinary kfree() costs beside nolock frees")
    .addOption(cpusOption(DEFAULT_CPUS))
    .addOption(armsOption())
    .option(
      "--duration <time>",
      "measured time per arm, over all rounds (default: 2.4s, or what --rounds need)",
      parseDurationMs,
    )
    .addOption(sharesOption())
    .addOption(burstOption())
    .addOption(nolockCpusOption())
    .addOption(migrateOption())
    .addOption(irqCostOption())
    .addOption(sizeOption())
    .addOption(percpuOption("slab"))
    .addOption(loadOption())
    .addOption(roundsOption())
    .addOption(seedOption())
    .addOption(jsonOption())
    .addOption(quietOption())
    .addOption(snapshotOption("the heap of the last arm, of the build that counts, under load"))
    .action(async ({ arm: arms, ...others }: Parsed) => {
      const options = { ...others, arms };
      process.exitCode = await runInterruptible((signal) => compare(options, signal));
    });
}

async function compare(options: CompareOptions, signal: AbortSignal): Promise<ExitStatus> {
  const parameters = parametersOf(options);
  await checkSnapshot(options.snapshot);
  const { compareLimitMs, runCompare } = await import("../../measure/compare/compare-run.js");
  const { NoRoomError } = await import("../../measure/compare/compare-stage.js");
  const { compareResults, isEmpty } = await import("../../measure/compare/compare-results.js");
  const { compareFirstText, compareText } = await import("../../report/compare/compare-text.js");
  const { describeEnvironment, readEnvironment } = await import(
    "../../measure/common/environment.js"
  );
  const { systemClock } = await import("../../measure/common/clock.js");
  const environment = readEnvironment();
  const cores = availableParallelism();
  const isQuiet = options.json || options.quiet;
  if (!isQuiet) {
    const { arms, cpus } = parameters;
    const limit = Math.round(compareLimitMs(parameters) / 1000);
    console.error(
      `measuring ${arms.length} arms on ${cpus} CPUs, at most ${limit} s on a busy machine`,
    );
  }
  const progress = createProgress(options);
  const bar = progress.bar("compare", PROGRESS_STEPS);
  let measured: Awaited<ReturnType<typeof runCompare>>;
  try {
    measured = await runCompare(parameters, {
      clock: systemClock,
      cores,
      signal,
      keepHeap: options.snapshot !== undefined,
      onProgress: (share, note) => bar.update(Math.round(share * PROGRESS_STEPS), note),
      onFirst: (first) => {
        if (isQuiet) return;
        progress.log(compareFirstText(parameters, compareResults(parameters, first, cores)));
      },
    });
  } catch (error) {
    if (!(error instanceof NoRoomError)) throw error;
    throw new EnvironmentError(`${error.message}; try fewer --cpus, fewer arms or less --size`);
  } finally {
    progress.stop();
  }
  const results = compareResults(parameters, measured, cores);
  if (options.json) {
    const { createReport, serializeReport } = await import("../../report/common/json.js");
    const { compareParameters } = await import("../../report/compare/compare-schema.js");
    const parts = { command: "compare", environment, seed: options.seed } as const;
    const echoed = compareParameters(parameters, measured.plan);
    const report = createReport({ ...parts, parameters: echoed, results });
    printResult(serializeReport(report));
  } else {
    const head = describeEnvironment(environment, options.seed);
    printResult(compareText(parameters, results, head));
  }
  const { heap } = measured;
  const of = `the arm ${parameters.arms.at(-1)}`;
  const failures = [await saveKept(options, heap && { heap, of })];
  if (results.findings.length > 0) return statusWith(EXIT.finding, failures);
  if (isEmpty(results) && !results.interrupted) failures.push(TOO_BUSY);
  return statusWith(EXIT.fine, failures);
}

const PROGRESS_STEPS = 1000;

const TOO_BUSY =
  "expected a machine on which the Workers run at the same time, got one so busy that they never " +
  "did; try again when other programs have ended, or fewer --cpus";
