/** What `slablab bench --list` prints: every suite once, sweeps folded, within a page. */
import { COLUMNS, wrap } from "../common/page.js";

export interface ListedSuite {
  readonly name: string;
  readonly about: string;
  /** Whether bare `slablab bench` runs it. */
  readonly isDefault: boolean;
  /** Rows of a micro-benchmark; empty for loads. */
  readonly rows: readonly string[];
}

interface Line {
  readonly name: string;
  readonly about: string;
  readonly isDefault: boolean;
}

const MARK = "* ";
const NO_MARK = "  ";
const GAP = 2;

/** Suites of one shape are one line: `slab_test/pairs/{8,16,32}`, told by its first. */
export function benchListText(suites: readonly ListedSuite[]): string {
  const lines = fold(suites);
  const width = Math.max(...lines.map(({ name }) => name.length)) + MARK.length + GAP;
  const listed = lines.flatMap(({ name, about, isDefault }) => {
    const [first = "", ...more] = wrap(about, COLUMNS - width).split("\n");
    const head = `${isDefault ? MARK : NO_MARK}${name}`.padEnd(width);
    return [`${head}${first}`, ...more.map((line) => `${" ".repeat(width)}${line}`)];
  });
  const micro = suites
    .filter(({ rows }) => rows.length > 0)
    .map(({ name, rows }) => wrap(`${name}: ${rows.join(", ")}`, COLUMNS));
  return [
    ...listed,
    "",
    ...wrap(
      "* runs by default. A filter is a part of a name, such as slab_test/pairs; loads is every " +
        "load and some of each sweep, all is everything. Sweeps are told by their first member.",
      COLUMNS,
    ).split("\n"),
    "",
    "rows that can be asked for by name:",
    ...micro,
  ].join("\n");
}

/** Names that differ in numbers alone share a line, which lists the numbers. */
function fold(suites: readonly ListedSuite[]): Line[] {
  const groups = new Map<string, [ListedSuite, ...ListedSuite[]]>();
  for (const suite of suites) {
    const shape = suite.name.replaceAll(NUMBERS, "/#");
    const group = groups.get(shape);
    if (group === undefined) groups.set(shape, [suite]);
    else group.push(suite);
  }
  return [...groups.values()].map((group) => ({
    name: foldNames(group.map(({ name }) => name)),
    about: group[0].about,
    isDefault: group.some(({ isDefault }) => isDefault),
  }));
}

const NUMBERS = /\/\d+(?=\/|$)/g;

function foldNames(names: readonly string[]): string {
  const parts = names.map((name) => name.split("/"));
  const [first = []] = parts;
  return first
    .map((part, at) => {
      const values = [...new Set(parts.map((each) => each[at] ?? ""))];
      if (values.length === 1) return part;
      return `{${values[0]}..${values.at(-1)}}`;
    })
    .join("/");
}
