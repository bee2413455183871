/**
 * Bundles the packages that only the commands need into dist/vendor/, one module for each import,
 * and lets dist/ import those: who installs the library gets its own dependencies and no others.
 * Called by prepare.mjs, after tsc.
 *
 *   node .tools/vendor.mjs
 *
 * What is imported is read from harness/, so that a bundle holds the names in use and no more. The
 * licences of all that went in are in dist/vendor/NOTICES.txt.
 */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import ts from "typescript";
import { listFiles } from "./files.mjs";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const VENDOR = join(ROOT, "dist", "vendor");
const ENTRIES = join(ROOT, "build", "vendor");
/** Files that go into pages as they are. */
const ASSETS = ["uplot/dist/uPlot.iife.min.js", "uplot/dist/uPlot.min.css"];

/** Packages that bring no text of their licence, and one of the same project that does. */
const SAME_LICENCE = { "@assemblyscript/loader": "assemblyscript" };

const { dependencies } = readJson(join(ROOT, "package.json"));
const imports = readImports();
for (const folder of [VENDOR, ENTRIES]) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
}
const folders = await bundle(imports);
for (const asset of ASSETS) {
  copyFileSync(join(ROOT, "node_modules", asset), join(VENDOR, asset.split("/").at(-1)));
  folders.add(join(ROOT, "node_modules", asset.split("/")[0]));
}
writeFileSync(join(VENDOR, "NOTICES.txt"), notices([...folders].sort()));
for (const path of listFiles(ROOT, "dist", (name) => name.endsWith(".js"))) redirect(path);

/** What harness/ imports at run time from packages that are no dependencies: names by package. */
function readImports() {
  const found = new Map();
  const isSource = (path) => path.endsWith(".ts") && !path.endsWith(".d.ts");
  for (const path of listFiles(ROOT, "harness", isSource)) {
    for (const { from, clause } of importsOf(path)) {
      if (!isForeign(from) || clause?.isTypeOnly) continue;
      const names = namesOf(clause);
      if (names.length === 0) continue;
      found.set(from, new Set([...(found.get(from) ?? []), ...names]));
    }
  }
  return found;
}

function importsOf(path) {
  const text = readFileSync(join(ROOT, path), "utf8");
  return ts
    .createSourceFile(path, text, ts.ScriptTarget.Latest)
    .statements.filter(ts.isImportDeclaration)
    .map(({ moduleSpecifier, importClause }) => ({
      from: moduleSpecifier.text,
      at: moduleSpecifier,
      clause: importClause,
    }));
}

/** A package's import, of none that is installed beside ours. */
function isForeign(from) {
  if (/^(\.|#|node:)/.test(from)) return false;
  return !Object.keys(dependencies).some((name) => from === name || from.startsWith(`${name}/`));
}

/** The names of an import that exist at run time: `*` is all. */
function namesOf(clause) {
  const names = clause?.name === undefined ? [] : ["default"];
  const bindings = clause?.namedBindings;
  if (bindings === undefined) return names;
  if (ts.isNamespaceImport(bindings)) return [...names, "*"];
  const values = bindings.elements.filter((each) => !each.isTypeOnly);
  return [...names, ...values.map((each) => (each.propertyName ?? each.name).text)];
}

/** The file in dist/vendor/ that stands for an import. */
function fileOf(from) {
  return `${from.replaceAll("@", "").replaceAll("/", "-")}.js`;
}

/** @returns folders of the packages that went in */
async function bundle(wanted) {
  const input = {};
  for (const [from, names] of wanted) {
    const listed = [...names].filter((name) => name !== "*").sort();
    const lines = names.has("*") ? [`export * from "${from}";`] : [];
    if (listed.length > 0) lines.push(`export { ${listed.join(", ")} } from "${from}";`);
    const entry = join(ENTRIES, `${fileOf(from).replace(/\.js$/, "")}.mjs`);
    writeFileSync(entry, `${lines.join("\n")}\n`);
    input[fileOf(from).replace(/\.js$/, "")] = entry;
  }
  const build = await rolldown({ input, cwd: ROOT, platform: "node", checks: { eval: false } });
  const { output } = await build.write({
    dir: VENDOR,
    format: "esm",
    minify: true,
    entryFileNames: "[name].js",
    chunkFileNames: "shared-[hash].js",
  });
  await build.close();
  const modules = output.flatMap((chunk) => Object.keys(chunk.modules ?? {}));
  const folders = modules.map((id) => /.*node_modules[\\/](@[^\\/]+[\\/])?[^\\/]+/.exec(id)?.[0]);
  return new Set(folders.filter((folder) => folder !== undefined));
}

/** Names, versions and licences. @throws Error for a package that brings no licence */
function notices(sorted) {
  const parts = sorted.map((folder) => {
    const { name, version, license } = readJson(join(folder, "package.json"));
    const file =
      licenceOf(folder) ?? licenceOf(join(ROOT, "node_modules", SAME_LICENCE[name] ?? name));
    if (file === null) throw new Error(`expected ${name} to bring its licence, found none`);
    return `${name} ${version} (${license})\n\n${readFileSync(file, "utf8").trim()}\n`;
  });
  const head = "The commands of slablab contain the following packages.\n";
  return [head, ...parts].join(`\n${"-".repeat(80)}\n\n`);
}

/** Its path, or null. */
function licenceOf(folder) {
  const file = readdirSync(folder).find((each) => /^(licen[cs]e|copying)/i.test(each));
  return file === undefined ? null : join(folder, file);
}

/** Let a file of dist/ import what was bundled. */
function redirect(path) {
  if (path.startsWith("dist/vendor/")) return;
  const foreign = importsOf(path).filter(({ from }) => imports.has(from));
  if (foreign.length === 0) return;
  let text = readFileSync(join(ROOT, path), "utf8");
  for (const { from, at } of foreign.reverse()) {
    const to = relative(dirname(join(ROOT, path)), join(VENDOR, fileOf(from)));
    text = `${text.slice(0, at.pos)} "${to.replaceAll("\\", "/")}"${text.slice(at.end)}`;
  }
  writeFileSync(join(ROOT, path), text);
}

function readJson(path) {
  return JSON.parse(readFileSync(path, "utf8"));
}
