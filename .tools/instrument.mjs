/**
 * Instruments one build for the machine: build/NAME.wasm and the names in build/NAME.wat become
 * dist/wasm/machine/NAME.wasm and NAME.sites.json, which knows the source line of every access.
 * Called by prepare.mjs, which knows when.
 *
 *   node .tools/instrument.mjs NAME
 *
 * `selftest` is the module in harness/machine/selftest.ts.
 *
 * At build time, because Binaryen is no dependency of the published package.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ascArguments } from "./asc-targets.mjs";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const [name] = process.argv.slice(2);
const from = (file) =>
  import(pathToFileURL(join(ROOT, "dist", "machine", "instrument", `${file}.js`)));
const { instrument } = await from("instrument");
const { functionNames } = await from("name-section");
const { codeSection } = await from("offsets");
const { readPlaces } = await from("places");
const { formatSiteTable } = await from("sites");

const { wasm, table } = name === "selftest" ? await selfTest() : await build();
const folder = join(ROOT, "dist", "wasm", "machine");
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, `${name}.wasm`), wasm);
writeFileSync(join(folder, `${name}.sites.json`), formatSiteTable(table));

function build() {
  const names = functionNames(readFileSync(join(ROOT, "build", `${name}.wat`), "utf8"));
  const wasm = readFileSync(join(ROOT, "build", `${name}.wasm`));
  const mapped = compileWithMap();
  if (Buffer.compare(codeSection(wasm), codeSection(mapped.wasm)) !== 0) {
    throw new Error(`expected ${name} to be the same code with a source map, got other code`);
  }
  const isOurs = (file) => file.startsWith("assembly/");
  const textOf = (file) => (isOurs(file) ? readFileSync(join(ROOT, file), "utf8") : "");
  const places = readPlaces(mapped.wasm, names, new SourceMap(mapped.map), textOf);
  return instrument(wasm, { names, places });
}

/**
 * The same build once more, for its source map: the ordinary one must not name one. By a process of
 * its own, because the compiler leaves Binaryen with settings of its own.
 */
function compileWithMap() {
  const to = join(ROOT, "build", "mapped");
  mkdirSync(to, { recursive: true });
  const outFile = join(to, `${name}.wasm`);
  const compiler = join(ROOT, "node_modules", "assemblyscript", "bin", "asc.js");
  const outputs = ["--sourceMap", "--outFile", outFile, "--textFile", join(to, `${name}.wat`)];
  const args = [compiler, ...ascArguments(name), ...outputs];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  const map = JSON.parse(readFileSync(`${outFile}.map`, "utf8"));
  return { wasm: readFileSync(outFile), map };
}

async function selfTest() {
  const { default: binaryen } = await import("binaryen");
  const { SELF_TEST_HANDLERS, SELF_TEST_WAT } = await from("../selftest");
  const module = binaryen.parseText(SELF_TEST_WAT);
  module.setFeatures(binaryen.Features.All);
  module.optimize();
  binaryen.setDebugInfo(true);
  return instrument(module.emitBinary(), { handlerCalls: SELF_TEST_HANDLERS });
}
