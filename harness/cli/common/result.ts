/**
 * Standard output, which gets the result, and standard error, which gets the rest: what happens
 * when nobody reads them, or they are files on a full disk.
 *
 * A reader that leaves (`| head`, `2>&1 | less`) ends no run: files are still written, and the
 * status is what it would have been. A result that could not be written is not fine.
 */
import { fstatSync, writeFileSync } from "node:fs";
import { EXIT } from "./exit.js";

let isLost = false;

/** Call once, before anything is written. */
export function guardStreams(): void {
  // Progress and sentences are not worth a run, and there is nowhere left to say it.
  process.stderr.on("error", () => {});
  process.stdout.on("error", lose);
  process.on("exit", () => {
    if (isLost && (process.exitCode ?? EXIT.fine) === EXIT.fine) {
      process.exitCode = EXIT.environment;
    }
  });
}

/** Print the result, or a part of it. All of it arrives, or the status says that it did not. */
export function printResult(text: string): void {
  if (!isFile(process.stdout.fd)) {
    process.stdout.write(text);
    return;
  }
  // The stream writes to a file once: of a write that the disk has half the room for, it would
  // lose the other half and say nothing.
  try {
    writeFileSync(process.stdout.fd, text);
  } catch (error) {
    lose(error as NodeJS.ErrnoException);
  }
}

function isFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile();
  } catch {
    return false;
  }
}

function lose(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE" || isLost) return;
  isLost = true;
  console.error(
    `slablab: cannot write the result to standard output: ${error.message}; ` +
      "try another place for it",
  );
}
