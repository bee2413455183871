/**
 * Which heap the tools that look at one show: that of a load they run, or of a snapshot.
 */
import { InvalidArgumentError, Option } from "commander";
import type { PercpuLayer } from "../../heap/options.js";
import { parseInteger } from "./common-options.js";

/** The loads by name. */
export const LOADS = ["mixed", "idle"] as const;
export type LoadName = (typeof LOADS)[number];

export const DEFAULT_LOAD: LoadName = "mixed";
export const DEFAULT_OPS = 100_000;
const OPS_MAX = 1e9;

export interface SourceOptions {
  readonly load: LoadName | undefined;
  readonly ops: number | undefined;
  readonly snapshot: string | undefined;
  readonly percpu: PercpuLayer;
  readonly seed: number;
}

export function loadOption(): Option {
  return new Option("--load <name>", "the load whose heap is shown (default: mixed)")
    .choices(LOADS)
    .conflicts("snapshot");
}

export function loadOpsOption(): Option {
  return new Option("--ops <n>", `operations of the load (default: ${DEFAULT_OPS})`)
    .argParser((text) => parseInteger(text, { min: 0, max: OPS_MAX, example: "100000" }))
    .conflicts("snapshot");
}

/** `--snapshot <file>`: read, not written. */
export function readSnapshotOption(): Option {
  return new Option("--snapshot <file>", "show the heap that another command saved").argParser(
    parsePath,
  );
}

/** `--save-snapshot <file>`: written. */
export function saveSnapshotOption(): Option {
  return new Option("--save-snapshot <file>", "save the heap, to be shown again").argParser(
    parsePath,
  );
}

function parsePath(text: string): string {
  if (text !== "") return text;
  throw new InvalidArgumentError('expected a path, got ""; try heap.snapshot');
}
