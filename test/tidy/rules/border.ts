/** The rule of the border: harness meets the compiled wasm in harness/heap alone. */
import ts from "typescript";
import { type Finding, type Rule, type SourceFile, walk } from "./rule.js";

export const BORDER_RULES: readonly Rule[] = [
  {
    // Examples bring modules of their own, which are not ours.
    claim: "harness names wasm files and instances in heap/ alone",
    check: (files) =>
      files
        .filter(({ path }) => /^harness\/(?!(heap|examples|machine\/core)\/)/.test(path))
        .flatMap((file) => wasmUses(file)),
    planted: [
      { path: "harness/cli/a.ts", text: 'new URL("../wasm/release.wasm", import.meta.url);' },
      { path: "harness/cpu/b.ts", text: "new WebAssembly.Instance(module, {});" },
      { path: "harness/lab/c.ts", text: "await WebAssembly.instantiateStreaming(fetch(url));" },
      { path: "harness/cpu/d.ts", text: `const p = \`wasm/\${name}.wasm\`;` },
    ],
    accepted: [
      // A simulated CPU is an instance with other imports: the machine's.
      { path: "harness/machine/core/fibre.ts", text: "new WebAssembly.Instance(module, {});" },
      { path: "harness/heap/abi.ts", text: "new WebAssembly.Instance(module, {});" },
      { path: "harness/examples/a.mjs", text: "WebAssembly.instantiate(theirs, imports);" },
      { path: "harness/cpu/e.ts", text: "let m: WebAssembly.Module; // release.wasm" },
    ],
  },
];

function wasmUses(file: SourceFile): Finding[] {
  const findings: Finding[] = [];
  walk(file, (node, lineOf) => {
    const what = wasmUse(node);
    if (what === null) return;
    const message = `${what}: only harness/heap loads wasm; call heap/abi.ts`;
    findings.push({ path: file.path, line: lineOf(node), message });
  });
  return findings;
}

/** What of the compiled module a node names, or null. */
function wasmUse(node: ts.Node): string | null {
  if (ts.isPropertyAccessExpression(node) && node.expression.getText() === "WebAssembly") {
    return /^(Instance|instantiate)/.test(node.name.text) ? node.getText() : null;
  }
  const isPart = ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node);
  const isText = isPart || ts.isStringLiteralLike(node);
  return isText && /\.wasm\b/.test(node.text) ? JSON.stringify(node.text) : null;
}
