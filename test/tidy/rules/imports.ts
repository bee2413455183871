/**
 * Who may import whom: the layers of both trees, as lists that are read from left to right.
 *
 * A layer imports itself and what stands left of it. Layers of one cell stand side by side and do
 * not import each other; in assembly no cell has two. The exceptions are named here, each with its
 * reason.
 */
import { builtinModules } from "node:module";
import { posix } from "node:path";
import ts from "typescript";
import { type Finding, parse, type Rule, type SourceFile } from "./rule.js";

/** assembly/, lowest first. `index` is assembly/index.ts, the ABI. */
const ASSEMBLY_LAYERS = [
  ["base"],
  ["sync"],
  ["page"],
  ["slab"],
  ["kmalloc"],
  ["reap"],
  ["inspect"],
  ["workload"],
  ["index"],
];

/**
 * harness/, lowest first. `index` is harness/index.ts, which commands and the page may use.
 * Examples import the package by its name, as their readers do, and so no file of it. `mutants`
 * hunts with all of the others and is packed with none.
 */
export const HARNESS_LAYERS = [
  ["examples"],
  ["heap"],
  ["cpu"],
  ["workload"],
  ["machine", "measure"],
  ["report"],
  ["mutants"],
  ["index"],
  ["cli", "lab"],
];

/** What the published library may pull in; everything else belongs to commands and the page. */
const LIBRARY_PACKAGES = ["@assemblyscript/loader"];

/**
 * The edges that may close a circle, each with its reason. The end of a section is this machine's
 * self-interrupt: nobody calls an interrupt, so what lies above runs from below there.
 */
const CIRCLE_EXCEPTIONS: readonly (readonly [from: string, to: string])[] = [
  ["assembly/slab/section.ts", "assembly/slab/drain.ts"],
];

interface Import {
  readonly from: SourceFile;
  readonly line: number;
  readonly specifier: string;
  /** The imported file inside the project, or null for a package. */
  readonly target: string | null;
  readonly isTypeOnly: boolean;
}

/** What reads a heap, and the names and values that it is read by. */
const READERS = new RegExp(
  "^harness/heap/(arms|view|walk|slabinfo|stats|stat-items|constants|flags|validate/invariants)" +
    "\\.ts$",
);

export const IMPORT_RULES: readonly Rule[] = [
  {
    claim: "assembly imports only from its own layer and the layers below it",
    check: (files) => layerFindings(files, "assembly", ASSEMBLY_LAYERS),
    planted: [
      { path: "assembly/sync/llist.ts", text: 'import { oo } from "../slab/slab";' },
      { path: "assembly/workload/pair.ts", text: 'export { f } from "../index";' },
    ],
    accepted: [{ path: "assembly/slab/free.ts", text: 'import { a } from "../sync/atomic";' }],
  },
  {
    claim: "imports make no circle, but for the one of assembly that the named edge closes",
    check: (files) =>
      circleFindings(files.filter(({ path }) => /^(assembly|harness)\//.test(path))),
    planted: [
      [
        { path: "harness/heap/a.ts", text: 'import "./b.js";' },
        { path: "harness/heap/b.ts", text: 'const c = await import("./c.js");' },
        { path: "harness/heap/c.ts", text: 'import type { A } from "./a.js";' },
      ],
      [
        { path: "assembly/slab/put.ts", text: 'import { a } from "./drain";' },
        { path: "assembly/slab/drain.ts", text: 'import { b } from "./put";' },
      ],
      [
        { path: "assembly/kmalloc/debug.ts", text: 'import { a } from "./kmalloc";' },
        { path: "assembly/kmalloc/kmalloc.ts", text: 'export { b } from "./nolock";' },
        { path: "assembly/kmalloc/nolock.ts", text: 'import { c } from "./debug";' },
      ],
      // The exception is an edge, not a file: the same files close no other circle.
      [
        { path: "assembly/slab/section.ts", text: 'import { a } from "./deactivate";' },
        { path: "assembly/slab/deactivate.ts", text: 'import { b } from "./section";' },
      ],
      { path: "assembly/slab/put.ts", text: 'import { a } from "./put";' },
    ],
    accepted: [
      { path: "assembly/slab/section.ts", text: 'import { a } from "./drain";' },
      { path: "assembly/slab/drain.ts", text: 'import { b } from "./put";' },
      { path: "assembly/slab/put.ts", text: 'import { c } from "./section";' },
    ],
  },
  {
    claim: "the one edge that may close a circle is there and closes one",
    check: (files) => unusedExceptions(files.filter(({ path }) => path.startsWith("assembly/"))),
    planted: [
      { path: "assembly/slab/section.ts", text: 'import { a } from "../sync/spinlock";' },
      [
        { path: "assembly/slab/section.ts", text: 'import { a } from "./drain";' },
        { path: "assembly/slab/drain.ts", text: 'import { a } from "./put";' },
      ],
    ],
  },
  {
    claim: "harness imports only from its own layer and the layers below it",
    check: (files) => layerFindings(files, "harness", HARNESS_LAYERS),
    planted: [
      { path: "harness/heap/heap.ts", text: 'import { pool } from "../cpu/pool.js";' },
      { path: "harness/measure/runs.ts", text: 'const m = await import("../cli/main.js");' },
      { path: "harness/cpu/pool.ts", text: 'import type { Heap } from "../index.js";' },
      { path: "harness/examples/a.mjs", text: 'import { createHeap } from "../index.js";' },
    ],
    accepted: [
      { path: "harness/report/common/table.ts", text: 'import "../measure/statistics.js";' },
    ],
  },
  {
    claim: "reports read the heap through heap/view and its readers alone",
    check: (files) =>
      importsOf(files)
        .filter(({ from }) => from.path.startsWith("harness/report/"))
        .filter(({ target }) => target?.startsWith("harness/heap/"))
        .filter(({ target }) => !READERS.test(target ?? ""))
        .map((found) => finding(found, "a report never writes the heap: import heap/view")),
    planted: [{ path: "harness/report/html.ts", text: 'import { kfree } from "../heap/heap.js";' }],
    accepted: [{ path: "harness/report/html.ts", text: 'import { view } from "../heap/view.js";' }],
  },
  {
    claim: "harness imports nothing of assembly or of its build outside heap/abi.ts",
    check: (files) =>
      importsOf(files)
        .filter(({ from }) => from.path.startsWith("harness/"))
        .filter(({ from }) => from.path !== "harness/heap/abi.ts")
        .filter(({ target }) => /^(assembly|build|harness\/wasm)\//.test(target ?? ""))
        .map((found) => finding(found, "heap/abi.ts alone knows the exports: add yours there")),
    planted: [
      { path: "harness/heap/heap.ts", text: 'import type { f } from "../wasm/release.js";' },
      { path: "harness/cpu/pool.ts", text: 'import type { f } from "../../build/release.js";' },
    ],
    accepted: [
      { path: "harness/heap/abi.ts", text: 'import type { f } from "../wasm/release.js";' },
    ],
  },
  {
    claim: "the library entry needs no package but the loader",
    check: libraryFindings,
    planted: [
      { path: "harness/index.ts", text: 'import Table from "cli-table3";' },
      [
        { path: "harness/index.ts", text: 'export { createHeap } from "./heap/heap.js";' },
        { path: "harness/heap/heap.ts", text: 'import { Command } from "commander";' },
      ],
    ],
    accepted: [
      { path: "harness/index.ts", text: 'import { Worker } from "node:worker_threads";' },
      { path: "harness/cli/main.ts", text: 'import { Command } from "commander";' },
    ],
  },
];

function layerFindings(
  files: readonly SourceFile[],
  tree: string,
  layers: readonly (readonly string[])[],
): Finding[] {
  const layerOf = (path: string) => path.slice(tree.length + 1).split(/[/.]/)[0] as string;
  const rankOf = (path: string) => layers.findIndex((cell) => cell.includes(layerOf(path)));
  const inTree = files.filter(({ path }) => path.startsWith(`${tree}/`) && !path.endsWith(".d.ts"));
  const order = layers.map((cell) => cell.join(", ")).join(" < ");
  const homeless = inTree
    .filter(({ path }) => rankOf(path) === -1)
    .map(({ path }) => ({ path, line: 1, message: `no layer has this name; there are ${order}` }));
  const upward = importsOf(inTree)
    .filter(({ target }) => target?.startsWith(`${tree}/`))
    .filter(({ from, target }) => {
      const [here, there] = [rankOf(from.path), rankOf(target as string)];
      return there > here || (there === here && layerOf(target as string) !== layerOf(from.path));
    })
    .map((found) => finding(found, `imports upward or aside (${order}): move it further down`));
  return [...homeless, ...upward];
}

/** Follows the imports of harness/index.ts and reports every package on the way. */
function libraryFindings(files: readonly SourceFile[]): Finding[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const queue = ["harness/index.ts"];
  const seen = new Set(queue);
  const findings: Finding[] = [];
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    const file = byPath.get(path);
    if (file === undefined) continue;
    for (const found of importsOf([file]).filter(({ isTypeOnly }) => !isTypeOnly)) {
      if (found.target === null && !isLibraryPackage(found.specifier)) {
        findings.push(finding(found, "the library pulls this package in: move it to a command"));
      }
      if (found.target === null || seen.has(found.target)) continue;
      seen.add(found.target);
      queue.push(found.target);
    }
  }
  return findings;
}

function isLibraryPackage(specifier: string): boolean {
  if (specifier.startsWith("node:") || specifier.startsWith("#")) return true;
  return LIBRARY_PACKAGES.includes(specifier) || builtinModules.includes(specifier);
}

/** Reports every import that lies on a circle once the exceptions are taken away. */
function circleFindings(files: readonly SourceFile[]): Finding[] {
  const imports = importsOf(files).filter((found) => !isException(found));
  const circles = reachability(imports);
  return imports
    .filter(({ from, target }) => circles(target ?? "", from.path))
    .map((found) =>
      finding(found, "closes a circle of imports: split what decides from what does"),
    );
}

/** Reports each exception that is no import any more, or without which there is no circle. */
function unusedExceptions(files: readonly SourceFile[]): Finding[] {
  const imports = importsOf(files);
  const leads = reachability(imports);
  return CIRCLE_EXCEPTIONS.filter(([from, to]) => {
    const isThere = imports.some((found) => found.from.path === from && found.target === to);
    return files.some(({ path }) => path === from) && !(isThere && leads(to, from));
  }).map(([from, to]) => ({
    path: from,
    line: 1,
    message: `its import of ${to} closes no circle: take it off the exceptions`,
  }));
}

function isException({ from, target }: Import): boolean {
  return CIRCLE_EXCEPTIONS.some(([source, to]) => source === from.path && to === target);
}

/** Whether imports lead from one file to another, by any way; a file leads to itself. */
function reachability(imports: readonly Import[]): (from: string, to: string) => boolean {
  const next = new Map<string, string[]>();
  for (const { from, target } of imports) {
    if (target !== null) next.set(from.path, [...(next.get(from.path) ?? []), target]);
  }
  return (from, to) => {
    const seen = new Set([from]);
    for (const file of seen) for (const target of next.get(file) ?? []) seen.add(target);
    return seen.has(to);
  };
}

function finding({ from, line, specifier }: Import, message: string): Finding {
  return { path: from.path, line, message: `"${specifier}": ${message}` };
}

/** Every import, re-export, dynamic import and `import("...")` type. */
function importsOf(files: readonly SourceFile[]): Import[] {
  return files.flatMap((file) => {
    const tree = parse(file);
    const found: Import[] = [];
    const visit = (node: ts.Node): void => {
      const specifier = specifierOf(node);
      if (specifier !== undefined) {
        const line = tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1;
        const target = resolveTarget(file.path, specifier);
        found.push({ from: file, line, specifier, target, isTypeOnly: isTypeOnly(node) });
      }
      ts.forEachChild(node, visit);
    };
    visit(tree);
    return found;
  });
}

function specifierOf(node: ts.Node): string | undefined {
  let specifier: ts.Node | undefined;
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    specifier = node.moduleSpecifier;
  } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    specifier = node.argument.literal;
  } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    specifier = node.arguments[0];
  }
  return specifier !== undefined && ts.isStringLiteralLike(specifier) ? specifier.text : undefined;
}

function isTypeOnly(node: ts.Node): boolean {
  if (ts.isImportDeclaration(node)) {
    return node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
  }
  return ts.isImportTypeNode(node) || (ts.isExportDeclaration(node) && node.isTypeOnly);
}

/** The source file that a relative specifier means; AssemblyScript leaves the extension out. */
function resolveTarget(from: string, specifier: string): string | null {
  if (!specifier.startsWith(".")) return null;
  const path = posix.join(posix.dirname(from), specifier);
  if (path.endsWith(".js")) return path.replace(/\.js$/, ".ts");
  return /\.[a-z]+$/.test(path) ? path : `${path}.ts`;
}
