/**
 * `--snapshot <file>` of commands that run a heap: saved, for slabinfo and slabtop to show, which
 * have an option of the same name to read it.
 */
import { InvalidArgumentError, Option } from "commander";
import type { RestedHeap } from "../../heap/rested.js";
import { checkWritable } from "./output-file.js";

/** @param which the heap that is saved, in a few words */
export function snapshotOption(which: string): Option {
  return new Option(
    "--snapshot <file>",
    `save ${which}, for slabinfo --snapshot and slabtop --snapshot`,
  ).argParser((text) => {
    if (text !== "") return text;
    throw new InvalidArgumentError('expected a path, got ""; try heap.snapshot');
  });
}

/** Say before the run that the snapshot could not be written. @throws UsageError */
export async function checkSnapshot(file: string | undefined): Promise<void> {
  if (file !== undefined) await checkWritable("--snapshot", file, "heap.snapshot");
}

/** A heap that a command kept. */
export interface Kept {
  readonly heap: RestedHeap;
  /** What ran on it, in a word or two. */
  readonly of: string;
}

interface SaveOptions {
  readonly snapshot: string | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
}

/**
 * Save what was kept, if it was asked for: after the results, which a full disk must not take
 * along. @param kept null: no heap came to rest. @returns why it could not be written, or null
 */
export async function saveKept(options: SaveOptions, kept: Kept | null): Promise<string | null> {
  const { snapshot, json, quiet } = options;
  if (snapshot === undefined) return null;
  if (kept === null) {
    console.error("slablab: no snapshot: the run ended before its heap first came to rest");
    return null;
  }
  const { saveSnapshot } = await import("./heap-source.js");
  const failure = await saveSnapshot("--snapshot", snapshot, kept.heap);
  if (failure === null && !json && !quiet) {
    console.error(`heap of ${kept.of}: npx slablab slabinfo --snapshot ${snapshot}`);
  }
  return failure;
}
