/**
 * The list of commands, in the order that help shows them.
 *
 * A command is one file that exports `register(program)`: it adds its subcommand, with options and
 * an action, through `program.command(name)`. What only the action needs it imports inside the
 * action, so that `--help` and `--version` stay fast.
 */
import type { Command } from "commander";
import * as bench from "./bench/bench-command.js";
import * as compare from "./compare/compare-command.js";
import * as doctor from "./doctor/doctor-command.js";
import * as explore from "./explore/explore-command.js";
import * as fuzz from "./fuzz/fuzz-command.js";
import * as mutants from "./mutants/mutants-command.js";
import * as replay from "./replay/replay-command.js";
import * as slabinfo from "./slabinfo/slabinfo-command.js";
import * as slabtop from "./slabtop/slabtop-command.js";
import * as stress from "./stress/stress-command.js";
import * as trace from "./trace/trace-command.js";

export interface CommandModule {
  /** Adds one subcommand, with its `description`, to `program`. */
  register(program: Command): void;
}

export const COMMANDS: readonly CommandModule[] = [
  ...[compare, bench, stress, trace],
  ...[fuzz, explore, replay, mutants],
  ...[slabinfo, slabtop, doctor],
];
