/** The options of `slablab fuzz` that no other command has, and what they mean together. */
import { InvalidArgumentError, Option } from "commander";
import { DEFER_ARMS, type DeferArm } from "../../heap/arms.js";
import type { PercpuLayer } from "../../heap/options.js";
import {
  DEPTH_MAX,
  type FuzzFeatures,
  type FuzzSetup,
  makeMatrix,
} from "../../workload/reentry/reentry-setup.js";
import { UsageError } from "../common/exit.js";
import { parseDurationMs, parseInteger } from "../common/common-options.js";

/** What commander hands over. */
export interface FuzzOptions {
  readonly duration: number | undefined;
  readonly ops: number | undefined;
  readonly seed: number;
  readonly cpus: readonly number[];
  readonly arm: DeferArm | "all";
  readonly rt: boolean;
  /** Commander's name of `--no-cmpxchg`: true unless the flag is given. */
  readonly cmpxchg: boolean;
  readonly hardened: boolean;
  readonly randomize: boolean;
  readonly slabDebug: string | undefined;
  readonly percpu: PercpuLayer;
  readonly memcg: boolean;
  readonly depth: number;
  readonly snapshot: string | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** One CPU in this thread, then two Workers. */
export const DEFAULT_FUZZ_CPUS = [1, 2] as const;
const DEFAULT_DURATION_MS = 10_000;
const OPERATIONS_MAX = 1e9;
/** The Workers of a fuzz hand objects over in the bottom of the memory, where arrays lie too. */
const FUZZ_CPUS_MAX = 64;

export function fuzzDurationOption(): Option {
  return new Option(
    "--duration <time>",
    "how long to run, all setups together (default: 10s without --ops)",
  ).argParser(parseDurationMs);
}

export function opsOption(): Option {
  return new Option("--ops <n>", "operations of each CPU in each setup").argParser((text) =>
    parseInteger(text, { min: 1, max: OPERATIONS_MAX, example: "1000000" }),
  );
}

export function armOption(): Option {
  return new Option("--arm <name>", "an arm of deferral, or all")
    .choices(["all", ...DEFER_ARMS])
    .default("all");
}

export function depthOption(): Option {
  return new Option("--depth <n>", `how deep trace points are re-entered, 0..${DEPTH_MAX}`)
    .argParser((text) => parseInteger(text, { min: 0, max: DEPTH_MAX, example: "3" }))
    .default(DEPTH_MAX);
}

/** `--slab-debug <string>`: looked at by the heap; here only what cannot be any. */
export function slabDebugOption(): Option {
  return new Option("--slab-debug <string>", "as the kernel's slab_debug=").argParser((text) => {
    if (text !== "") return text;
    throw new InvalidArgumentError('expected letters such as FZPU, got ""; leave it out');
  });
}

/** How long the fuzz runs: `null` where something else bounds it. */
export function lengthOf({ duration, ops }: Pick<FuzzOptions, "duration" | "ops">): {
  durationMs: number | null;
  operations: number | null;
} {
  const fallback = ops === undefined ? DEFAULT_DURATION_MS : null;
  return { durationMs: duration ?? fallback, operations: ops ?? null };
}

/** The setups that the options ask for. @throws UsageError for what cannot be together */
export function setupsOf(options: FuzzOptions): FuzzSetup[] {
  const tooMany = options.cpus.find((cpus) => cpus > FUZZ_CPUS_MAX);
  if (tooMany !== undefined) {
    throw new UsageError(`--cpus: expected 1..${FUZZ_CPUS_MAX} CPUs, got ${tooMany}; try 1,4`);
  }
  const arm = options.arm === "all" ? null : options.arm;
  const features = featuresOf(options);
  return options.cpus.flatMap((cpus) => makeMatrix({ arm, features, depth: options.depth, cpus }));
}

/** null: none was named, so that all arms mean the whole matrix. */
function featuresOf(options: FuzzOptions): FuzzFeatures | null {
  const { rt, cmpxchg, hardened, randomize, slabDebug = "", percpu, memcg } = options;
  const features = { rt, noCmpxchg: !cmpxchg, hardened, randomize, slabDebug, memcg };
  const isPlain = Object.values(features).every((value) => value === false || value === "");
  return isPlain && percpu === "slab" ? null : { ...features, percpu };
}
