/**
 * `slablab bench [filter]`: micro-benchmarks of the heap.
 *
 * `fastpath` runs on a heap of one CPU from the bench build, which is the release build with the
 * loops linked to it; `options` compares heaps that differ in one option each.
 */
import { type Command, Option } from "commander";
import type { InterleavedOptions } from "../measure/interleaved.js";
import { EXIT, type ExitStatus, UsageError, runInterruptible } from "./exit.js";
import { durationOption, jsonOption, parseSizeBytes, quietOption, seedOption } from "./options.js";

interface BenchOptions {
  readonly duration: number;
  readonly size: number;
  readonly seed: number;
  readonly json: boolean;
  readonly quiet: boolean;
}

const SUITES = ["fastpath", "options"] as const;
/** Larger objects have no fast path. */
const SIZE_MAX = 8192;

export function register(program: Command): void {
  program
    .command("bench")
    .description("micro-benchmarks: the fast path against a loop by hand; what options cost")
    .argument("[filter]", `which suite: ${SUITES.join(", ")}`, "fastpath")
    .addOption(durationOption("5s"))
    .addOption(new Option("--size <bytes>", "object size").argParser(parseSizeBytes).default(64))
    .addOption(seedOption())
    .addOption(jsonOption())
    .addOption(quietOption())
    .addHelpText(
      "after",
      "\nExample:\n  slablab bench fastpath --duration 10s\n  slablab bench options",
    )
    .action(async (filter: string, options: BenchOptions) => {
      process.exitCode = await runInterruptible((signal) => bench(filter, options, signal));
    });
}

async function bench(
  filter: string,
  options: BenchOptions,
  signal: AbortSignal,
): Promise<ExitStatus> {
  const suite = SUITES.find((each) => each.includes(filter));
  if (suite === undefined) {
    throw new UsageError(
      `bench: expected one of ${SUITES.join(", ")}, got ${filter}; try fastpath`,
    );
  }
  if (options.size > SIZE_MAX) {
    throw new UsageError(`--size: expected 1..${SIZE_MAX} bytes, got ${options.size}; try 64`);
  }
  const { createProgress } = await import("./progress.js");
  const { systemClock } = await import("../measure/clock.js");
  const progress = createProgress(options);
  const bar = progress.bar(suite, 100);
  const measured = await (suite === "fastpath" ? runFastpath : runFlavours)(options.size, {
    durationMs: options.duration,
    seed: options.seed,
    clock: systemClock,
    signal,
    onProgress: (share) => bar.update(Math.round(share * 100)),
  });
  progress.stop();
  await print(suite, options, measured);
  return EXIT.fine;
}

interface Measured {
  readonly results: object;
  readonly text: string;
}

async function runFastpath(size: number, options: InterleavedOptions): Promise<Measured> {
  const [{ createHeap }, { compileBuild }, { createFastpathTasks }, { measureFastpath }, report] =
    await Promise.all([
      import("../heap/heap.js"),
      import("../heap/load.js"),
      import("../workload/fastpath.js"),
      import("../measure/fastpath.js"),
      import("../report/fastpath.js"),
    ]);
  const module = await compileBuild("bench");
  const heap = await createHeap({ module, cpus: 1, maximumBytes: 16 * 2 ** 20 });
  const results = measureFastpath(createFastpathTasks(heap.cpu(), size), options);
  return { results, text: report.renderFastpath(results) };
}

async function runFlavours(size: number, options: InterleavedOptions): Promise<Measured> {
  const [{ createFlavourTasks }, { measureFlavours }, report] = await Promise.all([
    import("../workload/flavours.js"),
    import("../measure/flavours.js"),
    import("../report/flavours.js"),
  ]);
  const results = measureFlavours(await createFlavourTasks(size), options);
  return { results, text: report.renderFlavours(results) };
}

async function print(
  suite: (typeof SUITES)[number],
  options: BenchOptions,
  { results, text }: Measured,
): Promise<void> {
  const { describeEnvironment, readEnvironment } = await import("../measure/environment.js");
  const environment = readEnvironment();
  if (options.json) {
    const { createReport, serializeReport } = await import("../report/json.js");
    const parameters = { suite, durationMs: options.duration, size: options.size };
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
  process.stdout.write(`${describeEnvironment(environment, options.seed)}\n\n`);
  process.stdout.write(`${text}\n`);
}
