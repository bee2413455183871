/**
 * Makes the working tree ready to run: installs what package-lock.json names, then builds what is
 * stale. Runs before `npm start`, `npm test` and `npm run check`, so it is quiet and fast when
 * there is nothing to do, and has no dependency of its own.
 *
 *   node .tools/prepare.mjs [--force] [--only asc|tsc] [--target NAME]...
 *   node .tools/prepare.mjs --for NAME,NAME...
 *
 * `--for` builds what one command needs: some targets, `machine` for what the machine runs, and
 * harness/ in any case. What else is stale is removed, so that nobody runs yesterday's code beside
 * today's: the commands notice what is missing and call this for it (harness/cli/builds.ts).
 *
 * Steps: 1. `npm ci` if the lock file is newer than what is installed. 2. Every target of
 * asconfig.json into build/NAME.{wasm,wat}, two compilers at a time. 3. One of them is tsc, once
 * the declarations are there: harness/ into dist/, and the packages that only the commands need
 * into dist/vendor/.
 * 4. build/*.wasm into dist/wasm/. 5. What the machine runs, instrumented, into dist/wasm/machine/;
 * not with --only. A step is stale when the hash over its inputs differs from the stamp it left in
 * build/.stamps. Two runs at once are safe: the second waits for the first.
 */
import { spawn } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ASC_INPUTS, ascArguments } from "./asc-targets.mjs";
import { hashFiles, listFiles } from "./files.mjs";
import { withLock } from "./lock.mjs";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const STAMPS = join(ROOT, "build", ".stamps");
const LOCK_FILE = join(ROOT, "package-lock.json");
const PARALLEL_COMPILERS = 2;
/** Bundles what dist/ imports of other packages. */
const VENDOR_TOOL = ".tools/vendor.mjs";
/** Builds that simulated CPUs run, and the targets they are made of. */
const MACHINE_BUILDS = ["selftest", "model", "release"];
const MACHINE_TARGETS = ["model", "release"];
/** Every build of the harness needs the declarations of the exports. */
const ALWAYS = "types";
/** In --for: what the machine runs. */
const MACHINE = "machine";

class BuildError extends Error {}

async function main() {
  const options = readOptions();
  if (isInstallStale()) await withLock(join(ROOT, ".slablab", "install.lock"), install);
  await withLock(
    join(ROOT, ".slablab", "build.lock"),
    async () => {
      mkdirSync(STAMPS, { recursive: true });
      const failures = await buildBoth(options);
      copyWasm();
      if (options.hasMachine && failures.length === 0) {
        failures.push(...(await buildMachine(options)));
      }
      if (options.isPartial) removeStale();
      if (failures.length > 0) throw new BuildError(failures.join("\n"));
    },
    { onWait: (pid) => console.error(`prepare: waiting for another build (process ${pid})`) },
  );
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      force: { type: "boolean", default: false },
      only: { type: "string" },
      target: { type: "string", multiple: true },
      for: { type: "string" },
    },
  });
  if (values.only !== undefined && values.only !== "asc" && values.only !== "tsc") {
    throw new BuildError(`expected --only asc or --only tsc, got --only ${values.only}`);
  }
  const known = Object.keys(readJson(join(ROOT, "asconfig.json")).targets);
  const wanted = values.for?.split(",").filter((name) => name !== "");
  const hasMachine = wanted === undefined ? values.only === undefined : wanted.includes(MACHINE);
  const parts = wanted?.filter((name) => name !== MACHINE);
  const machine = wanted !== undefined && hasMachine ? MACHINE_TARGETS : [];
  const targets = parts && [...new Set([ALWAYS, ...parts, ...machine])];
  const chosen = targets ?? values.target ?? known;
  const unknown = chosen.find((target) => !known.includes(target));
  if (unknown !== undefined) {
    const flag = wanted === undefined ? "--target" : "--for";
    throw new BuildError(`expected ${flag} to be of ${known.join(", ")}, got ${unknown}`);
  }
  const isPartial = wanted !== undefined;
  return { force: values.force, only: values.only, targets: chosen, hasMachine, isPartial };
}

// ------------------------------------------------------------------------------ install

function isInstallStale() {
  const installed = join(ROOT, "node_modules", ".package-lock.json");
  return !existsSync(installed) || statSync(LOCK_FILE).mtimeMs > statSync(installed).mtimeMs;
}

async function install() {
  if (!isInstallStale()) return;
  console.error("prepare: installing dependencies (npm ci)");
  // npm is a script on Windows, and only a shell starts those.
  const { code, output } = await run("npm", ["ci", "--include=dev", "--no-audit", "--no-fund"], {
    shell: process.platform === "win32",
  });
  if (code !== 0) {
    throw new BuildError(
      `npm ci failed:\n${output}\n` +
        'try: check the network, that "node --version" is at least 20.19, ' +
        "and that package.json and package-lock.json were changed together",
    );
  }
}

/**
 * Builds assembly/ and harness/ as far as they are stale and wanted; returns what failed, one text
 * each. Both, even if one fails: who works on one tree is not blocked by the other. The harness
 * waits for the declarations of the exports alone, and is one of the compilers that run at once.
 */
async function buildBoth(options) {
  const { only, force, targets } = options;
  const hash = assemblyHash();
  const isStale = (target) => force || !isTargetFresh(target, hash);
  const stale = only === "tsc" ? [] : targets.filter(isStale);
  if (stale.length > 0) console.error(`prepare: compiling assembly/ (${stale.join(", ")})`);
  const failures = [];
  const compile = async (target) => failures.push(...(await buildTarget(target, hash)));
  if (stale.includes(ALWAYS)) await compile(ALWAYS);
  const harness =
    only === "asc" ? [] : [async () => failures.push(...(await buildHarness(options)))];
  const others = stale.filter((target) => target !== ALWAYS).map((target) => () => compile(target));
  await runAll([...harness, ...others]);
  // Targets share their sources, and so most warnings.
  const warnings = targets.flatMap((target) => readStamp(`asc-${target}`)?.warnings ?? []);
  if (stale.length > 0) for (const warning of new Set(warnings)) console.error(`${warning}\n`);
  return failures;
}

/** Runs compilers, PARALLEL_COMPILERS at a time. */
async function runAll(queue) {
  const work = async () => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) await job();
  };
  await Promise.all(Array.from({ length: PARALLEL_COMPILERS }, work));
}

// -------------------------------------------------------------------------------- wasm

function assemblyHash() {
  const inputs = [
    ...listFiles(ROOT, "assembly", (path) => path.endsWith(".ts") || path.endsWith(".json")),
    ...ASC_INPUTS,
    ".tools/prepare.mjs",
  ];
  return hashFiles(ROOT, inputs);
}

function isTargetFresh(target, hash) {
  const stamp = readStamp(`asc-${target}`);
  return stamp?.hash === hash && stamp.outputs.every((path) => existsSync(join(ROOT, path)));
}

/** Compiles one target; returns what failed and what to try, one text or none. */
async function buildTarget(target, hash) {
  const outputs = outputsOf(target);
  rmSync(join(STAMPS, `asc-${target}.json`), { force: true });
  const compiler = join(ROOT, "node_modules", "assemblyscript", "bin", "asc.js");
  const args = ascArguments(target);
  const { code, output } = await run(process.execPath, [compiler, ...args]);
  if (code !== 0) {
    return [`asc failed on target ${target}:\n${output}\ntry: npx asc ${args.join(" ")}`];
  }
  // asc exits 0 on warnings: kept in the stamp, so that `npm run check` can refuse them.
  writeStamp(`asc-${target}`, { hash, outputs, warnings: warningsIn(output) });
  return [];
}

/** The warnings in what asc printed, one text each; its other remarks are no warnings. */
function warningsIn(output) {
  return output
    .split(/\n(?=WARNING|ERROR)|\n\n/)
    .map((part) => part.trim())
    .filter((part) => part.startsWith("WARNING"));
}

/**
 * `types` exists for the declarations alone: raw bindings drag the runtime into their module, which
 * may be in none that runs.
 */
function outputsOf(target) {
  if (target === "types") return ["build/types/wasm/release.d.ts"];
  return ["wasm", "wat"].map((extension) => `build/${target}.${extension}`);
}

// ----------------------------------------------------------------------------- harness

/** Compiles harness/ if it is stale; returns what failed. */
async function buildHarness({ force }) {
  exposeTypes();
  const isSource = (path) => /\.tsx?$/.test(path) && !path.endsWith(".d.ts");
  const sources = listFiles(ROOT, "harness", isSource);
  const inputs = [...listFiles(ROOT, "harness"), ...listFiles(ROOT, "build/types")];
  const hash = hashFiles(ROOT, [
    ...inputs,
    VENDOR_TOOL,
    "tsconfig.json",
    "package.json",
    "package-lock.json",
  ]);
  const outputs = sources.map((path) =>
    path.replace("harness/", "dist/").replace(/\.tsx?$/, ".js"),
  );
  removeOrphans(outputs);
  const isComplete = outputs.every((path) => existsSync(join(ROOT, path)));
  if (!force && isComplete && readStamp("tsc")?.hash === hash) return [];

  console.error("prepare: compiling harness/ (tsc)");
  if (force || !isComplete) rmSync(join(ROOT, "build", "tsc.tsbuildinfo"), { force: true });
  const compiler = join(ROOT, "node_modules", "typescript", "bin", "tsc");
  const { code, output } = await run(process.execPath, [compiler, "-p", "tsconfig.json"]);
  makeExecutable(join(ROOT, "dist", "cli", "main.js"));
  if (code !== 0) return [`tsc failed:\n${output}\ntry: npx tsc -p tsconfig.json`];
  const vendor = await run(process.execPath, [join(ROOT, VENDOR_TOOL)]);
  if (vendor.code !== 0) return [`bundling packages failed:\n${vendor.output}`];
  writeStamp("tsc", { hash });
  return [];
}

/**
 * Puts the generated types of the exports where the published package finds them; without the
 * library "dom", which programs for Node leave out.
 */
function exposeTypes() {
  const types = join(ROOT, "build/types/wasm/release.d.ts");
  if (!existsSync(types)) return;
  const text = readFileSync(types, "utf8").replace("module: WebAssembly.Module", "module: object");
  const to = join(ROOT, "dist/wasm/release.d.ts");
  if (existsSync(to) && readFileSync(to, "utf8") === text) return;
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, text);
}

/**
 * Removes what tsc once made from a source that is gone, so that nobody imports a ghost. tsc always
 * writes a pair of .js and .d.ts; what comes without a .d.ts was made by somebody else.
 */
function removeOrphans(outputs) {
  const expected = new Set(outputs.map((path) => path.replace(/\.js$/, ".d.ts")));
  for (const path of listFiles(ROOT, "dist", (name) => name.endsWith(".d.ts"))) {
    if (expected.has(path) || path.startsWith("dist/wasm/")) continue;
    rmSync(join(ROOT, path));
    rmSync(join(ROOT, path.replace(/\.d\.ts$/, ".js")), { force: true });
  }
}

function copyWasm() {
  for (const path of listFiles(ROOT, "build", (name) => /^build\/[^/]+\.wasm$/.test(name))) {
    copyIfChanged(join(ROOT, path), join(ROOT, path.replace("build/", "dist/wasm/")));
  }
}

// ----------------------------------------------------------------------------- machine

/** Where each build that the machine runs stands: { name, hash, outputs, isBuilt, isFresh }. */
function machineBuilds() {
  const tools = listFiles(ROOT, "dist/machine/instrument", (path) => path.endsWith(".js"));
  return MACHINE_BUILDS.map((name) => {
    const isBuild = name !== "selftest";
    const inputs = isBuild
      ? [`build/${name}.wasm`, `build/${name}.wat`]
      : ["dist/machine/selftest.js"];
    const outputs = ["wasm", "sites.json"].map((end) => `dist/wasm/machine/${name}.${end}`);
    const isThere = (paths) => paths.every((path) => existsSync(join(ROOT, path)));
    const isBuilt = isThere(inputs);
    const all = [...inputs, ...tools, ".tools/instrument.mjs"];
    const hash = isBuilt ? hashFiles(ROOT, all) : null;
    const isFresh = isBuilt && isThere(outputs) && readStamp(`machine-${name}`)?.hash === hash;
    return { name, hash, outputs, isBuilt, isFresh };
  });
}

/** Instruments the builds that the machine runs, where they are stale; returns what failed. */
async function buildMachine({ force }) {
  const stale = machineBuilds().filter(({ isBuilt, isFresh }) => isBuilt && (force || !isFresh));
  if (stale.length === 0) return [];
  console.error(`prepare: instrumenting (${stale.map(({ name }) => name).join(", ")})`);
  const script = join(ROOT, ".tools", "instrument.mjs");
  const failures = await Promise.all(
    stale.map(async ({ name, hash }) => {
      const { code, output } = await run(process.execPath, [script, name]);
      if (code !== 0) return `instrumenting ${name} failed:\n${output.slice(-2000)}`;
      writeStamp(`machine-${name}`, { hash });
      return null;
    }),
  );
  return failures.filter((failure) => failure !== null);
}

/** Removes every wasm that is not what its sources are now, for whoever needs it to build it. */
function removeStale() {
  const hash = assemblyHash();
  for (const target of Object.keys(readJson(join(ROOT, "asconfig.json")).targets)) {
    if (isTargetFresh(target, hash)) continue;
    for (const path of outputsOf(target)) rmSync(join(ROOT, path), { force: true });
    rmSync(join(ROOT, `dist/wasm/${target}.wasm`), { force: true });
  }
  for (const { outputs, isFresh } of machineBuilds()) {
    if (!isFresh) for (const path of outputs) rmSync(join(ROOT, path), { force: true });
  }
}

// ----------------------------------------------------------------------------- helpers

function makeExecutable(path) {
  if (existsSync(path)) chmodSync(path, 0o755);
}

function copyIfChanged(from, to) {
  if (!existsSync(from)) return;
  if (existsSync(to) && readFileSync(from).equals(readFileSync(to))) return;
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
}

function readStamp(name) {
  const path = join(STAMPS, `${name}.json`);
  return existsSync(path) ? readJson(path) : null;
}

function writeStamp(name, stamp) {
  writeFileSync(join(STAMPS, `${name}.json`), `${JSON.stringify(stamp, null, 2)}\n`);
}

function readJson(path) {
  return JSON.parse(readFileSync(path, "utf8"));
}

/** Runs a command in the project folder; resolves to its exit code and everything it printed. */
function run(command, args, options = {}) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
      ...options,
    });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.on("error", fail);
    child.on("close", (code) => done({ code, output }));
  });
}

try {
  await main();
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  console.error(`prepare: ${error.message}`);
  process.exitCode = 1;
}
