/**
 * The options that mean the same in every command, and their parsers.
 *
 * A parser takes the text of one argument and returns its value, or throws with what was expected,
 * what came and what to try; commander adds the option's name. Units are in the names: durations
 * are milliseconds, sizes bytes, shares percent.
 */
import { availableParallelism } from "node:os";
import { InvalidArgumentError, Option } from "commander";
import { PERCPU_LAYERS } from "../../heap/options.js";
import { SEED_MAX } from "../../workload/random.js";

/** The seed of a run that names none: every run is reproducible without being asked. */
export const DEFAULT_SEED = 0x51ab1ab;
/** As many CPUs as one heap has per-CPU areas for. */
export const CPUS_MAX = 256;

/** `--cpus <n>`: how many Workers, or simulated CPUs, take part. */
export function cpusOption(defaultCpus = Math.min(availableParallelism(), CPUS_MAX)): Option {
  return new Option("--cpus <n>", "number of CPUs").argParser(parseCpus).default(defaultCpus);
}

/** `--cpus <list>` of a command that sweeps the number of CPUs. */
export function cpusListOption(defaultCpus: readonly number[]): Option {
  return new Option("--cpus <list>", "numbers of CPUs to sweep, such as 1,2,4")
    .argParser(parseCpusList)
    .default(defaultCpus, defaultCpus.join(","));
}

/** `--duration <time>`; the value is in milliseconds. */
export function durationOption(defaultText: string): Option {
  return new Option("--duration <time>", "how long to run, such as 500ms, 5s or 2m")
    .argParser(parseDurationMs)
    .default(parseDurationMs(defaultText), defaultText);
}

/** `--seed <n>`: decimal, 0x..., or `random`. */
export function seedOption(): Option {
  return new Option("--seed <n>", "decimal, 0x... or the word random")
    .argParser(parseSeed)
    .default(DEFAULT_SEED, `0x${DEFAULT_SEED.toString(16)}`);
}

/** `--percpu <layer>`: what a CPU allocates from and frees to. @param more what else it may say */
export function percpuOption(fallback: string, more: readonly string[] = []): Option {
  return new Option("--percpu <layer>", "what a CPU allocates from and frees to")
    .choices([...more, ...PERCPU_LAYERS])
    .default(fallback);
}

/** `--json`: exactly one JSON document on standard output. */
export function jsonOption(): Option {
  return new Option("--json", "print one JSON document instead of text").default(false);
}

/** `-q, --quiet`: no progress on standard error. */
export function quietOption(): Option {
  return new Option("-q, --quiet", "show no progress").default(false);
}

/** Parses a number of CPUs, 1..256. */
export function parseCpus(text: string): number {
  return parseInteger(text, { min: 1, max: CPUS_MAX, example: "4" });
}

/** Parses numbers of CPUs such as `1,2,4`. */
export function parseCpusList(text: string): number[] {
  return parseList(text, parseCpus);
}

/** Parses a duration such as `500ms`, `5s` or `2m` into milliseconds. */
export function parseDurationMs(text: string): number {
  const match = /^(\d+(?:\.\d+)?|\.\d+)(ms|s|m)$/.exec(text.trim());
  const durationMs = Number(match?.[1]) * (UNIT_MS[match?.[2] ?? ""] ?? Number.NaN);
  if (!(durationMs > 0)) {
    throw invalid("a duration above zero with a unit (ms, s, m)", text, suggestUnit(text));
  }
  return durationMs;
}

/** Parses a seed: an integer in 0..2^32-1 as decimal or 0x..., or `random` to draw one. */
export function parseSeed(text: string): number {
  if (text === "random") return crypto.getRandomValues(new Uint32Array(1))[0] as number;
  const isNumber = /^(\d+|0x[\da-f]+)$/i.test(text);
  const seed = Number(text);
  if (!isNumber || seed > SEED_MAX) {
    throw invalid("an integer in 0..0xffffffff, decimal or 0x..., or random", text, "0x51ab1ab");
  }
  return seed;
}

/** Parses a size such as `64`, `4k`, `4KiB` or `256MiB` (all powers of 1024) into bytes. */
export function parseSizeBytes(text: string): number {
  const match = /^(\d+)(?:([kmg])(?:ib|b)?|b)?$/i.exec(text.trim());
  const scale = UNIT_BYTES[match?.[2]?.toLowerCase() ?? ""] ?? Number.NaN;
  const sizeBytes = Number(match?.[1]) * scale;
  if (!(sizeBytes >= 1 && sizeBytes <= 2 ** 32)) {
    throw invalid("a size in 1..4GiB, plain or with k, m, g", text, "64, 4KiB or 256MiB");
  }
  return sizeBytes;
}

/** Parses sizes such as `8,64,1k` into bytes. */
export function parseSizesBytes(text: string): number[] {
  return parseList(text, parseSizeBytes);
}

/** Parses shares in percent such as `0,0.1,1,3,10`; a `%` after a number is allowed. */
export function parseSharesPercent(text: string): number[] {
  return parseList(text, (item) => {
    const match = /^(\d+(?:\.\d+)?|\.\d+)\s*%?$/.exec(item);
    const percent = Number(match?.[1] ?? Number.NaN);
    if (!(percent >= 0 && percent <= 100)) {
      throw invalid("shares in percent, 0..100, separated by commas", item, "0,0.1,1,3,10");
    }
    return percent;
  });
}

export interface IntegerBounds {
  readonly min: number;
  readonly max: number;
  readonly example: string;
}

/** Parses a decimal integer in `min`..`max`, both included. */
export function parseInteger(text: string, { min, max, example }: IntegerBounds): number {
  const value = Number(text);
  if (!/^-?\d+$/.test(text.trim()) || value < min || value > max) {
    throw invalid(`an integer in ${min}..${max}`, text, example);
  }
  return value;
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };
const UNIT_BYTES: Readonly<Record<string, number>> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** Splits at commas; refuses an empty list, an empty item and the same value twice. */
function parseList<T>(text: string, parseItem: (item: string) => T): T[] {
  const values = text.split(",").map((item) => parseItem(item.trim()));
  if (new Set(values).size !== values.length) {
    throw invalid("every value once", text, [...new Set(values)].join(","));
  }
  return values;
}

function suggestUnit(text: string): string {
  return /^\d+$/.test(text) && Number(text) > 0 ? `${text}s or ${text}ms` : "5s or 500ms";
}

function invalid(expected: string, got: string, example: string): InvalidArgumentError {
  return new InvalidArgumentError(`expected ${expected}, got "${got}"; try ${example}`);
}
