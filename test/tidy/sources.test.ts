/**
 * The house rules, each as one test over every source file.
 *
 * Goal: a rule that is written down is kept. Method: test/tidy/rules/*.ts hold the rules as data;
 * each is run on the sources and must find nothing, and on its planted files and must find every
 * one of them, so that no rule is green because it looks at nothing.
 */
import { describe, expect, test } from "vitest";
import { BORDER_RULES } from "./rules/border.js";
import { IMPORT_RULES } from "./rules/imports.js";
import { format, readSources } from "./rules/rule.js";
import { SYNTAX_RULES } from "./rules/syntax.js";
import { TEXT_RULES } from "./rules/text.js";

const RULES = [...IMPORT_RULES, ...BORDER_RULES, ...SYNTAX_RULES, ...TEXT_RULES];
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
