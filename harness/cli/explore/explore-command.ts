/**
 * `slablab explore`: the compiled allocator on simulated CPUs, under every interleaving, NMI
 * and death within the bounds that the report names.
 */
import type { Command } from "commander";
import type { Plan } from "../../machine/plan.js";
import type { NamedScenario } from "../../machine/scenarios/named.js";
import type { ExploreReport } from "../../report/explore/explore-schema.js";
import { EXIT, type ExitStatus, UsageError, runInterruptible } from "../common/exit.js";
import { type Options, addOptions, overrides, parametersOf } from "./explore-options.js";
import { checkCopy, statusWith } from "../common/output-file.js";
import { createProgress } from "../common/progress.js";
import { readDocuments, refuseBeside, writeDocument } from "../common/shard-options.js";
import { printList } from "../common/list.js";

const SCHEMA = "slablab/explore/v1";
const BENCH_MS = 3000;
/** Of the progress bar. */
const TOTAL = 1000;

export function register(program: Command): void {
  const command = program
    .command("explore")
    .description("run the allocator under every interleaving, NMI and death within bounds")
    .argument("[scenario]", "a name of --list, a generated program, or a scenario as text");
  addOptions(command)
    .addHelpText("after", HELP)
    .action(async (scenario: string | undefined, options: Options) => {
      process.exitCode = await runInterruptible((signal) => run(scenario, options, signal));
    });
}

const HELP = `
A finding prints the command that replays it. --policy, --bound, --nmi and the like are for
scenarios; generated programs have the bounds of their families. --migrations moves tasks between
the load of a CPU's freelist and the cmpxchg on it, of the build model: slow paths do not survive a
move, by design. Where nothing can be moved (release, deaths, a task that attaches a CPU or reads
under RCU) it is refused for a scenario, and does nothing in --all and --deep.

Examples:
  slablab explore --list
  slablab explore remote-free-irq-work --bound 3
  slablab explore model/16000/global/setup:c0c1/task:x0/task:x1
  slablab explore two-pairs-1234
  slablab explore --all --json
  slablab explore --deep --shard 0/8 --output 0.json
  slablab explore --merge *.json`;

async function run(
  name: string | undefined,
  options: Options,
  signal: AbortSignal,
): Promise<ExitStatus> {
  if (options.list) return list(options);
  check(name, options);
  if (options.output !== undefined) {
    await checkCopy("--output", options.output, "explore.json");
  }
  if (options.merge !== undefined) return merge(options.merge, options);
  const { runCampaign } = await import("../../machine/campaign.js");
  const plan = await planFor(name, options);
  if (plan.tier === "some") await refuseMoves(plan, options);
  const progress = createProgress(options);
  const bar = progress.bar("explore", TOTAL);
  try {
    const results = await runCampaign({
      ...{ plan, options: overrides(options), shard: options.shard ?? null, signal },
      onProgress: (done, each) => bar.update(Math.floor(done * TOTAL), each),
    });
    const bench = options.bench
      ? await (await import("../../machine/machine-speed.js")).bench(BENCH_MS)
      : null;
    progress.stop();
    const { readEnvironment } = await import("../../measure/common/environment.js");
    const { createReport } = await import("../../report/common/json.js");
    const { exploreResults } = await import("../../report/explore/explore-schema.js");
    const report = createReport({
      command: "explore",
      environment: readEnvironment(),
      seed: options.seed,
      parameters: parametersOf(name ?? null, options),
      results: exploreResults(results, bench),
    });
    return await print({ ...report, environment: { ...report.environment } }, options);
  } catch (error) {
    const { ScenarioError } = await import("../../machine/scenarios/scenario.js");
    if (error instanceof ScenarioError) throw new UsageError(`${error.message}; try --list`);
    throw error;
  } finally {
    progress.stop();
  }
}

/** @throws UsageError for options that do not go together */
function check(name: string | undefined, options: Options): void {
  const { all, deep, generated, bench, shard, merge, budget } = options;
  if (merge !== undefined) {
    refuseBeside("--merge", { "a scenario": name, "--all": all, "--deep": deep });
    refuseBeside("--merge", { "--generated": generated, "--bench": bench, "--shard": shard });
    return;
  }
  if (all) refuseBeside("--all", { "a scenario": name, "--deep": deep, "--generated": generated });
  if (deep) refuseBeside("--deep", { "a scenario": name, "--generated": generated });
  if (generated !== undefined) refuseBeside("--generated", { "a scenario": name });
  const isCampaign = all || deep || generated !== undefined;
  if (name === undefined && !isCampaign && !bench) {
    throw new UsageError("expected a scenario, --all or --bench, got none; try --list");
  }
  if (shard !== undefined && !isCampaign) {
    throw new UsageError("--shard: expected --all, --deep or --generated beside it, got none");
  }
  if (budget !== undefined && !deep && generated === undefined) {
    throw new UsageError("--budget: expected --deep or --generated beside it; try --duration");
  }
}

async function planFor(name: string | undefined, options: Options): Promise<Plan> {
  const { all, deep, generated, budget } = options;
  const { planAll, planDeep, planGenerated, planOf } = await import("../../machine/plan.js");
  const { FAMILIES } = await import("../../machine/scenarios/generated.js");
  if (all) return planAll();
  if (deep) return planDeep(budget);
  if (generated !== undefined) {
    return planGenerated(generated === true ? FAMILIES : generated, budget);
  }
  return planOf(name === undefined ? [] : [await find(name)]);
}

/** @throws UsageError if tasks should be moved in a scenario that moves none */
async function refuseMoves({ scenarios }: Plan, { migrations = 0, deaths }: Options) {
  if (migrations === 0) return;
  const { whyNoMoves } = await import("../../machine/moves.js");
  const { parseScenario } = await import("../../machine/scenarios/scenario.js");
  const { makeStage } = await import("../../machine/scenarios/stage.js");
  for (const { text, options } of scenarios) {
    const stage = await makeStage(parseScenario(text));
    const reason = whyNoMoves(stage, deaths ?? options.deaths ?? 0);
    if (reason !== null) throw new UsageError(`--migrations: ${reason}`);
  }
}

async function list({ json, seed }: Options): Promise<ExitStatus> {
  const { SCENARIOS } = await import("../../machine/scenarios/named.js");
  const { FAMILIES, programsOf } = await import("../../machine/scenarios/generated.js");
  const { plainEntry } = await import("../../report/common/list-schema.js");
  const entries = () => [
    ...SCENARIOS.map(({ name, about }) => plainEntry(name, about)),
    ...FAMILIES.map((name) => {
      const { count: programs, family } = programsOf(name);
      return { ...plainEntry(name, family.about), programs };
    }),
  ];
  const named = SCENARIOS.map(({ name, about, text }) => `${name}: ${about}\n  ${text}`);
  const generated = FAMILIES.map((each) => {
    const { count, family } = programsOf(each);
    const last = (count - 1).toLocaleString("en-US", { useGrouping: false });
    return [
      `${each}-0 .. ${each}-${last}: ${family.about}`,
      `  ${count.toLocaleString("en-US")} generated programs, such as`,
      `  ${programsOf(each).at(count >>> 1).text}`,
    ].join("\n");
  });
  const text = () => [...named, "", ...generated, ""].join("\n");
  return printList({ of: "explore", json, seed, entries, text });
}

/** A scenario by name or by text. */
async function find(name: string): Promise<NamedScenario> {
  const { SCENARIOS, suggestScenarios } = await import("../../machine/scenarios/named.js");
  const { ScenarioError, parseScenario } = await import("../../machine/scenarios/scenario.js");
  const { FAMILIES, findProgram, programsOf } = await import(
    "../../machine/scenarios/generated.js"
  );
  const known = SCENARIOS.find((each) => each.name === name);
  if (known !== undefined) return known;
  if (!name.includes("/")) {
    const program = findProgram(name);
    if (program !== null) return { ...program, about: "a generated program" };
    const family = FAMILIES.find((each) => name.startsWith(`${each}-`));
    if (family !== undefined) {
      const last = programsOf(family).count - 1;
      const range = `${family}-0 .. ${family}-${last}`;
      throw new UsageError(`expected a generated program ${range}, got "${name}"; try --list`);
    }
    const near = suggestScenarios(name).join(", ");
    throw new UsageError(`expected a scenario of --list, got "${name}"; try ${near}`);
  }
  try {
    const { tasks } = parseScenario(name);
    if (tasks.length === 0) throw new ScenarioError("expected at least one task, got none");
  } catch (error) {
    if (error instanceof ScenarioError) throw new UsageError(`${error.message}; try --list`);
    throw error;
  }
  return { name, about: "from the command line", text: name, options: {} };
}

async function merge(files: readonly string[], options: Options): Promise<ExitStatus> {
  const { exploreReportSchema } = await import("../../report/explore/explore-schema.js");
  const { mergeExplore } = await import("../../report/explore/explore-merge.js");
  const { mergeShards } = await import("../common/shard-files.js");
  const documents = await readDocuments(files, SCHEMA);
  return print(mergeShards(documents, exploreReportSchema, mergeExplore), options);
}

async function print(report: ExploreReport, options: Options): Promise<ExitStatus> {
  const { hasFinding } = await import("../../report/explore/explore-schema.js");
  const { serializeReport } = await import("../../report/common/json.js");
  const { results, parameters, seed } = report;
  const text = async () => {
    const { exploreText } = await import("../../report/explore/explore-text.js");
    const { describeEnvironment } = await import("../../measure/common/environment.js");
    const head = describeEnvironment(report.environment as never, seed);
    return exploreText(results, head, parameters.shard);
  };
  const failure = await writeDocument(serializeReport(report as never), text, options);
  return statusWith(hasFinding(results) ? EXIT.finding : EXIT.fine, [failure]);
}
