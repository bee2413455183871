/**
 * `slablab bench [filter]`: micro-benchmarks of the heap.
 *
 * This version has one suite, `fastpath`. A heap of one CPU is made from the bench build, which
 * is the release build with the loops linked to it.
 */
import { type Command, Option } from "commander";
import type { FastpathResults } from "../measure/fastpath.js";
import { EXIT, type ExitStatus, UsageError, runInterruptible } from "./exit.js";
import { durationOption, jsonOption, parseSizeBytes, quietOption, seedOption } from "./options.js";

interface BenchOptions {
  readonly duration: number;
  readonly size: number;
  readonly seed: number;
  readonly json: boolean;
  readonly quiet: boolean;
}

const SUITES = ["fastpath"] as const;
/** Larger objects have no fast path. */
const SIZE_MAX = 8192;

export function register(program: Command): void {
  program
    .command("bench")
    .description("micro-benchmarks: the fast path against a loop written by hand")
    .argument("[filter]", `which suite: ${SUITES.join(", ")}`, "fastpath")
    .addOption(durationOption("5s"))
    .addOption(new Option("--size <bytes>", "object size").argParser(parseSizeBytes).default(64))
    .addOption(seedOption())
    .addOption(jsonOption())
    .addOption(quietOption())
    .addHelpText("after", "\nExample:\n  slablab bench fastpath --duration 10s")
    .action(async (filter: string, options: BenchOptions) => {
      process.exitCode = await runInterruptible((signal) => bench(filter, options, signal));
    });
}

async function bench(
  filter: string,
  options: BenchOptions,
  signal: AbortSignal,
): Promise<ExitStatus> {
  if (!SUITES.some((suite) => suite.includes(filter))) {
    throw new UsageError(
      `bench: expected one of ${SUITES.join(", ")}, got ${filter}; try fastpath`,
    );
  }
  if (options.size > SIZE_MAX) {
    throw new UsageError(`--size: expected 1..${SIZE_MAX} bytes, got ${options.size}; try 64`);
  }
  const results = await runFastpath(options, signal);
  await print(options, results);
  return EXIT.fine;
}

async function runFastpath(options: BenchOptions, signal: AbortSignal): Promise<FastpathResults> {
  const [{ createHeap }, { compileBuild }, { createFastpathTasks }, { measureFastpath }, clock] =
    await Promise.all([
      import("../heap/heap.js"),
      import("../heap/load.js"),
      import("../workload/fastpath.js"),
      import("../measure/fastpath.js"),
      import("../measure/clock.js"),
    ]);
  const { createProgress } = await import("./progress.js");
  const module = await compileBuild("bench");
  const heap = await createHeap({ module, cpus: 1, maximumBytes: 16 * 2 ** 20 });
  const cpu = heap.cpu();
  const progress = createProgress(options);
  const bar = progress.bar("fastpath", 100);
  const results = measureFastpath(createFastpathTasks(cpu, options.size), {
    durationMs: options.duration,
    seed: options.seed,
    clock: clock.systemClock,
    signal,
    onProgress: (share) => bar.update(Math.round(share * 100)),
  });
  progress.stop();
  return results;
}

async function print(options: BenchOptions, results: FastpathResults): Promise<void> {
  const { describeEnvironment, readEnvironment } = await import("../measure/environment.js");
  const environment = readEnvironment();
  if (options.json) {
    const { createReport, serializeReport } = await import("../report/json.js");
    const parameters = { suite: "fastpath", durationMs: options.duration, size: options.size };
    const parts = {
      command: "bench",
      environment,
      seed: options.seed,
      parameters,
      results,
    } as const;
    process.stdout.write(serializeReport(createReport(parts)));
    return;
  }
  const { renderFastpath } = await import("../report/fastpath.js");
  process.stdout.write(`${describeEnvironment(environment, options.seed)}\n\n`);
  process.stdout.write(`${renderFastpath(results)}\n`);
}
