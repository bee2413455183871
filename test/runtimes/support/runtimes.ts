/**
 * The runtimes the packed library is tried on, and how a script is started on each.
 *
 * The one that runs the tests is always among them; the others are packages with the binary inside,
 * for Linux x64 alone (test/runtimes/package.json).
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

export interface Runtime {
  readonly name: string;
  /** Its binary below the folder of packages; null: the process that runs the tests. */
  readonly binary: string | null;
  /** Arguments before the script. */
  readonly args: readonly string[];
  /** The ways to start a Worker that it has to offer. */
  readonly workers: readonly string[];
}

const NODE = { args: [], workers: ["worker_threads"] };
const BOTH = ["Web Workers", "worker_threads"];

export const RUNTIMES: readonly Runtime[] = [
  { name: `Node ${process.versions.node.split(".")[0]}`, binary: null, ...NODE },
  { name: "Node 22", binary: "node-22/bin/node", ...NODE },
  { name: "Node 24", binary: "node-24/bin/node", ...NODE },
  { name: "the newest Node", binary: "node-newest/bin/node", ...NODE },
  {
    name: "Deno",
    binary: "@deno/linux-x64-glibc/deno",
    args: ["run", "--allow-all"],
    workers: BOTH,
  },
  { name: "Bun", binary: "@oven/bun-linux-x64-baseline/bin/bun", args: [], workers: BOTH },
];

/** Where every runtime's package can be installed. */
export const IS_LINUX_X64 = process.platform === "linux" && process.arch === "x64";

/** Whether its package could be installed here. */
export function isInstalled({ binary }: Runtime, folder: string): boolean {
  return binary === null || existsSync(join(folder, binary));
}

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Run a script of `project` on a runtime, from that folder, to its end. */
export function runScript(
  { binary, args }: Runtime,
  folders: { readonly project: string; readonly runtimes: string },
  script: readonly string[],
): Promise<Outcome> {
  const file = binary === null ? process.execPath : join(folders.runtimes, binary);
  // Nothing of this process: not vitest's options for its Workers, and no colours in messages.
  const { NODE_OPTIONS: _, FORCE_COLOR: __, ...inherited } = process.env;
  const env = { ...inherited, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
  const options = { cwd: folders.project, env, timeout: 300_000, maxBuffer: 2 ** 24 };
  return new Promise((done) => {
    const child = execFile(file, [...args, ...script], options, (_error, stdout, stderr) =>
      done({ status: child.exitCode, stdout, stderr }),
    );
  });
}
