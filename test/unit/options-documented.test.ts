/**
 * Goal: docs/options.md has every option of a heap, and none besides. Method: the rows of its table
 * against the list that createHeap() accepts, which the compiler compares with HeapOptions.
 */
import { readFileSync } from "node:fs";
import { createHeap, type HeapOptions } from "slablab";
import { HEAP_OPTIONS } from "slablab/internal/heap/options.js";
import { expect, expectTypeOf, test } from "vitest";

const text = readFileSync(new URL("../../docs/options.md", import.meta.url), "utf8");

test("docs/options.md has a row for each option, in the order of the list", () => {
  const rows = [...text.matchAll(/^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm)];
  const table = rows.map(([, name]) => name).filter((name) => name !== undefined);
  expect(table).toEqual([...HEAP_OPTIONS]);
});

test("the list names every option of the type", () => {
  expectTypeOf<(typeof HEAP_OPTIONS)[number]>().toEqualTypeOf<keyof HeapOptions>();
});

test("every option of the list is known to createHeap(), and no other", async () => {
  for (const name of HEAP_OPTIONS) {
    const refused = await createHeap({ [name]: Symbol("no value") }).catch((error) => error);
    expect(String(refused), name).not.toMatch(/unknown option/);
  }
  await expect(createHeap({ cpu: 1 } as never)).rejects.toThrow(/options.cpu: .* unknown option/);
});
