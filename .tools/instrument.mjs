/**
 * Instruments one build for the machine: build/NAME.wasm and the names in build/NAME.wat become
 * dist/wasm/machine/NAME.wasm and NAME.sites.json. Called by prepare.mjs, which knows when.
 *
 *   node .tools/instrument.mjs NAME
 *
 * `selftest` is the module in harness/machine/selftest.ts.
 *
 * At build time, because Binaryen is no dependency of the published package.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const [name] = process.argv.slice(2);
const from = (file) =>
  import(pathToFileURL(join(ROOT, "dist", "machine", "instrument", `${file}.js`)));
const { instrument } = await from("instrument");
const { functionNames } = await from("name-section");

const { wasm, table } = name === "selftest" ? await selfTest() : await build();
const folder = join(ROOT, "dist", "wasm", "machine");
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, `${name}.wasm`), wasm);
writeFileSync(join(folder, `${name}.sites.json`), JSON.stringify(table));

function build() {
  const names = functionNames(readFileSync(join(ROOT, "build", `${name}.wat`), "utf8"));
  return instrument(readFileSync(join(ROOT, "build", `${name}.wasm`)), { names });
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
