/**
 * The rule that an arm of deferral has its name in one place.
 *
 * A list of arms somewhere else is what an arm that comes would be missing from. One arm, or two
 * that a test is about, are no list.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { type Finding, type Rule, ROOT, type SourceFile, walk } from "./rule.js";

const ARMS_FILE = "harness/heap/arms.ts";
const LIST_MIN = 3;

export const ARM_RULES: readonly Rule[] = [
  {
    claim: "no file but harness/heap/arms.ts lists arms of deferral",
    check: (files) =>
      files
        .filter(({ path }) => /^(harness|test)\//.test(path) && path !== ARMS_FILE)
        .flatMap(listsIn),
    planted: [
      planted('const ARMS = ["none", "global", "irq-work"];'),
      planted('const about = { none: 1, global: 2, "irq-work": 3 };'),
      planted('type Arm = "node" | "global" | "direct";'),
      planted('const example = "global,percpu-slow-free,irq-work";'),
      planted('switch (a) { case "none": case "node": break; case "direct": f(); }'),
      planted('const setups = [f({ arm: "none" }), f({ arm: "node" }), f({ arm: "direct" })];'),
    ],
    accepted: [
      planted('const pair = ["direct", "irq-work"];'),
      planted('const fields = ["node", "cache", "global"];'),
      { path: ARMS_FILE, text: 'const ARMS = ["none", "global", "irq-work"];' },
    ],
  },
];

let known: ReadonlySet<string> | undefined;

function armNames(): ReadonlySet<string> {
  if (known !== undefined) return known;
  const text = readFileSync(join(ROOT, ARMS_FILE), "utf8");
  known = new Set([...text.matchAll(/^ +name: "([a-z-]+)",$/gm)].map(([, name = ""]) => name));
  return known;
}

function listsIn(file: SourceFile): Finding[] {
  const found: Finding[] = [];
  walk(file, (node, lineOf) => {
    const names = new Set(elementsOf(node).filter((name) => armNames().has(name)));
    if (names.size < LIST_MIN) return;
    const message = `lists ${[...names].join(", ")}: derive it from the rows of ${ARMS_FILE}`;
    found.push({ path: file.path, line: lineOf(node), message });
  });
  return found;
}

/** What a node lists: elements, keys, cases, members, or words between commas. */
function elementsOf(node: ts.Node): string[] {
  if (ts.isArrayLiteralExpression(node)) return node.elements.flatMap(wordsOf);
  if (ts.isUnionTypeNode(node)) {
    return node.types.flatMap((type) => (ts.isLiteralTypeNode(type) ? wordsOf(type.literal) : []));
  }
  if (ts.isObjectLiteralExpression(node)) {
    return node.properties.flatMap(({ name }) =>
      name !== undefined && (ts.isIdentifier(name) || ts.isStringLiteral(name)) ? [name.text] : [],
    );
  }
  if (ts.isCaseBlock(node)) {
    return node.clauses.flatMap((clause) =>
      ts.isCaseClause(clause) ? wordsOf(clause.expression) : [],
    );
  }
  return ts.isStringLiteral(node) ? node.text.split(",") : [];
}

/** The strings of an element: its own, or those of the row or call that it is. */
function wordsOf(element: ts.Node): string[] {
  if (ts.isStringLiteral(element)) return [element.text];
  if (ts.isObjectLiteralExpression(element)) {
    return element.properties.flatMap((property) =>
      ts.isPropertyAssignment(property) ? wordsOf(property.initializer) : [],
    );
  }
  if (ts.isArrayLiteralExpression(element)) return element.elements.flatMap(wordsOf);
  return ts.isCallExpression(element) ? element.arguments.flatMap(wordsOf) : [];
}

function planted(text: string): SourceFile {
  return { path: "test/unit/a.test.ts", text };
}
