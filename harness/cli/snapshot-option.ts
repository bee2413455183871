/**
 * `--snapshot <file>` of commands that run a heap: saved, for slabinfo and slabtop to show, which
 * have an option of the same name to read it.
 */
import { InvalidArgumentError, Option } from "commander";
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
