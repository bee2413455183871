/**
 * `slablab mutants`: plants one defect after the other in the allocator's sources, builds it, and
 * shows who notices. One that nobody notices is a hole in the tests.
 */
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { type Command, Option } from "commander";
import type { MutantsResults } from "../../mutants/mutants-campaign.js";
import type { Mutant } from "../../mutants/mutant.js";
import type { Shard } from "../../machine/shard.js";
import type { MutantsReport } from "../../mutants/mutants-schema.js";
import {
  EXIT,
  EnvironmentError,
  type ExitStatus,
  UsageError,
  runInterruptible,
} from "../common/exit.js";
import {
  jsonOption,
  parseDurationMs,
  parseInteger,
  quietOption,
  seedOption,
} from "../common/common-options.js";
import { checkCopy, statusWith } from "../common/output-file.js";
import { createProgress } from "../common/progress.js";
import {
  mergeOption,
  outputOption,
  readDocuments,
  refuseBeside,
  shardOption,
  writeDocument,
} from "../common/shard-options.js";
import { printList } from "../common/list.js";

interface MutantsOptions {
  readonly list: boolean;
  readonly jobs: number;
  /** Milliseconds. */
  readonly budget: number;
  readonly shard?: Shard;
  readonly merge?: readonly string[];
  readonly output?: string;
  readonly seed: number;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** A build takes one core and half a gigabyte. */
const DEFAULT_JOBS = Math.min(2, availableParallelism());
const JOBS_MAX = 64;

export function register(program: Command): void {
  program
    .command("mutants")
    .description("plant defects in the allocator, one at a time, and show who notices")
    .argument("[filter]", "only mutants whose name, group or origin has this in it")
    .option("--list", "show what there is, and hunt nothing", false)
    .addOption(jobsOption())
    .addOption(budgetOption())
    .addOption(shardOption())
    .addOption(mergeOption())
    .addOption(seedOption())
    .addOption(outputOption())
    .addOption(jsonOption())
    .addOption(quietOption())
    .addHelpText("after", HELP)
    .action(async (filter: string | undefined, options: MutantsOptions) => {
      process.exitCode = await runInterruptible((signal) => mutants(filter, options, signal));
    });
}

const HELP = `
Builds from the sources: works in a clone of the repository, not in an installed package.
Exit status 1 means that one of them survived.

Examples:
  slablab mutants nolock --budget 5s
  slablab mutants --shard 0/8 --output 0.json
  slablab mutants --merge *.json`;

function jobsOption(): Option {
  return new Option("--jobs <n>", "mutants hunted at the same time")
    .argParser((text) => parseInteger(text, { min: 1, max: JOBS_MAX, example: "2" }))
    .default(DEFAULT_JOBS);
}

function budgetOption(): Option {
  return new Option("--budget <time>", "what each hunter gets for each mutant")
    .argParser(parseDurationMs)
    .default(10_000, "10s");
}

async function mutants(
  filter: string | undefined,
  options: MutantsOptions,
  signal: AbortSignal,
): Promise<ExitStatus> {
  if (options.merge !== undefined) {
    const { list, shard } = options;
    refuseBeside("--merge", { "a filter": filter, "--list": list, "--shard": shard });
  }
  if (options.output !== undefined) {
    await checkCopy("--output", options.output, "mutants.json");
  }
  checkInClone();
  if (options.merge !== undefined) return merge(options.merge, options);
  const { UnsupportedError } = await import("../../heap/errors.js");
  const { findRepository, loadMutants } = await import("../../mutants/mutant.js");
  let root: string;
  try {
    root = findRepository();
  } catch (error) {
    if (error instanceof UnsupportedError) throw new EnvironmentError(error.message);
    throw error;
  }
  const chosen = choose(await loadMutants(root), filter);
  if (options.list) {
    const { mutantsList } = await import("../../mutants/mutants-text.js");
    const { plainEntry } = await import("../../report/common/list-schema.js");
    const { json, seed } = options;
    const entries = () => chosen.map(({ name, what, group }) => plainEntry(name, what, group));
    return printList({ of: "mutants", json, seed, entries, text: () => mutantsList(chosen) });
  }
  const { isOfShard } = await import("../../machine/shard.js");
  const mine = chosen.filter((_, at) => isOfShard(at, options.shard ?? null));
  const results = await hunt(root, mine, options, signal);
  const { readEnvironment } = await import("../../measure/common/environment.js");
  const { createReport } = await import("../../report/common/json.js");
  const { mutantsResults } = await import("../../mutants/mutants-schema.js");
  const { hashSources } = await import("../../mutants/mutant.js");
  const { jobs, budget: budgetMs, shard = null, seed } = options;
  const report = createReport({
    command: "mutants",
    ...{ environment: readEnvironment(), seed },
    parameters: { filter: filter ?? null, jobs, budgetMs, shard },
    results: mutantsResults(results, {
      sources: await hashSources(root),
      planned: chosen.map(({ name }) => name),
    }),
  });
  return print({ ...report, environment: { ...report.environment } }, options);
}

/** The package has no sources to plant defects in, and so nothing that hunts them either. */
function checkInClone(): void {
  if (existsSync(fileURLToPath(new URL("../../mutants/mutant.js", import.meta.url)))) return;
  throw new EnvironmentError(
    "expected a clone of the repository, got an installed package, which has no sources to plant " +
      'defects in; clone it, run "npm test" once and then "npx slablab mutants" there',
  );
}

async function merge(files: readonly string[], options: MutantsOptions): Promise<ExitStatus> {
  const { mutantsReportSchema } = await import("../../mutants/mutants-schema.js");
  const { mergeMutants } = await import("../../mutants/mutants-merge.js");
  const { mergeShards } = await import("../common/shard-files.js");
  const documents = await readDocuments(files, "slablab/mutants/v1");
  return print(mergeShards(documents, mutantsReportSchema, mergeMutants), options);
}

function choose(all: readonly Mutant[], filter = ""): Mutant[] {
  const chosen = all.filter(({ name, group, origin }) =>
    [name, group, origin].some((text) => text.includes(filter)),
  );
  if (chosen.length > 0) return chosen;
  const groups = [...new Set(all.map(({ group }) => group))].join(", ");
  throw new UsageError(
    `expected a part of a mutant's name, group or origin, got "${filter}"; ` +
      `try --list, or one of the groups ${groups}`,
  );
}

async function hunt(
  root: string,
  chosen: readonly Mutant[],
  options: MutantsOptions,
  signal: AbortSignal,
): Promise<MutantsResults> {
  const { runMutants } = await import("../../mutants/mutants-campaign.js");
  const { HUNTERS } = await import("../../mutants/hunters.js");
  const { jobs, budget: budgetMs, seed, json, quiet } = options;
  if (!json && !quiet) {
    console.error(
      `hunting ${chosen.length} mutants, ${jobs} at a time; Ctrl-C shows what is known`,
    );
  }
  const progress = createProgress(options);
  const bar = progress.bar("mutants", chosen.length);
  try {
    return await runMutants({
      ...{ root, mutants: chosen, hunters: HUNTERS, jobs, budgetMs, seed, signal },
      onProgress: (done, name) => bar.update(done, name),
    });
  } finally {
    progress.stop();
  }
}

async function print(report: MutantsReport, options: MutantsOptions): Promise<ExitStatus> {
  const { serializeReport } = await import("../../report/common/json.js");
  const { results, parameters, seed } = report;
  const text = async () => {
    const { HUNTERS } = await import("../../mutants/hunters.js");
    const { mutantsText } = await import("../../mutants/mutants-text.js");
    const { describeEnvironment } = await import("../../measure/common/environment.js");
    const head = describeEnvironment(report.environment as never, seed);
    return mutantsText(results, HUNTERS, head, parameters.shard);
  };
  const failure = await writeDocument(serializeReport(report as never), text, options);
  return statusWith(results.survivors.length > 0 ? EXIT.finding : EXIT.fine, [failure]);
}
