/**
 * Goal: the build inlines what its lists say and nothing by accident. Method: each entry is looked
 * up in the sources: a folder or file that has functions, or one function.
 */
import ts from "typescript";
import { expect, test } from "vitest";
import { INLINABLE, means, NEVER_INLINABLE, OUT_OF_LINE_IN_MODEL } from "../../.tools/inlining.mjs";
import { parse, readSources, type SourceFile } from "./rules/rule.js";

const functions = readSources()
  .filter(({ path }) => path.startsWith("assembly/") && !path.endsWith(".d.ts"))
  .flatMap(functionsOf);

test("every entry means a function that is there", () => {
  const idle = [...INLINABLE, ...NEVER_INLINABLE, OUT_OF_LINE_IN_MODEL].filter(
    (entry) => !functions.some((name) => means(entry, name)),
  );
  expect(idle).toEqual([]);
});

test("an entry is a whole name: no file by the beginning of its name, no function twice", () => {
  expect(means("assembly/page/page/", "assembly/page/page/page_slab")).toBe(true);
  expect(means("assembly/page/page/", "assembly/page/page_alloc/alloc_pages")).toBe(false);
  expect(means("assembly/slab/slab/update_slow", "assembly/slab/slab/update_slowly")).toBe(false);
  const twice = functions.filter(
    (name) => INLINABLE.filter((entry) => means(entry, name)).length > 1,
  );
  expect(twice).toEqual([]);
});

/** Names as asc gives them: `assembly/slab/put/free_to_slab`. */
function functionsOf(file: SourceFile): string[] {
  return parse(file)
    .statements.filter(ts.isFunctionDeclaration)
    .map(({ name }) => `${file.path.replace(/\.ts$/, "")}/${name?.text}`);
}
