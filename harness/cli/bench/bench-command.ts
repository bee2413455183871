/**
 * `slablab bench [filter]`: micro-benchmarks and loads; `slablab bench compare A B`: two runs.
 *
 * Whatever was asked for is checked before anything is measured, because measuring takes minutes.
 */
import { availableParallelism } from "node:os";
import { type Command, Option } from "commander";
import type { RestedHeap } from "../../heap/rested.js";
import type { Comparison } from "../../measure/bench/bench-compare.js";
import type { BenchResults } from "../../measure/bench/bench-row.js";
import type { Suite } from "../../measure/bench/bench-suites.js";
import type { Environment } from "../../measure/common/environment.js";
import type { BenchReport } from "../../report/bench/bench-schema.js";
import { registerCompare } from "./bench-compare-command.js";
import { gateStatus } from "./bench-gate.js";
import {
  type BenchOptions,
  callsOption,
  failOnOption,
  flavourOption,
  peersOption,
  scaleOption,
  statesOption,
} from "./bench-options.js";
import { EXIT, type ExitStatus, UsageError, runInterruptible } from "../common/exit.js";
import {
  CPUS_MAX,
  durationOption,
  jsonOption,
  parseCpusList,
  parseSizeBytes,
  quietOption,
  seedOption,
} from "../common/common-options.js";
import { checkCopy, statusWith } from "../common/output-file.js";
import { createProgress } from "../common/progress.js";
import { type Kept, checkSnapshot, saveKept, snapshotOption } from "../common/snapshot-option.js";
import { printList } from "../common/list.js";

const PROGRESS_STEPS = 1000;
/** What a suite takes beside its duration: heaps, Workers, warming up. */
const SETUP_MS = 1500;

export function register(program: Command): void {
  const command = program
    .command("bench")
    .description("micro-benchmarks and loads: what the heap costs, on one CPU and on many")
    .argument("[filter]", "suites or rows by name, `loads`, or `all` (default: a choice of them)")
    .option("--list", "list what there is and measure nothing", false)
    .addOption(durationOption("5s"))
    .option(
      "--cpus <list>",
      "CPUs of loads, such as 4 or 1,2,4 (default: 1 and all)",
      parseCpusList,
    )
    .addOption(scaleOption())
    .addOption(flavourOption())
    .addOption(peersOption().conflicts(NOT_WITH_PEERS))
    .addOption(statesOption())
    .addOption(callsOption())
    .addOption(
      new Option("--size <bytes>", "object size of micro-benchmarks")
        .argParser(parseSizeBytes)
        .default(64),
    )
    .addOption(seedOption())
    .addOption(jsonOption().conflicts(["markdown", "csv"]))
    .addOption(new Option("--markdown", "print a Markdown table").default(false).conflicts("csv"))
    .addOption(new Option("--csv", "print comma-separated values").default(false))
    .option("--html <file>", "write a page with plots, too")
    .option("--save <name>", "keep the results, for --baseline")
    .option("--baseline <name>", "compare with results that were saved")
    .addOption(failOnOption())
    .addOption(snapshotOption("a heap of the last load, before everything is freed"))
    .addOption(quietOption())
    .addHelpText("after", HELP)
    .action(async (filter: string | undefined, options: BenchOptions) => {
      process.exitCode = await runInterruptible((signal) => bench(filter, options, signal));
    });
  registerCompare(command);
}

/** What has no meaning, or no shape yet, for heaps side by side. */
const NOT_WITH_PEERS = [
  ...["markdown", "csv", "baseline", "failOn", "flavour", "size", "snapshot"],
];

const HELP = `
The duration is that of each suite. bench/README.md explains every number.

Examples:
  slablab bench                                    a choice, in less than a minute
  slablab bench fastpath --duration 10s
  slablab bench larson --cpus 1,2,4 --html larson.html
  slablab bench --peers                            ours beside mimalloc and others
  slablab bench larson --peers mimalloc --states fresh,aged --duration 10s
  slablab bench loads --save main                  before a change, and after it:
  slablab bench loads --baseline main --fail-on p50:5%,mops:10%
  slablab bench compare before.json after.json`;

async function bench(
  filter: string | undefined,
  options: BenchOptions,
  signal: AbortSignal,
): Promise<ExitStatus> {
  if (options.list) return list(options);
  if (options.peers !== undefined) {
    const { benchPeers } = await import("./bench-peers.js");
    return benchPeers(filter, options, signal);
  }
  if ((options.states ?? options.calls) !== undefined) {
    throw new UsageError(
      "--states and --calls: expected --peers with them, got none; try slablab bench --peers",
    );
  }
  const suites = await selectSuites(filter);
  const cpuCounts = cpuCountsOf(options);
  const { checkSizes } = await import("./bench-sizes.js");
  await checkSizes(suites, options, cpuCounts);
  await checkSnapshot(options.snapshot);
  const baseline = await checkFiles(options);
  const { readEnvironment } = await import("../../measure/common/environment.js");
  const environment = readEnvironment();
  announce(suites, options, filter === undefined);
  const { results, kept } = await measure({ suites, cpuCounts, options, environment, signal });
  const comparison = await compareWith(baseline, options, environment, results);
  const run = { suites, options, cpuCounts, environment, results, comparison };
  const { writeOutputs } = await import("./bench-output.js");
  const failures = [...(await writeOutputs(run)), await saveKept(options, kept)];
  const gate = comparison === null ? EXIT.fine : await gateStatus(comparison);
  return statusWith(results.findings.length > 0 ? EXIT.finding : gate, failures);
}

async function list({ json, seed }: BenchOptions): Promise<ExitStatus> {
  const { allSuites, defaultSuites, rowsOf } = await import("../../measure/bench/bench-suites.js");
  const { benchListText } = await import("../../report/bench/bench-list.js");
  const suites = allSuites();
  const chosen = new Set(defaultSuites(suites));
  const listed = suites.map((suite) => {
    const { name, about, kind } = suite;
    const rows = kind === "micro" ? rowsOf(suite) : [];
    return { name, about, isDefault: chosen.has(suite), rows };
  });
  const { plainEntry } = await import("../../report/common/list-schema.js");
  const entries = () =>
    listed.flatMap(({ name, about, rows }) => [
      plainEntry(name, about),
      ...rows.map((row) => plainEntry(row, "a row of that suite", name)),
    ]);
  return printList({ of: "bench", json, seed, entries, text: () => `${benchListText(listed)}\n` });
}

async function selectSuites(filter: string | undefined): Promise<Suite[]> {
  const { allSuites, closestName, defaultSuites, matchSuites, rowsOf } = await import(
    "../../measure/bench/bench-suites.js"
  );
  const suites = allSuites();
  if (filter === undefined) return defaultSuites(suites);
  const found = matchSuites(suites, filter);
  if (found.length > 0) return found;
  const names = ["compare", "loads", "all", ...suites.map(({ name }) => name)];
  const close = closestName([...names, ...suites.flatMap(rowsOf)], filter);
  const advice = close === null ? "try slablab bench --list" : `did you mean ${close}?`;
  throw new UsageError(
    `bench: expected part of a suite's or row's name, loads or all, got ${filter}; ${advice}`,
  );
}

/** On one CPU and on all of them, unless somebody says otherwise. */
function cpuCountsOf({ cpus }: BenchOptions): number[] {
  const counts = cpus ?? [1, Math.min(availableParallelism(), CPUS_MAX)];
  return [...new Set(counts)].sort((a, b) => a - b);
}

/** @returns the baseline, or null: none was asked for */
async function checkFiles({
  html,
  save,
  baseline,
  failOn,
}: BenchOptions): Promise<BenchReport | null> {
  const { prepareSave, readBench, savedFile } = await import("./bench-files.js");
  if (failOn.length > 0 && baseline === undefined) {
    throw new UsageError(
      "--fail-on: expected --baseline NAME to compare with, got none; " +
        "save one with slablab bench --save NAME",
    );
  }
  if (html !== undefined) await checkCopy("--html", html, "bench.html");
  if (save !== undefined) await prepareSave(savedFile("--save", save));
  if (baseline === undefined) return null;
  const advice = `save one with slablab bench --save ${baseline}`;
  return readBench("--baseline", savedFile("--baseline", baseline), advice);
}

function announce(suites: readonly Suite[], options: BenchOptions, isDefault: boolean): void {
  if (options.json || options.quiet) return;
  const seconds = Math.ceil((suites.length * (options.duration + SETUP_MS)) / 1000);
  const names = suites.map(({ name }) => name).join(", ");
  console.error(`measuring ${names}: about ${seconds} s`);
  if (isDefault) console.error("there is more: slablab bench --list");
}

interface Measuring {
  readonly suites: readonly Suite[];
  readonly cpuCounts: readonly number[];
  readonly options: BenchOptions;
  readonly environment: Environment;
  readonly signal: AbortSignal;
}

async function measure({
  suites,
  cpuCounts,
  options,
  environment,
  signal,
}: Measuring): Promise<{ results: BenchResults; kept: Kept | null }> {
  const { systemClock } = await import("../../measure/common/clock.js");
  const { runBench } = await import("../../measure/bench/bench-run.js");
  const { cpu, loadAverage, timerResolutionNs } = environment;
  const { duration: durationMs, scale, size, seed, flavour } = options;
  const progress = createProgress(options);
  const bar = progress.bar("bench", suites.length * PROGRESS_STEPS);
  try {
    let kept: Kept | null = null;
    const onHeap = (suite: Suite, heap: RestedHeap) => {
      kept = { heap, of: `the load ${suite.name}` };
    };
    const results = await runBench({
      ...(options.snapshot !== undefined && { onHeap }),
      ...{ suites, durationMs, cpuCounts, flavours: flavour ?? null, scale, size, seed, signal },
      ...{ machine: { cores: cpu.cores, loadAverage, timerResolutionNs }, clock: systemClock },
      onProgress: (suite, share) => {
        bar.update(Math.round((suites.indexOf(suite) + share) * PROGRESS_STEPS), suite.name);
      },
    });
    return { results, kept };
  } finally {
    progress.stop();
  }
}

async function compareWith(
  baseline: BenchReport | null,
  options: BenchOptions,
  environment: Environment,
  { rows }: BenchResults,
): Promise<Comparison | null> {
  if (baseline === null) return null;
  const { compareBenches } = await import("../../measure/bench/bench-compare.js");
  const { seed, failOn, size, scale, duration: durationMs } = options;
  const measured = new Set(rows.map(({ suite }) => suite));
  // What was not asked for this time is not missing.
  const before = baseline.results.rows.filter(({ suite }) => measured.has(suite));
  const { environment: was, parameters } = baseline;
  return compareBenches(
    { environment: was, parameters, rows: before },
    { environment, parameters: { size, scale, durationMs }, rows },
    { seed, failOn },
  );
}
