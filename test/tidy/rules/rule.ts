/**
 * What a rule over the sources is: a claim, a check, and a planted text that the check must refuse.
 *
 * The check sees every file at once and returns findings; the planted text proves that it can
 * fail. A rule looks at syntax where words in comments must not count, at text where they must.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import ts from "typescript";

export const ROOT = resolve(import.meta.dirname, "../../..");

export interface SourceFile {
  /** Relative to the project folder, with `/`. */
  readonly path: string;
  readonly text: string;
}

export interface Finding {
  readonly path: string;
  /** From 1 on. */
  readonly line: number;
  /** What is wrong and what to do instead. */
  readonly message: string;
}

export interface Rule {
  /** The sentence that the test is named after. */
  readonly claim: string;
  readonly check: (files: readonly SourceFile[]) => Finding[];
  /** Files, or small trees of files, each of which breaks the rule. */
  readonly planted: readonly (SourceFile | readonly SourceFile[])[];
  /** Files close to breaking it that must pass. */
  readonly accepted?: readonly SourceFile[];
}

/** Folders whose files are sources of this project. */
const FOLDERS = ["assembly", "harness", "bench", "test", ".tools", ".config"] as const;

/** Reads every TypeScript and JavaScript source. */
export function readSources(): SourceFile[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(ts|tsx|mjs)$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .map((full) => full.slice(ROOT.length + 1).replaceAll("\\", "/"))
      .map((path) => ({ path, text: readFileSync(join(ROOT, path), "utf8") })),
  );
}

/** `file:line: message`, one a line; the empty string when there is nothing to report. */
export function format(findings: readonly Finding[]): string {
  return findings.map(({ path, line, message }) => `${path}:${line}: ${message}`).join("\n");
}

/** Calls `visit` for every node of a file, parents first. */
export function walk(
  file: SourceFile,
  visit: (node: ts.Node, lineOf: (node: ts.Node) => number) => void,
): void {
  const tree = parse(file);
  const lineOf = (node: ts.Node) =>
    tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1;
  const descend = (node: ts.Node): void => {
    visit(node, lineOf);
    ts.forEachChild(node, descend);
  };
  descend(tree);
}

const parsed = new WeakMap<SourceFile, ts.SourceFile>();

/** The syntax tree of a file; parsed once, with parent links. */
export function parse(file: SourceFile): ts.SourceFile {
  const known = parsed.get(file);
  if (known !== undefined) return known;
  const tree = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, true);
  parsed.set(file, tree);
  return tree;
}
