/**
 * `npm run check`: everything that can be said about the sources without running them.
 *
 * Formatting and lint rules, the types of every tree, and the compiler warnings of assembly/, which
 * asc itself lets pass. Prints one line for each check, and what a failed one had to say.
 */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { listFiles } from "./files.mjs";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");

const CHECKS = [
  {
    name: "biome",
    run: () => node("@biomejs/biome/bin/biome", ["check", "--error-on-warnings", "."]),
  },
  { name: "tsc harness", run: () => tsc("tsconfig.json", "harness") },
  { name: "tsc assembly", run: () => tsc("assembly/tsconfig.json", "assembly") },
  { name: "tsc test", run: () => tsc("test/tsconfig.json", "test") },
  { name: "tsc bench", run: () => tsc("bench/tsconfig.json", "bench") },
  { name: "asc warnings", run: async () => ascWarnings() },
];

/** Runs a tool of node_modules; resolves to what it said, or "" if it was content. */
function node(script, args) {
  return new Promise((done, fail) => {
    const path = join(ROOT, "node_modules", script);
    const child = spawn(process.execPath, [path, ...args], { cwd: ROOT });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.on("error", fail);
    child.on("close", (code) => done(code === 0 ? "" : output.trim() || `exit code ${code}`));
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

for (const { name, run } of CHECKS) {
  const complaint = await run();
  console.log(`${complaint === "" ? "ok    " : "FAILED"} ${name}`);
  if (complaint === "") continue;
  console.log(complaint);
  process.exitCode = 1;
}
