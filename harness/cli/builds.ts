/**
 * What each command runs, and how a clone gets it: `npm start` builds only what the comparison
 * needs, so another command may be the first that needs the rest.
 *
 * An installed package has all of it, and never looks.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { buildHref, MODULE_NAMES, type WasmFile } from "../heap/load.js";
import { machineUrls } from "../machine/core/module.js";
import { EnvironmentError } from "./common/exit.js";

/** A wasm file of the package, or what simulated CPUs run. */
type Build = WasmFile | "machine";

/** By command; one that is not here runs none. */
const BUILDS: Readonly<Record<string, readonly Build[]>> = {
  compare: ["bench", "bench-stats", "reap"],
  bench: [...MODULE_NAMES, "bench", "bench-stats", "bench-sheaf", "loads", "tlsf"],
  stress: MODULE_NAMES,
  trace: ["trace"],
  fuzz: MODULE_NAMES,
  explore: ["machine"],
  replay: ["machine", ...MODULE_NAMES],
  mutants: ["machine", ...MODULE_NAMES, "bench", "bench-stats", "loads"],
  slabinfo: MODULE_NAMES,
  slabtop: MODULE_NAMES,
};

/** What it needs beyond that with `--percpu sheaf`. */
const BUILDS_OF_SHEAVES: typeof BUILDS = { compare: ["bench-sheaf"] };

const PREPARE = fileURLToPath(new URL("../../.tools/prepare.mjs", import.meta.url));

/** What a command runs; `npm start` names those of `compare`, and a test holds it to them. */
export function buildsOf(command: string, percpu?: unknown): readonly Build[] {
  const more = percpu === "sheaf" ? BUILDS_OF_SHEAVES[command] : [];
  return [...(BUILDS[command] ?? []), ...(more ?? [])];
}

/**
 * Build what `command` needs and what is not there. Does nothing outside of a clone.
 *
 * @param percpu the option of that name
 * @throws EnvironmentError if it cannot be built
 */
export function ensureBuilds(command: string, percpu?: unknown): void {
  const builds = buildsOf(command, percpu);
  const missing = builds.filter((build) => !isThere(build));
  if (missing.length === 0 || !existsSync(PREPARE)) return;
  console.error(`slablab ${command}: building what it needs: ${missing.join(", ")}`);
  const needed = builds.join(",");
  const { status } = spawnSync(process.execPath, [PREPARE, "--for", needed], {
    stdio: ["ignore", 2, 2],
  });
  if (status === 0) return;
  throw new EnvironmentError(
    `expected to build ${missing.join(", ")}, got the errors above; try npm run build`,
  );
}

function isThere(build: Build): boolean {
  const urls = build === "machine" ? machineUrls() : [new URL(buildHref(build))];
  return urls.every((url) => existsSync(url));
}
