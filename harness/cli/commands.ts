/**
 * The list of commands, in the order that help shows them.
 *
 * A command is one file that exports `register(program)`: it adds its subcommand, with options and
 * an action, through `program.command(name)`. What only the action needs it imports inside the
 * action, so that `--help` and `--version` stay fast.
 */
import type { Command } from "commander";
import * as bench from "./bench/bench.js";
import * as compare from "./compare/compare.js";
import * as doctor from "./doctor/doctor.js";
import * as explore from "./explore/explore.js";
import * as fuzz from "./fuzz/fuzz.js";
import * as mutants from "./mutants/mutants.js";
import * as replay from "./replay/replay.js";
import * as slabinfo from "./slabinfo/slabinfo.js";
import * as slabtop from "./slabtop/slabtop.js";
import * as stress from "./stress/stress.js";
import * as trace from "./trace/trace.js";

export interface CommandModule {
  /** Adds one subcommand, with its `description`, to `program`. */
  register(program: Command): void;
}

export const COMMANDS: readonly CommandModule[] = [
  ...[compare, bench, stress, trace],
  ...[fuzz, explore, replay, mutants],
  ...[slabinfo, slabtop, doctor],
];
