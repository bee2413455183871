/**
 * The options of `slablab compare` that no other command has, and what they mean together.
 *
 * Each parser throws with what was expected, what came and what to try; combinations that cannot
 * be are refused by `parametersOf`.
 */
import { InvalidArgumentError, Option } from "commander";
import {
  DEFER_ARMS,
  type DeferArm,
  FLOOR_ARM,
  MERGED_ARM,
  RIVAL_ARM,
  VERSION_1_ARM,
} from "../../heap/arms.js";
import type { PercpuLayer } from "../../heap/options.js";
import {
  COMPARE_LOADS,
  type CompareLoad,
  type CompareParameters,
} from "../../measure/compare/compare-plan.js";
import { UsageError } from "../common/exit.js";
import { parseInteger, parseSizeBytes } from "../common/common-options.js";

/** What the command line says. */
export interface CompareOptions {
  readonly snapshot: string | undefined;
  readonly cpus: number;
  readonly arms: readonly DeferArm[];
  readonly duration: number | undefined;
  readonly shares: readonly number[];
  readonly burst: number;
  readonly nolockCpus: number;
  readonly migrate: number;
  readonly irqCost: number;
  readonly size: number;
  readonly load: CompareLoad | undefined;
  readonly percpu: PercpuLayer;
  readonly rounds: number | undefined;
  readonly seed: number;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** Two CPUs show every effect; one line bounces between two as between many. */
export const DEFAULT_CPUS = 2;

const DEFAULT_SHARES = [0, 0.001, 0.01, 0.03, 0.1] as const;
/** Some frees have to be ordinary: they are what is measured. */
const SHARE_MAX = 0.9;
const SIZE_MAX = 8192;
const BURST_MAX = 256;

export function armsOption(): Option {
  return new Option(
    "--arm <list>",
    `arms of deferral to measure; ${FLOOR_ARM} is always among them`,
  )
    .argParser(parseArms)
    .default(DEFER_ARMS, "all");
}

export function sharesOption(): Option {
  return new Option("--shares <list>", "shares of frees that are nolock, such as 0,0.01,0.1")
    .argParser(parseShares)
    .default(DEFAULT_SHARES, DEFAULT_SHARES.join(","));
}

export function burstOption(): Option {
  return new Option("--burst <n>", "nolock frees in one simulated NMI")
    .argParser((text) => parseInteger(text, { min: 1, max: BURST_MAX, example: "4" }))
    .default(4);
}

export function nolockCpusOption(): Option {
  return new Option("--nolock-cpus <n>", "CPUs that do nothing but nolock frees")
    .argParser((text) => parseInteger(text, { min: 0, max: 255, example: "1" }))
    .default(0);
}

export function migrateOption(): Option {
  return new Option("--migrate <p>", "chance that a nolock free goes to another CPU's list")
    .argParser((text) => parseShare(text, { max: 1, what: "a chance in 0..1", example: "0.1" }))
    .default(0);
}

export function irqCostOption(): Option {
  return new Option("--irq-cost <ns>", "what each raise of irq_work costs beside what is measured")
    .argParser(parseIrqCost)
    .default(0);
}

export function sizeOption(): Option {
  return new Option("--size <bytes>", "size of the objects").argParser(parseSize).default(64);
}

export function loadOption(): Option {
  return new Option(
    "--load <name>",
    "one load alone; left out: the main one (slow-free, with sheaves surplus), the others shortly",
  ).choices(COMPARE_LOADS);
}

export function roundsOption(): Option {
  return new Option("--rounds <n>", "number of rounds; left out: as many as fit").argParser(
    (text) => parseInteger(text, { min: 1, max: 10_000, example: "10" }),
  );
}

const EXAMPLE_ARMS = [VERSION_1_ARM, RIVAL_ARM, MERGED_ARM].join();

/** Parses names of arms; the floor comes first whether it was named or not. */
export function parseArms(text: string): DeferArm[] {
  const names = text.split(",").map((name) => name.trim());
  for (const name of names) {
    if ((DEFER_ARMS as readonly string[]).includes(name)) continue;
    throw invalid(`arms among ${DEFER_ARMS.join(", ")}`, name, EXAMPLE_ARMS);
  }
  return DEFER_ARMS.filter((arm) => arm === FLOOR_ARM || names.includes(arm));
}

/** Parses shares such as `0,0.01,0.1`, ascending. A `%` is understood. */
export function parseShares(text: string): number[] {
  const rule = { max: SHARE_MAX, what: `shares in 0..${SHARE_MAX}`, example: "0,0.01,0.1" };
  const shares = text.split(",").map((item) => parseShare(item, rule));
  return [...new Set(shares)].sort((a, b) => a - b);
}

interface ShareRule {
  readonly max: number;
  readonly what: string;
  readonly example: string;
}

function parseShare(text: string, { max, what, example }: ShareRule): number {
  const match = /^(\d+(?:\.\d+)?|\.\d+)\s*(%?)$/.exec(text.trim());
  const share = Number(match?.[1] ?? Number.NaN) / (match?.[2] === "%" ? 100 : 1);
  if (!(share >= 0 && share <= max)) throw invalid(what, text, example);
  return share;
}

function parseIrqCost(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(ns|us)?$/.exec(text.trim());
  const costNs = Number(match?.[1] ?? Number.NaN) * (match?.[2] === "us" ? 1000 : 1);
  if (!(costNs <= 1e9)) throw invalid("a price in ns from 0 on", text, "500 or 2us");
  return costNs;
}

function parseSize(text: string): number {
  const sizeBytes = parseSizeBytes(text);
  if (sizeBytes < 8 || sizeBytes > SIZE_MAX) {
    throw invalid(`a size in 8..${SIZE_MAX} bytes, which a kmalloc cache serves`, text, "64");
  }
  return sizeBytes;
}

/** Loads that say nothing of the other layer. */
const OF_ONE_LAYER = [
  { load: "slow-free", percpu: "slab" },
  { load: "surplus", percpu: "sheaf" },
] as const satisfies readonly { load: CompareLoad; percpu: PercpuLayer }[];

/** The parameters of the run. @throws UsageError for what cannot be together */
export function parametersOf(options: CompareOptions): CompareParameters {
  const { cpus, arms, shares, burst, nolockCpus, migrate, irqCost, size, seed } = options;
  if (nolockCpus >= cpus) {
    throw new UsageError(
      `--nolock-cpus: expected fewer than --cpus ${cpus}, so that somebody frees ordinarily, ` +
        `got ${nolockCpus}; try --cpus ${nolockCpus + 1}`,
    );
  }
  if (migrate > 0 && cpus < 2) {
    throw new UsageError(
      `--migrate: expected at least two CPUs to move between, got --cpus ${cpus}; try --cpus 2`,
    );
  }
  const traffic = { sizeBytes: size, cpus, burst, nolockCpus, migrate, seed };
  const { rounds = null, load = null, percpu } = options;
  const other = OF_ONE_LAYER.find((one) => one.load === load && one.percpu !== percpu);
  if (other !== undefined) {
    throw new UsageError(
      `--load ${other.load}: expected --percpu ${other.percpu} with it, got ${percpu}; ` +
        "leave --load out for the main load of the layer",
    );
  }
  const durationMs = options.duration ?? null;
  return { ...traffic, arms, shares, durationMs, rounds, irqCostNs: irqCost, percpu, load };
}

function invalid(expected: string, got: string, example: string): InvalidArgumentError {
  return new InvalidArgumentError(`expected ${expected}, got "${got}"; try ${example}`);
}
