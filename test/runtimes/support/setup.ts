/**
 * What this project needs: the runtimes, and an empty project with the tarball in it.
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
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import type { TestProject } from "vitest/node";
import { hashFiles } from "../../../.tools/files.mjs";
import { withLock } from "../../../.tools/lock.mjs";
import type { Packed } from "./packed.js";
import { IS_LINUX_X64, isInstalled, RUNTIMES } from "./runtimes.js";

const ROOT = resolve(import.meta.dirname, "../../..");
const HERE = "test/runtimes";
const INSTALLED = join(ROOT, ".slablab", "runtimes");
const FILES = ["package.json", "package-lock.json", ".npmrc"];
const QUIET = ["--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts"];
const WINDOWS = process.platform === "win32";

/**
 * vitest's global setup. It starts the work and does not wait for it: the network has its time
 * while other projects compute. @returns what runs after the last test
 */
export function setup({ provide }: TestProject): () => Promise<void> {
  const project = realpathSync(mkdtempSync(join(tmpdir(), "slablab-pack-")));
  const says = join(project, "packed.json");
  provide("packed", says);
  const prepared = prepare(project).then(
    (ready) => publish(says, ready),
    (error: unknown) => publish(says, { failure: String(error) }),
  );
  return async () => {
    await prepared;
    rmSync(project, { recursive: true, force: true });
  };
}

async function prepare(project: string): Promise<Packed> {
  const [tarball] = await Promise.all([
    installTarball(project),
    withLock(join(ROOT, ".slablab", "runtimes.lock"), installRuntimes),
  ]);
  return { project, runtimes: join(INSTALLED, "node_modules"), tarball };
}

/** Whole at once: who sees the file may read it. */
function publish(file: string, text: object): void {
  writeFileSync(`${file}.part`, JSON.stringify(text));
  renameSync(`${file}.part`, file);
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
