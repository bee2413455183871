/**
 * The options of a heap: what they mean, their defaults, and the refusal of bad ones.
 *
 * Every refusal is a RangeError or TypeError that says what was expected, what came and what to
 * try. What a later version brings is known here already and refused by name, so that nobody
 * believes it works.
 */
import { DEFER_ARMS, type DeferArm, MAX_CPUS, MAX_NODES } from "./constants.js";
import { describe, throwNotInteger, throwUnsupported } from "./errors.js";
import { availableParallelism } from "./runtime.js";

const MIB = 2 ** 20;
/** A wasm page, in bytes: the unit of a memory's size. */
export const WASM_PAGE_BYTES = 65536;
const MEMORY_MAX_BYTES = 2 ** 32;
const CACHES_MAX = 4096;

/** Variants of the one source: see `HeapOptions.build`. */
export const BUILDS = ["release", "stats", "debug", "model"] as const;
export type BuildName = (typeof BUILDS)[number];

export interface HeapOptions {
  /**
   * How many CPUs there can be at the same time, 1..256.
   * @default what the machine runs in parallel
   */
  readonly cpus?: number;
  /**
   * NUMA nodes, 1..8: blocks of 4 MiB belong to them in turn, and so do CPUs.
   * @default 1
   */
  readonly nodes?: number;
  /**
   * What the memory may grow to, in bytes, 1 MiB..4 GiB; rounded down to 64 KiB.
   * @default 256 MiB
   */
  readonly maximumBytes?: number;
  /**
   * What the memory starts with, in bytes; the heap grows it where its tables need more.
   * @default 1 MiB, more if `reserveBytes` needs it
   */
  readonly initialBytes?: number;
  /**
   * Bytes at the bottom of the memory that belong to other modules.
   * @default 0
   */
  readonly reserveBytes?: number;
  /**
   * Size of the cache table, the 13 kmalloc caches included, 16..4096.
   * @default 256
   */
  readonly maxCaches?: number;
  /**
   * Where objects wait that a nolock call frees and cannot free right away.
   * @default "irq-work"
   */
  readonly defer?: DeferArm;
  /**
   * `stats` counts everything, `debug` counts and checks more, `model` makes each operation on
   * per-CPU data one atomic instruction.
   * @default "release"
   */
  readonly build?: BuildName;
  /** Your own bytes or module, of this very version, instead of `build`. */
  readonly module?: WebAssembly.Module | BufferSource;
  /** Where your own bytes are, instead of `build`. */
  readonly wasmUrl?: string | URL;
  /**
   * The per-CPU layer; this version has cpu slabs.
   * @default "slab"
   */
  readonly percpu?: "slab";
}

/** The options of a heap as they are in force. */
export interface ResolvedOptions {
  readonly cpus: number;
  readonly nodes: number;
  readonly maximumBytes: number;
  readonly reserveBytes: number;
  readonly maxCaches: number;
  readonly defer: DeferArm;
  readonly percpu: "slab";
  /** As it was asked for; absent from a heap that was attached to. */
  readonly initialBytes?: number;
  /** Absent also where `module` or `wasmUrl` was given. */
  readonly build?: BuildName;
}

/** Options that a later version brings, and what to do until then. */
const LATER: Readonly<Record<string, string>> = {
  rt: "leave options.rt out",
  slabDebug: 'try options.build: "debug"',
  hardened: "leave options.hardened out",
  randomize: "leave options.randomize out",
  failslab: "try a small options.maximumBytes to make allocations fail",
  memcg: "leave options.memcg out",
};

const KNOWN = [
  ...["cpus", "nodes", "maximumBytes", "initialBytes", "reserveBytes", "maxCaches", "defer"],
  ...["build", "module", "wasmUrl", "percpu"],
];

/**
 * Check `options` and fill in the defaults.
 *
 * @throws TypeError, RangeError for a bad option; UnsupportedError for one that comes later
 */
export function resolveOptions(options: HeapOptions): ResolvedOptions {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(
      `options: expected an object, got ${describe(options)}; try createHeap({ cpus: 4 })`,
    );
  }
  refuseUnknown(options);
  const cpus = integer("cpus", options.cpus, defaultCpus(), 1, MAX_CPUS);
  const nodes = integer("nodes", options.nodes, 1, 1, MAX_NODES);
  const maximumBytes = resolveMaximum(options.maximumBytes);
  const reserveBytes = integer("reserveBytes", options.reserveBytes, 0, 0, maximumBytes - 1);
  const fallback = Math.min(roundUp(Math.max(MIB, reserveBytes)), maximumBytes);
  const initialBytes = integer("initialBytes", options.initialBytes, fallback, 0, maximumBytes);
  return {
    cpus,
    nodes,
    maximumBytes,
    reserveBytes,
    initialBytes: roundUp(initialBytes),
    maxCaches: integer("maxCaches", options.maxCaches, 256, 16, CACHES_MAX),
    defer: oneOf("defer", options.defer, "irq-work", DEFER_ARMS),
    percpu: resolvePercpu(options.percpu),
    ...resolveBuild(options),
  };
}

/** @returns `bytes` rounded up to a whole number of wasm pages, at least one. */
function roundUp(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / WASM_PAGE_BYTES)) * WASM_PAGE_BYTES;
}

function defaultCpus(): number {
  return Math.min(availableParallelism(), MAX_CPUS);
}

function refuseUnknown(options: object): void {
  for (const [key, value] of Object.entries(options)) {
    if (KNOWN.includes(key)) continue;
    const later = LATER[key];
    if (later === undefined) {
      throw new TypeError(
        `options.${key}: expected one of ${KNOWN.join(", ")}, got an unknown option; ` +
          "check the spelling",
      );
    }
    // Saying no to what does not exist yet is no wish for it.
    if (value !== undefined && value !== false) throwUnsupported(`options.${key}`, later);
  }
}

function integer(
  name: string,
  value: number | undefined,
  fallback: number,
  minimum: number,
  maximum: number,
): number {
  const number = value === undefined ? fallback : value;
  if (Number.isInteger(number) && number >= minimum && number <= maximum) return number;
  return throwNotInteger(`options.${name}`, number, minimum, maximum);
}

function resolveMaximum(value: number | undefined): number {
  const bytes = integer("maximumBytes", value, 256 * MIB, MIB, MEMORY_MAX_BYTES);
  return Math.floor(bytes / WASM_PAGE_BYTES) * WASM_PAGE_BYTES;
}

function oneOf<T extends string>(
  name: string,
  value: T | undefined,
  fallback: T,
  choices: readonly T[],
): T {
  if (value === undefined) return fallback;
  if (choices.includes(value)) return value;
  const message =
    `options.${name}: expected one of ${choices.join(", ")}, got ${describe(value)}; ` +
    `leave it out for ${fallback}`;
  if (typeof value !== "string") throw new TypeError(message);
  throw new RangeError(message);
}

function resolvePercpu(value: string | undefined): "slab" {
  if (value === "sheaf") throwUnsupported('options.percpu: "sheaf"', 'try "slab"');
  return oneOf("percpu", value as "slab" | undefined, "slab", ["slab"]);
}

function resolveBuild(options: HeapOptions): { build?: BuildName } {
  const given = (["build", "module", "wasmUrl"] as const).filter((key) => options[key] != null);
  if (given.length > 1) {
    throw new TypeError(
      `options: expected at most one of build, module and wasmUrl, got ${given.join(" and ")}; ` +
        "leave all but one out",
    );
  }
  const build: string | undefined = options.build;
  if (build === "trace") throwUnsupported('options.build: "trace"', 'try "debug" or "stats"');
  if (options.module !== undefined || options.wasmUrl !== undefined) return {};
  return { build: oneOf("build", options.build, "release", BUILDS) };
}
