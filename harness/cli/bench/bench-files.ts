/** Files of `slablab bench`: what is saved, what is compared with, and whether they can be. */
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type BenchReport, parseBenchReport } from "../../report/bench/bench-schema.js";
import { UsageError } from "../common/exit.js";
import { checkWritable } from "../common/output-file.js";

const FOLDER = join(".slablab", "bench");

/** Where `--save NAME` and `--baseline NAME` keep a run. @throws UsageError for a bad name */
export function savedFile(flag: string, name: string): string {
  if (/^\w[\w.-]*$/.test(name)) return join(FOLDER, `${name}.json`);
  throw new UsageError(
    `${flag}: expected a name of letters, digits, ".", "_" and "-", got "${name}"; ` +
      "try main; to compare files use slablab bench compare A.json B.json",
  );
}

/** @throws UsageError if there is no such file, or it is no document of this version */
export async function readBench(flag: string, file: string, advice: string): Promise<BenchReport> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const got = code === "ENOENT" ? "no such file" : code === "EISDIR" ? "a directory" : message;
    throw new UsageError(`${flag}: expected a readable file ${file}, got ${got}; ${advice}`);
  }
  try {
    return parseBenchReport(text, `${flag}: ${file}`);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** Make the folder of saved runs. @throws UsageError if that is not possible */
export async function prepareSave(file: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
  } catch (error) {
    const { message } = error as Error;
    throw new UsageError(
      `--save: expected a folder that ${file} can be written in, got: ${message}; ` +
        "try another working directory",
    );
  }
  await checkWritable("--save", file, "another.json");
}
