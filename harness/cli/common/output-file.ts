/**
 * Files that a command is asked to write: looked at before it runs, not after minutes, and written
 * after the result, which a full disk must not take along.
 */
import { access, constants, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { EXIT, type ExitStatus, UsageError } from "./exit.js";

/**
 * Say before the run that a file could not be written.
 *
 * @param example a name for a file of its kind
 * @throws UsageError for a directory, a folder that is not there, what the user may not write
 */
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

/**
 * The same for a file that repeats what is printed, where an empty path is no reason to refuse the
 * run: it is what a script passes whose variable is not set. The result is printed, the status
 * says that there is no file, and this says so before the run.
 */
export async function checkCopy(option: string, file: string, example: string): Promise<void> {
  if (file !== "") return checkWritable(option, file, example);
  console.error(
    `slablab: ${option}: expected a file, got an empty path: the result will be printed and no ` +
      `file written, with status ${EXIT.environment}; try ./${example}`,
  );
}

/** @returns null once it is written, else a sentence on why not: the result is printed first */
export async function writeOutput(
  option: string,
  file: string,
  content: string | Uint8Array | Iterable<string>,
): Promise<string | null> {
  try {
    await writeFile(file, content);
    return null;
  } catch (error) {
    const { message } = error as Error;
    const what = file === "" ? "a file with an empty path" : file;
    return `${option}: cannot write ${what}: ${message}; try another path, or make room`;
  }
}

/**
 * The status of a command that wanted to write files, after it has printed its result.
 *
 * @param status that of the result: a finding stays one
 * @param failures what `writeOutput` returned
 */
export function statusWith(status: ExitStatus, failures: readonly (string | null)[]): ExitStatus {
  const said = failures.filter((failure) => failure !== null);
  for (const failure of said) console.error(`slablab: ${failure}`);
  return said.length > 0 && status === EXIT.fine ? EXIT.environment : status;
}
