/**
 * Rules over the names of files.
 *
 * Editors, stack traces and reviews show a file without its folder, so a name that is there twice
 * has to be looked up each time. A command's own file is `cli/X/X-command.ts`, what checks a heap
 * `heap/validate/check-X.ts`, and what a load is in wasm has the name that it has in assembly/.
 */
import type { Finding, Rule, SourceFile } from "./rule.js";

/** Names that folders may share: what a folder gives out. Nothing is to be added. */
const SHARED: readonly string[] = ["index.ts"];

export const NAME_RULES: readonly Rule[] = [
  {
    claim: "no two files of harness/ share a name",
    check: (files) => [...byName(files)].flatMap(([name, paths]) => sharing(name, paths)),
    planted: [
      [file("harness/heap/pages.ts"), file("harness/machine/judges/pages.ts")],
      [file("harness/cli/bench/bench.ts"), file("harness/machine/bench.ts")],
    ],
    accepted: [
      file("harness/heap/trace.ts"),
      file("harness/cli/trace/trace-command.ts"),
      file("assembly/sync/trace.ts"),
      file("harness/index.ts"),
      file("harness/heap/index.ts"),
    ],
  },
];

function byName(files: readonly SourceFile[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { path } of files) {
    if (!/^harness\/.*\.ts$/.test(path)) continue;
    const name = path.slice(path.lastIndexOf("/") + 1);
    found.set(name, [...(found.get(name) ?? []), path]);
  }
  return found;
}

function sharing(name: string, paths: readonly string[]): Finding[] {
  const [first, ...others] = paths;
  if (SHARED.includes(name)) return [];
  return others.map((path) => ({
    path,
    line: 1,
    message: `is named as ${first} is: name it after the one thing that it exports`,
  }));
}

function file(path: string): SourceFile {
  return { path, text: "/** A file. */" };
}
