/** The options of `slablab explore`, and what they come to. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { ExploreOptions, PolicyName } from "../../machine/explore.js";
import type { FamilyName } from "../../machine/scenarios/generated.js";
import type { Shard } from "../../machine/shard.js";
import {
  jsonOption,
  parseDurationMs,
  parseInteger,
  quietOption,
  seedOption,
} from "../common/common-options.js";
import { mergeOption, outputOption, shardOption } from "../common/shard-options.js";

export interface Options {
  readonly all: boolean;
  readonly deep: boolean;
  /** true: all families. */
  readonly generated?: true | readonly FamilyName[];
  readonly bench: boolean;
  readonly list: boolean;
  readonly policy?: PolicyName;
  readonly bound?: number;
  readonly nmi?: number;
  readonly migrations?: number;
  readonly deaths?: number;
  readonly duration?: number;
  readonly budget?: number;
  readonly schedules?: number;
  readonly learning: boolean;
  readonly shard?: Shard;
  readonly merge?: readonly string[];
  readonly output?: string;
  readonly seed: number;
  readonly json: boolean;
  readonly quiet: boolean;
}

const POLICIES = ["dfs", "pct", "random", "round-robin"] as const satisfies readonly PolicyName[];
const FAMILIES = [
  ...(["one-pairs", "one-triples", "two-pairs", "two-triples", "two-nmi", "three"] as const),
] as const satisfies readonly FamilyName[];
const BOUND_MAX = 1000;
const NMI_MAX = 8;
/** Longer than any that is complete needs, also on a machine that does other things. */
const DEFAULT_DURATION_MS = 60_000;

/** Adds them to the command. */
export function addOptions(command: Command): Command {
  return command
    .option("--all", "every scenario of --list and some generated programs: 5 minutes", false)
    .option("--deep", "the same with higher bounds and more programs: an hour", false)
    .addOption(generatedOption())
    .option("--list", "print the scenarios, how many programs there are, and end", false)
    .option("--bench", "measure the machine itself", false)
    .addOption(new Option("--policy <name>", "who runs next").choices(POLICIES))
    .addOption(boundOption())
    .addOption(nmiOption())
    .addOption(migrationsOption())
    .addOption(deathsOption())
    .addOption(
      new Option(
        "--duration <time>",
        "at most this long in each scenario (default: 60s)",
      ).argParser(parseDurationMs),
    )
    .addOption(
      new Option(
        "--budget <time>",
        "of --deep and --generated: for all together (default of --deep: 60m)",
      ).argParser(parseDurationMs),
    )
    .addOption(schedulesOption())
    .option("--no-learning", "choices before every access, conflicting or not")
    .addOption(shardOption())
    .addOption(mergeOption())
    .addOption(seedOption())
    .addOption(outputOption())
    .addOption(jsonOption())
    .addOption(quietOption());
}

function generatedOption(): Option {
  return new Option(
    "--generated [families]",
    "generated programs: all, or those of families such as one-pairs,three",
  ).argParser(parseFamilies);
}

function parseFamilies(text: string): FamilyName[] {
  const names = text.split(",");
  const families = FAMILIES.filter((each) => names.includes(each));
  if (families.length === names.length) return families;
  const other = names.find((name) => !(FAMILIES as readonly string[]).includes(name));
  const got = other === undefined ? "one of them twice" : `"${other}"`;
  throw new InvalidArgumentError(
    `expected families of generated programs, got ${got}; try ${FAMILIES.join(",")}`,
  );
}

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
  return new Option(
    "--migrations <n>",
    "times that a task is moved to another CPU, inside fast paths",
  ).argParser((text) => integer(text, NMI_MAX, "1"));
}

function deathsOption(): Option {
  return new Option("--deaths <n>", "tasks that die, each before any access").argParser((text) =>
    integer(text, NMI_MAX, "1"),
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

/** What the command line says about every scenario. */
export function overrides(options: Options): Partial<ExploreOptions> {
  const { policy, bound, nmi, migrations, deaths, schedules, seed, duration, learning } = options;
  // In an hour, each scenario gets its part of what is left.
  const durationMs = duration ?? (options.deep ? undefined : DEFAULT_DURATION_MS);
  return {
    ...(policy !== undefined && { policy }),
    ...(bound !== undefined && { bound: Number.isFinite(bound) ? bound : null }),
    ...(nmi !== undefined && { nmi, nmiDepth: Math.max(1, nmi) }),
    ...(migrations !== undefined && { migrations }),
    ...(deaths !== undefined && { deaths }),
    ...(schedules !== undefined && { schedules }),
    ...(!learning && { learns: false }),
    ...(durationMs !== undefined && { durationMs }),
    seed,
  };
}

/** What the document says about the command line. */
export function parametersOf(scenario: string | null, options: Options) {
  const { policy = null, nmi = null, duration = null, bound, budget = null, shard } = options;
  const { all, deep, generated } = options;
  const tier = all ? "all" : deep ? "deep" : generated !== undefined ? "generated" : "some";
  return {
    ...{ scenario, policy, bound: bound !== undefined && Number.isFinite(bound) ? bound : null },
    ...{ nmi, durationMs: duration, tier: tier as "all" | "deep" | "generated" | "some" },
    families: generated === undefined || generated === true ? null : [...generated],
    ...{ budgetMs: budget, shard: shard ?? null },
  };
}
