/**
 * Before the first test of this project: the runtimes, and an empty project with the tarball in it.
 *
 * The runtimes are installed once, into .slablab/runtimes, and again when their lock file changes.
 * The project is made anew each time and lies outside the repository: inside, what the package
 * forgot to name would be found in our own node_modules.
 */
import { execFile } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import type { TestProject } from "vitest/node";
import { hashFiles } from "../../../.tools/files.mjs";
import { withLock } from "../../../.tools/lock.mjs";
import { IS_LINUX_X64, isInstalled, RUNTIMES } from "./runtimes.js";

const ROOT = resolve(import.meta.dirname, "../../..");
const HERE = "test/runtimes";
const INSTALLED = join(ROOT, ".slablab", "runtimes");
const FILES = ["package.json", "package-lock.json", ".npmrc"];
const QUIET = ["--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts"];
const WINDOWS = process.platform === "win32";

declare module "vitest" {
  export interface ProvidedContext {
    /** Folder of a project with the tarball, the smoke suite and the app. */
    readonly project: string;
    /** Folder of the installed runtimes' packages. */
    readonly runtimes: string;
    /** The tarball's files, by path, and its size in bytes. */
    readonly tarball: { readonly files: readonly string[]; readonly size: number };
  }
}

/** vitest's global setup. @returns what runs after the last test */
export async function setup({ provide }: TestProject): Promise<() => void> {
  await withLock(join(ROOT, ".slablab", "runtimes.lock"), installRuntimes);
  provide("runtimes", join(INSTALLED, "node_modules"));
  const project = realpathSync(mkdtempSync(join(tmpdir(), "slablab-pack-")));
  const remove = () => rmSync(project, { recursive: true, force: true });
  try {
    provide("tarball", await installTarball(project));
    provide("project", project);
  } catch (error) {
    remove();
    throw error;
  }
  return remove;
}

async function installRuntimes(): Promise<void> {
  const hash = hashFiles(
    ROOT,
    FILES.map((file) => `${HERE}/${file}`),
  );
  const stamp = join(INSTALLED, "stamp");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return;
  mkdirSync(INSTALLED, { recursive: true });
  for (const file of FILES) copyFileSync(join(ROOT, HERE, file), join(INSTALLED, file));
  await npm(["ci", ...QUIET], INSTALLED);
  // npm forgives a failed download of an optional package; a stamp would make that last.
  const folder = join(INSTALLED, "node_modules");
  const missing = RUNTIMES.filter((runtime) => !isInstalled(runtime, folder));
  if (IS_LINUX_X64 && missing.length > 0) {
    const names = missing.map(({ name }) => name).join(", ");
    throw new Error(`expected npm ci to install every runtime, got none of ${names}; try again`);
  }
  writeFileSync(stamp, hash);
}

/** Packs what is built and installs it as a user would. */
async function installTarball(project: string) {
  // No scripts: they would build again what every other test is using.
  const out = await npm(
    ["pack", "--json", "--ignore-scripts", "--pack-destination", project],
    ROOT,
  );
  const [packed] = JSON.parse(out) as [
    { filename: string; size: number; files: { path: string }[] },
  ];
  cpSync(join(ROOT, HERE, "app"), project, { recursive: true });
  cpSync(join(ROOT, HERE, "suite"), join(project, "suite"), { recursive: true });
  const example = join(ROOT, "harness", "examples", "audio-worklet");
  cpSync(example, join(project, "audio-worklet"), { recursive: true });
  await npm(["install", ...QUIET, `./${packed.filename}`], project);
  return { files: packed.files.map(({ path }) => path), size: packed.size };
}

async function npm(args: readonly string[], cwd: string): Promise<string> {
  // npm is a script on Windows, and only a shell starts those.
  const options = { cwd, shell: WINDOWS, maxBuffer: 2 ** 24 };
  try {
    return (await promisify(execFile)("npm", args, options)).stdout;
  } catch (error) {
    const { stderr = "", stdout = "" } = error as { stderr?: string; stdout?: string };
    throw new Error(`npm ${args.join(" ")} in ${cwd} failed:\n${stdout}${stderr}`);
  }
}
