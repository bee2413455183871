/**
 * A command line of slablab, run in this thread: what it prints and its status, without the third
 * of a second that a process takes to start. For what a command says; what a process does (streams
 * that close, Ctrl-C, its status as others see it) takes the real binary.
 */
import { format } from "node:util";
import { main } from "slablab/internal/cli/cli-program.js";
import { vi } from "vitest";

export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One at a time: streams and status are the process's own. */
let last: Promise<unknown> = Promise.resolve();

/** @param args as a shell would give them, without the program */
export function slablabHere(...args: readonly string[]): Promise<Outcome> {
  const next = last.then(() => run(args));
  last = next.catch(() => {});
  return next;
}

async function run(args: readonly string[]): Promise<Outcome> {
  let [stdout, stderr] = ["", ""];
  const spies = [
    vi.spyOn(process.stdout, "write").mockImplementation((part) => {
      stdout += part;
      return true;
    }),
    vi.spyOn(process.stderr, "write").mockImplementation((part) => {
      stderr += part;
      return true;
    }),
    vi.spyOn(console, "error").mockImplementation((...parts) => {
      stderr += `${format(...parts)}\n`;
    }),
  ];
  const before = process.exitCode;
  process.exitCode = 0;
  try {
    const said = await main(args);
    return { status: said ?? Number(process.exitCode), stdout, stderr };
  } finally {
    process.exitCode = before;
    for (const spy of spies) spy.mockRestore();
  }
}
