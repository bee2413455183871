/** `slablab replay`: one schedule again, as a timeline with a column per task. */
import type { Command } from "commander";
import type { ExploreFinding } from "../../machine/explore.js";
import { machineBuildHash } from "../../machine/core/module.js";
import { INTERRUPT, choice } from "../../machine/policies/policy.js";
import { parseScenario } from "../../machine/scenarios/scenario.js";
import { formatSchedule } from "../../machine/schedule.js";
import { EXIT, type ExitStatus, UsageError } from "../common/exit.js";
import { parseInteger } from "../common/common-options.js";
import { printResult } from "../common/result.js";

interface Options {
  readonly full: boolean;
  readonly context: number;
}

const DEFAULT_CONTEXT = 4;
const CONTEXT_MAX = 1000;

export function register(program: Command): void {
  program
    .command("replay")
    .description("run one schedule of explore again, and show what happens in it")
    .argument("<schedule>", "the string that a finding printed")
    .option("--full", "show every access", false)
    .option(
      "--context <n>",
      "accesses shown around each switch",
      (text: string) => parseInteger(text, { min: 0, max: CONTEXT_MAX, example: "4" }),
      DEFAULT_CONTEXT,
    )
    .addHelpText("after", help)
    .action(async (text: string, options: Options) => {
      process.exitCode = await run(text, options);
    });
}

const HELP = `
Exit status 1 says that the schedule still ends in a finding.

A schedule is of one build: that of the example, an NMI inside a kmalloc(), is this one.

Example:
  slablab replay `;

/** Made when it is shown: a schedule of another build than the one here is refused. */
function help(): string {
  const build = machineBuildHash("model");
  if (build === null) return `${HELP}SCHEDULE`;
  const scenario = parseScenario(EXAMPLE);
  const deviations = [{ at: EXAMPLE_DECISION, code: choice(0, INTERRUPT) }];
  return `${HELP}'${formatSchedule({ build, scenario, deviations })}'`;
}

const EXAMPLE = "model/64/irq-work/task:k0f0/nmi:K1F1";
/** By then the task is inside its kmalloc(). */
const EXAMPLE_DECISION = 4;

function where({ function: name, source }: ExploreFinding): string {
  return source === "" ? name : `${name} (${source})`;
}

async function run(text: string, { full, context }: Options): Promise<ExitStatus> {
  const { ScheduleError, parseSchedule } = await import("../../machine/schedule.js");
  const { ScenarioError } = await import("../../machine/scenarios/scenario.js");
  const { replay } = await import("../../machine/replay.js");
  const { timeline } = await import("../../machine/timeline/timeline.js");
  try {
    const { stage, events, finding, steps } = await replay(parseSchedule(text));
    const { machine, tasks } = stage;
    const lines = timeline(events, machine.module.table.sites, {
      fibres: tasks.length,
      context: full ? Number.POSITIVE_INFINITY : context,
    });
    const end =
      finding === null
        ? `no finding in ${steps} accesses`
        : `${finding.kind}: ${finding.message}, in ${finding.operation}(), ${where(finding)}`;
    printResult([...lines, "", end, ""].join("\n"));
    return finding === null ? EXIT.fine : EXIT.finding;
  } catch (error) {
    const isUsage = error instanceof ScheduleError || error instanceof ScenarioError;
    if (isUsage) throw new UsageError(`replay: ${error.message}`);
    throw error;
  }
}
