/**
 * Goal: the list of mutants can be relied on: each is one edit of the source as it is now, still
 * compiles, and names tests and hunters that exist. Method: every edit is applied, and the edited
 * file's types are checked as those of the original are.
 */
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { HUNTERS } from "slablab/internal/mutants/hunters.js";
import { applyEdit, loadMutants } from "slablab/internal/mutants/mutant.js";
import { SHAPES } from "slablab/internal/mutants/shapes.js";
import { parseScenario } from "slablab/internal/machine/scenarios/scenario.js";
import ts from "typescript";
import { expect, test } from "vitest";
import { someRows } from "../support/tier.js";

const ROOT = resolve(import.meta.dirname, "../..");
const CONFIG = resolve(ROOT, "assembly/tsconfig.json");
const mutants = await loadMutants(ROOT);

test("there are at least thirty of our own beside those that really happened", () => {
  const ours = mutants.filter(({ origin }) => origin === "ours");
  expect(ours.length).toBeGreaterThanOrEqual(30);
  for (const origin of ["version 1 of the patch", "review of the patch", "fixed after the merge"]) {
    expect(mutants.some((mutant) => mutant.origin === origin)).toBe(true);
  }
});

test("each names tests, a hunter and shapes that exist", () => {
  const hunters = HUNTERS.map(({ name }) => name);
  const known = SHAPES.map(({ name }) => name);
  for (const { name, tests, expected, shapes } of mutants) {
    const missing = tests.filter((file) => !existsSync(resolve(ROOT, `test/unit/${file}.test.ts`)));
    expect(missing, name).toEqual([]);
    if (expected !== undefined) expect(hunters, name).toContain(expected);
    for (const shape of shapes) expect(known, name).toContain(shape);
    // Whoever waits for the machine says where it is to look.
    if (expected === "machine") expect(shapes, name).not.toEqual([]);
  }
});

test("shapes have different names, and are scenarios of the model build", () => {
  expect(new Set(SHAPES.map(({ name }) => name)).size).toBe(SHAPES.length);
  for (const { name, text } of SHAPES) {
    const { build, tasks } = parseScenario(text);
    expect(build, name).toBe("model");
    expect(tasks.length, name).toBeGreaterThan(0);
  }
});

test("each applies exactly once, and is still a program", async () => {
  const edits = await Promise.all(
    mutants.map(async (mutant) => ({ mutant, text: await applyEdit(ROOT, mutant) })),
  );
  const checker = new Checker();
  const checked = someRows(edits, Math.ceil(edits.length / 6));
  const wrong = checked.flatMap(({ mutant: { name, file }, text }) =>
    checker.complaints(resolve(ROOT, "assembly", file), text).map((what) => `${name}: ${what}`),
  );
  expect(wrong).toEqual([]);
  const broken = resolve(ROOT, "assembly/index.ts");
  expect(checker.complaints(broken, "export function f(): u32 { return g(); }")).toHaveLength(1);
});

test("an edit that finds its text twice, or nowhere, or changes nothing is refused", async () => {
  const edit = { name: "planted", file: "sync/llist.ts" };
  const apply = (find: string, replace: string) => applyEdit(ROOT, { ...edit, find, replace });
  await expect(apply("llist_add", "x")).rejects.toThrow(
    /planted: expected its text once .* got it/,
  );
  await expect(apply("no such text", "x")).rejects.toThrow("got it 0 times");
  await expect(
    apply("  let first = read_once(head);", "  let first = read_once(head);"),
  ).rejects.toThrow("expected a change");
});

/** The types of assembly/, with one file replaced; all others are read and bound once. */
class Checker {
  readonly #options: ts.CompilerOptions;
  readonly #files: readonly string[];
  readonly #sources = new Map<string, ts.SourceFile>();
  #last: ts.Program | undefined;

  constructor() {
    const { config } = ts.readConfigFile(CONFIG, ts.sys.readFile);
    const parsed = ts.parseJsonConfigFileContent(config, ts.sys, resolve(ROOT, "assembly"));
    // What an edit leaves unused is no error.
    const lenient = {
      noUnusedLocals: false,
      noUnusedParameters: false,
      allowUnreachableCode: true,
    };
    this.#options = { ...parsed.options, ...lenient, noEmit: true };
    this.#files = parsed.fileNames;
  }

  /** What is wrong with the types of `path` if it holds `text`. */
  complaints(path: string, text: string): string[] {
    const host = ts.createCompilerHost(this.#options);
    host.getSourceFile = (name, language) => {
      if (name === path) return ts.createSourceFile(name, text, language, true);
      const known = this.#sources.get(name);
      if (known !== undefined) return known;
      const source = ts.createSourceFile(name, readFileSync(name, "utf8"), language, true);
      this.#sources.set(name, source);
      return source;
    };
    const program = ts.createProgram(this.#files, this.#options, host, this.#last);
    this.#last = program;
    const source = program.getSourceFile(path);
    const found = [
      ...program.getSyntacticDiagnostics(source),
      ...program.getSemanticDiagnostics(source),
    ];
    return found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, " "));
  }
}
