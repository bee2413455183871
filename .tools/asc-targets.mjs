/**
 * What a target of asconfig.json is compiled from, and how asc is called for it. Whoever compiles
 * the sources asks here: the build script, and the builder of mutants.
 */

import { readdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const WORKLOAD = "assembly/workload";

/** Every file of a folder of loads: each exports its own. */
function filesOf(folder) {
  const names = readdirSync(resolve(ROOT, WORKLOAD, folder)).filter((name) => name.endsWith(".ts"));
  return names.sort().map((name) => `${WORKLOAD}/${folder}/${name}`);
}

/** What all loads export together, and those that any heap can run. */
function loads() {
  return [`${WORKLOAD}/load/abi.ts`, ...filesOf("loads")];
}

/**
 * The entry files of a target (asconfig.json cannot say so per target): the ABI, the layout, which
 * becomes a section of every module that runs, and loads; or the loads alone, or a peer. The
 * recovery of dead CPUs is in every build of a heap but release, which has no room: for that there
 * is `reap`.
 */
function entriesOf(target) {
  const abi = "assembly/index.ts";
  const layout = "assembly/inspect/constants.ts";
  if (target === "types") return [abi];
  if (target === "loads") return [...loads(), `${WORKLOAD}/load/stamps.ts`];
  if (target === "tlsf") return ["assembly/workload/tlsf.ts"];
  if (target === "reap") return ["assembly/reap/alone.ts", layout];
  if (target.startsWith("bench")) {
    const loops = target === "bench-sheaf" ? ["assembly/workload/sheaf_loops.ts"] : [];
    return [abi, layout, "assembly/workload/index.ts", ...filesOf("linked"), ...loads(), ...loops];
  }
  return target === "release" || target === "sheaf"
    ? [abi, layout]
    : [abi, layout, "assembly/reap/index.ts"];
}

/** The arguments of asc for a target, in the project's folder. */
export function ascArguments(target) {
  // Not in asconfig.json, which would lose the "./" that makes asc look for a file.
  return [...entriesOf(target), "--target", target, "--transform", "./.tools/asc-transform.mjs"];
}

/** What decides about every target beside assembly/ itself: files, from the project's folder. */
export const ASC_INPUTS = [
  ...["asconfig.json", "package-lock.json"],
  ...[".tools/asc-targets.mjs", ".tools/asc-transform.mjs"],
  ...[".tools/inlining.mjs", ".tools/layout.mjs"],
];
