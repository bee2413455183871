/**
 * The program: built from the command modules, run, and its exit code set.
 *
 * Results go to standard output, everything else to standard error. Exit codes are in exit.ts.
 */
import { Command, CommanderError } from "commander";
import { packageVersion } from "../measure/common/environment.js";
import { ensureBuilds } from "./builds.js";
import { COMMANDS } from "./commands.js";
import { CliError, EXIT, type ExitStatus } from "./common/exit.js";
import { requirements } from "./doctor/requirements.js";
import { guardStreams, printResult } from "./common/result.js";

/** Commands that the bare `slablab` offers to copy. */
const OFFER_COUNT = 4;

/** Run one command line as the program of this process. @param args without those of the runtime */
export async function run(args: readonly string[]): Promise<void> {
  guardStreams();
  const status = await main(args);
  if (status !== undefined) process.exitCode = status;
}

/** All commands, as the command line and the tests of its examples see them. */
export function createProgram(): Command {
  const program = new Command("slablab")
    .description("A SLUB-style slab allocator on shared memory, measured, broken and explained.")
    .version(packageVersion() ?? "unknown", "-V, --version")
    // What comes after a command is that command's: `bench compare` has flags that bench has, too.
    .enablePositionalOptions()
    .showHelpAfterError("(--help shows what is possible)")
    .exitOverride()
    .configureOutput({
      writeOut: printResult,
      outputError: (text, write) => write(text.replace(/^error: /, "slablab: ")),
    });
  for (const command of COMMANDS) command.register(program);
  program.hook("preAction", (_, command) =>
    ensureBuilds(topLevelName(command), command.opts().percpu),
  );
  return program;
}

/** `bench` of `bench compare`. */
function topLevelName(command: Command): string {
  const { parent } = command;
  return parent === null || parent.parent === null ? command.name() : topLevelName(parent);
}

/** Run one command line. @returns its status; undefined: the command has set process.exitCode */
export async function main(args: readonly string[]): Promise<ExitStatus | undefined> {
  const program = createProgram();
  if (args.length === 0) {
    printResult(welcome(program));
    return EXIT.fine;
  }
  try {
    await program.parseAsync(args.map(wordFor), { from: "user" });
    return undefined;
  } catch (error) {
    return statusOf(error);
  }
}

/** One option has one name in every command; these were others, and are understood. */
const FORMER_NAMES = [
  ["--arms", "--arm"],
  ["--out", "--output"],
] as const;

function wordFor(word: string): string {
  const [former, name] = FORMER_NAMES.find(([former]) => word.split("=")[0] === former) ?? [];
  return former === undefined ? word : `${name}${word.slice(former.length)}`;
}

/** What the bare command prints: a sentence and a few commands to copy. */
function welcome(program: Command): string {
  const offers = program.commands.slice(0, OFFER_COUNT);
  const width = Math.max(0, ...offers.map((command) => command.name().length));
  const lines = offers.map(
    (command) => `  npx slablab ${command.name().padEnd(width)}   ${command.description()}`,
  );
  return [program.description(), "", ...lines, `  npx slablab ${"--help".padEnd(width)}`, ""].join(
    "\n",
  );
}

/** Reports an error once and says which exit status it stands for. */
function statusOf(error: unknown): ExitStatus {
  // commander has printed its message already; --help and --version also arrive here.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.fine : EXIT.usage;
  if (error instanceof CliError) {
    console.error(`slablab: ${error.message}`);
    return error.status;
  }
  const lacks = requirements().filter(({ verdict }) => verdict === "fails");
  if (lacks.length > 0) {
    const names = lacks.map(({ name }) => name).join(", ");
    const message = error instanceof Error ? error.message : String(error);
    console.error(`slablab: ${message}: this runtime lacks ${names}; slablab doctor says more`);
    return EXIT.environment;
  }
  console.error(error);
  return EXIT.finding;
}
