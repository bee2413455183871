/**
 * `npm run check`: everything that can be said about the sources without running them.
 *
 * Formatting and lint rules, the types of every tree, the compiler warnings of assembly/, which asc
 * itself lets pass; dead code; the package as others will resolve it, and its size; the docstrings.
 * Prints one line for each check, and what a failed one had to say. As many run at the same time as
 * there are cores.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { listFiles } from "./files.mjs";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** Entries of the package that are no code. */
const WASM_ENTRIES = Object.keys(
  JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).exports,
).filter((entry) => entry.endsWith(".wasm"));

/** In the order in which they start: the slow ones first. */
const CHECKS = [
  {
    name: "typedoc",
    run: () => node("typedoc/bin/typedoc", ["--options", ".config/typedoc.json"]),
  },
  {
    name: "biome",
    run: () => node("@biomejs/biome/bin/biome", ["check", "--error-on-warnings", "."]),
  },
  { name: "tsc harness", run: () => tsc("tsconfig.json", "harness") },
  { name: "tsc assembly", run: () => tsc("assembly/tsconfig.json", "assembly") },
  { name: "tsc test", run: () => tsc("test/tsconfig.json", "test") },
  { name: "tsc bench", run: () => tsc("bench/tsconfig.json", "bench") },
  { name: "asc warnings", run: async () => ascWarnings() },
  { name: "knip", run: () => node("knip/bin/knip.js", ["--config", ".config/knip.jsonc"]) },
  { name: "size-limit", run: sizeLimit },
  { name: "publint", run: () => onTarball("publint/src/cli.js", ["--strict"]) },
  // Every way to resolve the package's entries finds their types; a .wasm has none.
  {
    name: "attw",
    run: () =>
      onTarball("@arethetypeswrong/cli/dist/index.js", [
        "--profile",
        "esm-only",
        "--exclude-entrypoints",
        ...WASM_ENTRIES,
      ]),
  },
];

/** Runs a tool of node_modules; resolves to what it said, or "" if it was content. */
async function node(tool, args) {
  const path = join(ROOT, "node_modules", tool);
  const { code, output } = await run(process.execPath, [path, ...args]);
  return code === 0 ? "" : output.trim() || `exit code ${code}`;
}

/** Runs a program in the project folder; resolves to its exit code and everything it printed. */
function run(command, args, options = {}) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { cwd: ROOT, ...options });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.on("error", fail);
    child.on("close", (code) => done({ code, output }));
  });
}

/** tsc refuses a project without files, which bench/ may be. */
async function tsc(project, folder) {
  if (listFiles(ROOT, folder, (path) => path.endsWith(".ts")).length === 0) return "";
  return node("typescript/bin/tsc", ["-p", project, "--noEmit"]);
}

/** What asc printed when it last compiled each target: prepare.mjs keeps it in the stamps. */
function ascWarnings() {
  const stamps = join(ROOT, "build", ".stamps");
  if (!existsSync(stamps)) return "expected build/.stamps, found none; try npm run build";
  const warnings = readdirSync(stamps)
    .filter((file) => file.startsWith("asc-"))
    .flatMap((file) => JSON.parse(readFileSync(join(stamps, file), "utf8")).warnings);
  return [...new Set(warnings)].join("\n\n");
}

/** Weighs the wasm, and the library as a bundler makes it, which has to be made first. */
async function sizeLimit() {
  const bundle = join(ROOT, ".tools", "bundle.mjs");
  const { code, output } = await run(process.execPath, [bundle]);
  return code === 0 ? node("size-limit/bin.js", ["--hide-passed"]) : output.trim();
}

/** Runs a tool on the package as it would be published. */
async function onTarball(tool, args) {
  packing ??= pack();
  const { path, complaint } = await packing;
  return complaint === "" ? node(tool, [path, ...args]) : complaint;
}

let packing;

async function pack() {
  const folder = join(ROOT, "build", "package");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  // No scripts: prepack would build again what the other checks are reading.
  const args = ["pack", "--ignore-scripts", "--pack-destination", folder];
  // npm is a script on Windows, and only a shell starts those.
  const { code, output } = await run("npm", args, { shell: process.platform === "win32" });
  if (code !== 0) return { path: "", complaint: `npm pack failed:\n${output}` };
  return { path: join(folder, readdirSync(folder)[0]), complaint: "" };
}

const queue = [...CHECKS];
const workers = Array.from({ length: availableParallelism() }, async () => {
  for (let check = queue.shift(); check !== undefined; check = queue.shift()) {
    report(check.name, await check.run());
  }
});
await Promise.all(workers);

function report(name, complaint) {
  console.log(`${complaint === "" ? "ok    " : "FAILED"} ${name}`);
  if (complaint === "") return;
  console.log(complaint);
  process.exitCode = 1;
}
