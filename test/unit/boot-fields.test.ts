/**
 * Goal: the layout that every build exports is the layout it was compiled from, complete. Method:
 * parse the struct declarations of assembly/base/layout.ts, lay them out as the compiler does, and
 * compare name by name; the same for the constants and counters of the source.
 */
import ts from "typescript";
import { expect, test } from "vitest";
import { COUNTERS, numbersIn, readSource } from "./support/counters.js";
import { BUILDS, TestHeap } from "./support/heap.js";

interface Field {
  readonly struct: string;
  readonly name: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

const SIZES: Readonly<Record<string, number>> = { u8: 1, u16: 2, u32: 4, i32: 4, u64: 8, usize: 4 };

/** KmemCacheCpu becomes kmem_cache_cpu. */
const snake = (name: string) =>
  name.replace(/[A-Z]/g, (letter, at: number) => (at === 0 ? "" : "_") + letter.toLowerCase());

/** Fields that hold nothing: they fill a line, or are kept for later. */
const isPadding = (name: string) => /^(pad|pcp_pad|line\d|[a-z]+Reserved|reserved)/.test(name);

const LAYOUT_FILES = [
  ...["layout", "layout_percpu", "layout_reap", "layout_sheaf", "layout_track"],
].map((name) => `assembly/base/${name}.ts`);

/** Every field of every @unmanaged class, laid out in order at its natural alignment. */
function fieldsInSource(): Field[] {
  return LAYOUT_FILES.flatMap(fieldsInFile);
}

function fieldsInFile(path: string): Field[] {
  const tree = ts.createSourceFile(path, readSource(path), ts.ScriptTarget.Latest, true);
  const fields: Field[] = [];
  for (const node of tree.statements) {
    if (!ts.isClassDeclaration(node) || node.name === undefined) continue;
    let end = 0;
    for (const member of node.members) {
      if (!ts.isPropertyDeclaration(member)) continue;
      const type = member.type?.getText() ?? "";
      const sizeBytes = SIZES[type] ?? Number.NaN;
      const offset = Math.ceil(end / sizeBytes) * sizeBytes;
      fields.push({
        struct: snake(node.name.text),
        name: member.name.getText(),
        offset,
        sizeBytes,
      });
      end = offset + sizeBytes;
    }
  }
  return fields;
}

const IN_SOURCE = fieldsInSource();

test("the source has the structs it should, and every field a size this test knows", () => {
  expect([...new Set(IN_SOURCE.map(({ struct }) => struct))].sort()).toEqual([
    "cpu_area",
    "heap_header",
    "held_locks",
    "kmem_cache",
    "kmem_cache_cpu",
    "kmem_cache_node",
    "memcg",
    "memcg_stock",
    "node_barn",
    "page",
    "rcu_data",
    "rcu_queue",
    "reap_report",
    "sheaf",
    "track",
    "zone",
  ]);
  expect(IN_SOURCE.filter(({ sizeBytes }) => Number.isNaN(sizeBytes))).toEqual([]);
});

test.each(BUILDS)(
  "the build %s exports every field at its offset and size, and no other",
  (build) => {
    const { table } = new TestHeap({ build });
    const key = ({ struct, name, offset, sizeBytes }: Field) =>
      `${struct}$${name} at ${offset}, ${sizeBytes} bytes`;
    // Of a dead CPU's recovery, which is in a module of its own there.
    const isHere = ({ struct }: Field) => struct !== "reap_report" || build !== "release";
    const expected = IN_SOURCE.filter(({ name }) => !isPadding(name))
      .filter(isHere)
      .map(key);
    const found = table.fields.filter(({ name }) => !isPadding(name)).map(key);
    expect(found.sort()).toEqual(expected.sort());
  },
);

test("exported constants have the values of the source", () => {
  const { allConstants } = new TestHeap().table;
  const files = ["assembly/base/config.ts", ...LAYOUT_FILES].map(readSource);
  const source = new Map(files.flatMap((text) => [...numbersIn(text)]));
  const exported = Object.entries(allConstants);
  const differing = exported.filter(([name, found]) => {
    const known = source.get(name);
    return known !== undefined && known !== found;
  });
  expect(differing.map(([name]) => name)).toEqual([]);
  expect(exported.length).toBeGreaterThan(15);
});

test("counters are numbered from 0 without a gap, and fit the space each CPU has for them", () => {
  const numbers = [...COUNTERS.values()];
  expect(numbers).toEqual(numbers.map((_, index) => index));
  const { STAT_STRIDE } = new TestHeap().table.constants;
  expect(numbers.length * 8).toBeLessThanOrEqual(STAT_STRIDE);
});
