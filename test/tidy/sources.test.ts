/**
 * The house rules, each as one test over every source file.
 *
 * Goal: a rule that is written down is kept. Method: test/tidy/rules/*.ts hold the rules as data;
 * each is run on the sources and must find nothing, and on its planted files and must find every
 * one of them, so that no rule is green because it looks at nothing.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ARM_RULES } from "./rules/arms.js";
import { BORDER_RULES } from "./rules/border.js";
import { readmeComplaint } from "./rules/floors.js";
import { HARNESS_LAYERS, IMPORT_RULES } from "./rules/imports.js";
import { NAME_RULES } from "./rules/names.js";
import { format, ROOT, readSources } from "./rules/rule.js";
import { SYNTAX_RULES } from "./rules/syntax.js";
import { TEST_RULES } from "./rules/tests.js";
import { TEXT_RULES } from "./rules/text.js";

const RULES = [
  ...ARM_RULES,
  ...IMPORT_RULES,
  ...BORDER_RULES,
  ...NAME_RULES,
  ...SYNTAX_RULES,
  ...TEST_RULES,
  ...TEXT_RULES,
];
const sources = readSources();

test("there are sources to look at in both trees", () => {
  expect(sources.some(({ path }) => path.startsWith("assembly/"))).toBe(true);
  expect(sources.some(({ path }) => path.startsWith("harness/"))).toBe(true);
});

for (const { claim, check, planted, accepted = [] } of RULES) {
  test(claim, () => {
    expect(format(check(sources))).toBe("");
  });

  describe(`the rule "${claim}"`, () => {
    test.each(planted.map((files, index) => ({ index, files: [files].flat() })))(
      "refuses planted file $index",
      ({ files }) => {
        expect(check(files)).not.toEqual([]);
      },
    );

    test("accepts what only looks similar", () => {
      expect(format(check(accepted))).toBe("");
    });
  });
}

/** Folders that are no floors: examples are programs of users. */
const FLOORS = HARNESS_LAYERS.flat()
  .filter((floor) => floor !== "examples")
  .filter((floor) => existsSync(join(ROOT, "harness", floor)));

test.each(FLOORS)("harness/%s says in at most 30 lines what lives there", (floor) => {
  const path = join(ROOT, "harness", floor, "README.md");
  expect(readmeComplaint(existsSync(path) ? readFileSync(path, "utf8") : null)).toBe("");
});

test("no README, a long one and one that says too little are refused", () => {
  const whole = "# heap\n\nStart: heap.ts.\n\nImports: nothing.\n";
  expect(readmeComplaint(whole)).toBe("");
  expect(readmeComplaint(null)).toMatch(/expected a README.md, got none/);
  expect(readmeComplaint(whole + "more\n".repeat(30))).toMatch(/has 35 lines, at most 30/);
  expect(readmeComplaint("# heap\n\nStart: heap.ts.\n")).toMatch(/"Imports: \.\.\."/);
});
