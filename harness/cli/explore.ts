/**
 * `slablab explore`: the compiled allocator on simulated CPUs, under every interleaving and every
 * NMI within the bounds that the report names.
 */
import { type Command, Option } from "commander";
import type { NamedScenario } from "../machine/scenarios/named.js";
import type { ExploreOptions, PolicyName } from "../machine/explore.js";
import { EXIT, type ExitStatus, UsageError, runInterruptible } from "./exit.js";
import { jsonOption, parseDurationMs, parseInteger, quietOption, seedOption } from "./options.js";
import { createProgress } from "./progress.js";

interface Options {
  readonly all: boolean;
  readonly bench: boolean;
  readonly list: boolean;
  readonly policy?: PolicyName;
  readonly bound?: number;
  readonly nmi?: number;
  readonly migrations?: number;
  readonly duration?: number;
  readonly schedules?: number;
  readonly learning: boolean;
  readonly seed: number;
  readonly json: boolean;
  readonly quiet: boolean;
}

const POLICIES = ["dfs", "pct", "random", "round-robin"] as const satisfies readonly PolicyName[];
const BOUND_MAX = 1000;
const NMI_MAX = 8;
const BENCH_MS = 3000;

export function register(program: Command): void {
  program
    .command("explore")
    .description("run the allocator under every interleaving and NMI within stated bounds")
    .argument("[scenario]", "a name of --list, or a scenario as text")
    .option("--all", "every scenario of --list", false)
    .option("--list", "print the scenarios and end", false)
    .option("--bench", "measure the machine itself", false)
    .addOption(new Option("--policy <name>", "who runs next").choices(POLICIES))
    .addOption(boundOption())
    .addOption(nmiOption())
    .addOption(migrationsOption())
    .addOption(
      new Option(
        "--duration <time>",
        "at most this long in each scenario (default: 60s)",
      ).argParser(parseDurationMs),
    )
    .addOption(schedulesOption())
    .option("--no-learning", "choices before every access, conflicting or not")
    .addOption(seedOption())
    .addOption(jsonOption())
    .addOption(quietOption())
    .addHelpText("after", HELP)
    .action(async (scenario: string | undefined, options: Options) => {
      process.exitCode = await runInterruptible((signal) => run(scenario, options, signal));
    });
}

const HELP = `
A finding prints the command that replays it.

Examples:
  slablab explore --list
  slablab explore remote-free-irq-work --bound 3
  slablab explore model/16000/global/setup:c0c1/task:x0/task:x1
  slablab explore --all --json`;

function boundOption(): Option {
  return new Option("--bound <n>", "preemptions in a schedule, or any").argParser((text) =>
    text === "any" ? Number.POSITIVE_INFINITY : integer(text, BOUND_MAX, "2"),
  );
}

function nmiOption(): Option {
  return new Option("--nmi <n>", "NMIs on each task").argParser((text) =>
    integer(text, NMI_MAX, "1"),
  );
}

function migrationsOption(): Option {
  return new Option("--migrations <n>", "times that a task is moved to another CPU").argParser(
    (text) => integer(text, NMI_MAX, "1"),
  );
}

function schedulesOption(): Option {
  return new Option("--schedules <n>", "at most so many in a round").argParser((text) =>
    parseInteger(text, { min: 1, max: 1e9, example: "100000" }),
  );
}

function integer(text: string, max: number, example: string): number {
  return parseInteger(text, { min: 0, max, example });
}

async function run(
  name: string | undefined,
  options: Options,
  signal: AbortSignal,
): Promise<ExitStatus> {
  const { SCENARIOS } = await import("../machine/scenarios/named.js");
  if (options.list) {
    for (const { name: each, about, text } of SCENARIOS)
      console.log(`${each}: ${about}\n  ${text}`);
    return EXIT.fine;
  }
  if (name === undefined && !options.all && !options.bench) {
    throw new UsageError("expected a scenario, --all or --bench, got none; try --list");
  }
  const scenarios = options.all ? SCENARIOS : name === undefined ? [] : [await find(name)];
  const { runCampaign } = await import("../machine/campaign.js");
  const progress = createProgress(options);
  const bar = progress.bar("explore", Math.max(1, scenarios.length));
  try {
    const results = await runCampaign({
      ...{ scenarios, options: overrides(options), signal },
      onProgress: (done, each) => bar.update(done, each),
    });
    const bench = options.bench
      ? await (await import("../machine/bench.js")).bench(BENCH_MS)
      : null;
    progress.stop();
    await print(name ?? null, options, results, bench);
    const isBad = results.scenarios.some(({ finding }) => finding !== null);
    return isBad ? EXIT.finding : EXIT.fine;
  } finally {
    progress.stop();
  }
}

/** A scenario by name or by text. */
async function find(name: string): Promise<NamedScenario> {
  const { SCENARIOS, suggestScenarios } = await import("../machine/scenarios/named.js");
  const { ScenarioError, parseScenario } = await import("../machine/scenarios/scenario.js");
  const known = SCENARIOS.find((each) => each.name === name);
  if (known !== undefined) return known;
  if (!name.includes("/")) {
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

/** What the command line says about every scenario. */
function overrides(options: Options): Partial<ExploreOptions> {
  const { policy, bound, nmi, migrations, schedules, seed, duration, learning } = options;
  return {
    ...(policy !== undefined && { policy }),
    ...(bound !== undefined && { bound: Number.isFinite(bound) ? bound : null }),
    ...(nmi !== undefined && { nmi, nmiDepth: Math.max(1, nmi) }),
    ...(migrations !== undefined && { migrations }),
    ...(schedules !== undefined && { schedules }),
    ...(!learning && { learns: false }),
    ...(duration !== undefined && { durationMs: duration }),
    seed,
  };
}

async function print(
  scenario: string | null,
  options: Options,
  results: Awaited<ReturnType<typeof import("../machine/campaign.js").runCampaign>>,
  bench: Awaited<ReturnType<typeof import("../machine/bench.js").bench>> | null,
): Promise<void> {
  const { describeEnvironment, readEnvironment } = await import("../measure/environment.js");
  const environment = readEnvironment();
  const { seed } = options;
  if (!options.json) {
    const { exploreText } = await import("../report/explore-text.js");
    process.stdout.write(exploreText(results, bench, describeEnvironment(environment, seed)));
    return;
  }
  const { createReport, serializeReport } = await import("../report/json.js");
  const { exploreResults } = await import("../report/explore-schema.js");
  const { policy = null, nmi = null, duration = null, bound } = options;
  const finite = bound !== undefined && Number.isFinite(bound) ? bound : null;
  const parameters = { scenario, policy, bound: finite, nmi, durationMs: duration };
  const parts = { command: "explore", environment, seed, parameters } as const;
  const report = createReport({ ...parts, results: exploreResults(results, bench) });
  process.stdout.write(serializeReport(report));
}
