/**
 * Builds that stand in for the package's own while unit tests hunt a mutant: files in a folder that
 * the environment names, each called like the build it replaces. Without the variable nothing is
 * replaced.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { provideBuild, type WasmFile } from "slablab/internal/heap/load.js";

const FOLDER = process.env["SLABLAB_WASM_DIR"];
const REPLACED: readonly WasmFile[] = ["release", "stats", "hardened", "debug", "trace", "model"];

/** Where the mutant of a build is, or null. */
export function mutantOf(build: WasmFile): string | null {
  const path = FOLDER === undefined ? null : join(FOLDER, build);
  return path !== null && existsSync(path) ? path : null;
}

/** Make createHeap() use it too. */
function provideMutants(): void {
  for (const build of REPLACED) {
    const path = mutantOf(build);
    if (path !== null) provideBuild(build, new WebAssembly.Module(readFileSync(path)));
  }
}

provideMutants();
