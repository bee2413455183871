/** Files that a command is asked to write: looked at before it runs, not after minutes. */
import { access, constants, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { UsageError } from "./exit.js";

/** @throws UsageError if `file` cannot be written. @param example a name for a file of its kind */
export async function checkWritable(option: string, file: string, example: string): Promise<void> {
  const found = await stat(file).catch(() => null);
  if (found?.isDirectory() === true) {
    const inside = join(file, example);
    throw new UsageError(`${option}: expected a file, got the directory ${file}; try ${inside}`);
  }
  const directory = dirname(file);
  try {
    await access(found === null ? directory : file, constants.W_OK);
  } catch {
    const expected = `${option}: expected a file that can be written, got ${file}`;
    throw new UsageError(
      found === null
        ? `${expected}; make ${directory}, or try ./${example}`
        : `${expected}; try ./${example}`,
    );
  }
}
