/** Rules over the syntax of a file: comments and strings do not count. */
import ts from "typescript";
import { type Finding, parse, type Rule, type SourceFile, walk } from "./rule.js";

const FUNCTION_LINES_MAX = 70;

export const SYNTAX_RULES: readonly Rule[] = [
  {
    claim: "no function is longer than 70 lines",
    check: (files) => files.flatMap(longFunctions),
    planted: [{ path: "harness/a.ts", text: `const f = () => {\n${"g();\n".repeat(69)}};` }],
    accepted: [
      { path: "harness/a.ts", text: `const f = () => {\n${"g();\n".repeat(68)}};` },
      { path: "test/a.test.ts", text: `describe("x", () => {\n${"g();\n".repeat(99)}});` },
    ],
  },
  {
    claim: "atomic instructions are written in sync/atomic.ts alone",
    check: (files) =>
      inAssembly(files)
        .filter(({ path }) => path !== "assembly/sync/atomic.ts")
        .flatMap((file) =>
          atomicsOf(file).map(({ line }) => ({
            path: file.path,
            line,
            message: "call a function of sync/atomic.ts instead, or add one there",
          })),
        ),
    planted: [
      { path: "assembly/slab/free.ts", text: "atomic.store<u32>(p, 1);" },
      { path: "assembly/page/page.ts", text: "memory.atomic.wait32(p, 0, -1);" },
      { path: "assembly/sync/llist.ts", text: "const x = i64.atomic.load(p);" },
    ],
    accepted: [
      { path: "assembly/sync/atomic.ts", text: "atomic.store<u32>(p, 1);" },
      { path: "assembly/slab/free.ts", text: '// no atomic.store here\nimport "../sync/atomic";' },
    ],
  },
  {
    claim: "atomic.fence is written nowhere: asc 0.28.20 cannot compile it",
    check: (files) =>
      inAssembly(files).flatMap((file) =>
        atomicsOf(file)
          .filter(({ name }) => name === "fence")
          .map(({ line }) => ({
            path: file.path,
            line,
            message: "every wasm atomic is sequentially consistent: an rmw orders as a fence would",
          })),
      ),
    planted: [{ path: "assembly/sync/atomic.ts", text: "atomic.fence();" }],
  },
  {
    claim: "no function or variable of assembly has a decorator",
    check: (files) => inAssembly(files).flatMap(decorated),
    planted: [
      { path: "assembly/a.ts", text: "@inline\nexport function f(): void {}" },
      { path: "assembly/b.ts", text: "@lazy let x = 1;" },
    ],
    accepted: [{ path: "assembly/a.ts", text: "@unmanaged\nexport class Slab { x: u32; }" }],
  },
  {
    claim: "no test is switched off and none runs alone",
    check: (files) => files.filter(({ path }) => /\.test\.tsx?$/.test(path)).flatMap(switchedOff),
    planted: [
      { path: "test/a.test.ts", text: 'test.only("x", () => {});' },
      { path: "test/b.test.ts", text: 'describe.concurrent.skip("x", () => {});' },
    ],
    accepted: [{ path: "test/a.test.ts", text: 'test.runIf(x)("y", () => {}); list.skip(1);' }],
  },
];

function inAssembly(files: readonly SourceFile[]): SourceFile[] {
  return files.filter(({ path }) => path.startsWith("assembly/"));
}

function longFunctions(file: SourceFile): Finding[] {
  const tree = parse(file);
  const lineAt = (position: number) => tree.getLineAndCharacterOfPosition(position).line + 1;
  const findings: Finding[] = [];
  walk(file, (node, lineOf) => {
    if (!ts.isFunctionLike(node) || isSuite(node)) return;
    const count = lineAt(node.getEnd()) - lineOf(node) + 1;
    if (count <= FUNCTION_LINES_MAX) return;
    const message = `function of ${count} lines, at most ${FUNCTION_LINES_MAX}: name its steps`;
    findings.push({ path: file.path, line: lineOf(node), message });
  });
  return findings;
}

/** The callback of `describe`: a list of functions rather than one. */
function isSuite(node: ts.Node): boolean {
  const { parent } = node;
  return ts.isCallExpression(parent) && /^describe\b/.test(parent.expression.getText());
}

/** Uses of `atomic.NAME` and `OBJECT.atomic`, as `{ name, line }`. */
function atomicsOf(file: SourceFile): { name: string; line: number }[] {
  const found: { name: string; line: number }[] = [];
  walk(file, (node, lineOf) => {
    if (!ts.isPropertyAccessExpression(node)) return;
    const owner = node.expression;
    const isNamespace = ts.isIdentifier(owner) && owner.text === "atomic";
    if (isNamespace || node.name.text === "atomic") {
      found.push({ name: node.name.text, line: lineOf(node) });
    }
  });
  return found;
}

function decorated(file: SourceFile): Finding[] {
  const findings: Finding[] = [];
  walk(file, (node, lineOf) => {
    if (!ts.isFunctionDeclaration(node) && !ts.isVariableStatement(node)) return;
    const modifiers: readonly ts.Node[] = node.modifiers ?? [];
    if (!modifiers.some(ts.isDecorator)) return;
    const message = "TypeScript tools cannot parse this: drop it, asc -O3 inlines small functions";
    findings.push({ path: file.path, line: lineOf(node), message });
  });
  return findings;
}

function switchedOff(file: SourceFile): Finding[] {
  const findings: Finding[] = [];
  walk(file, (node, lineOf) => {
    if (!ts.isPropertyAccessExpression(node)) return;
    const { text } = node.name;
    const root = /^\w+/.exec(node.getText())?.[0] ?? "";
    if ((text !== "only" && text !== "skip") || !/^(test|it|describe|suite)$/.test(root)) return;
    const message = `.${text}: run every test; delete one that cannot pass`;
    findings.push({ path: file.path, line: lineOf(node), message });
  });
  return findings;
}
