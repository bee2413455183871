/**
 * Rules over tests: none of them depends on how fast or how idle the machine is.
 *
 * The limit of the project (.config/vitest.config.ts) ends what hangs; a shorter one of a test's
 * own is red on a busy machine and says nothing.
 */
import ts from "typescript";
import { type Finding, type Rule, type SourceFile, walk } from "./rule.js";

const LIMITED = /^(test|it|beforeAll|beforeEach|afterAll|afterEach)\b/;
const CLOCKS = /\b(performance\.now|Date\.now)\b/;
const isTest = ({ path }: SourceFile) => path.startsWith("test/") && path.endsWith(".test.ts");

export const TEST_RULES: readonly Rule[] = [
  {
    claim: "no test has a time limit of its own",
    check: (files) => overCalls(files, (call) => LIMITED.test(nameOf(call)) && hasLimit(call))(OWN),
    planted: [
      { path: "test/unit/a.test.ts", text: 'test("a", () => {}, 30_000);' },
      { path: "test/unit/a.test.ts", text: 'test("a", () => {}, SLACK_MS);' },
      { path: "test/unit/a.test.ts", text: 'test.each([1])("a", () => {}, 30_000);' },
      { path: "test/unit/a.test.ts", text: 'test("a", { timeout: 5000 }, () => {});' },
    ],
    accepted: [
      { path: "test/unit/a.test.ts", text: 'test("a", () => wait(30_000));' },
      { path: "test/unit/a.test.ts", text: "withLock(dir, work, { timeoutMs: 50 });" },
    ],
  },
  {
    claim: "no test asserts how long something took",
    check: (files) =>
      overCalls(files, (call) => nameOf(call) === "expect" && CLOCKS.test(call.getText()))(TIMED),
    planted: [
      {
        path: "test/unit/a.test.ts",
        text: "expect(performance.now() - start).toBeLessThan(5000);",
      },
    ],
    accepted: [{ path: "test/unit/a.test.ts", text: "const start = performance.now();" }],
  },
];

const OWN = "a slow machine is no fault: leave the limit to the project's";
const TIMED = "count the work that was done instead, or that it ended at all";

function overCalls(files: readonly SourceFile[], isBad: (call: ts.CallExpression) => boolean) {
  return (message: string): Finding[] => {
    const findings: Finding[] = [];
    for (const file of files.filter(isTest)) {
      walk(file, (node, lineOf) => {
        if (!ts.isCallExpression(node) || !isBad(node)) return;
        findings.push({ path: file.path, line: lineOf(node), message });
      });
    }
    return findings;
  };
}

function nameOf({ expression }: ts.CallExpression): string {
  return expression.getText();
}

/** A third argument that is no function, or `timeout` among the options. */
function hasLimit({ arguments: args }: ts.CallExpression): boolean {
  const isFunction = (node: ts.Node | undefined) =>
    node !== undefined && (ts.isArrowFunction(node) || ts.isFunctionExpression(node));
  const limit = args.slice(args.findIndex(isFunction) + 1)[0];
  const hasOption = args.some(
    (arg) =>
      ts.isObjectLiteralExpression(arg) &&
      arg.properties.some((property) => property.name?.getText() === "timeout"),
  );
  return hasOption || (args.some(isFunction) && limit !== undefined && !isFunction(limit));
}
