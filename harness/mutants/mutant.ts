/**
 * The mutants: defects that are put into the allocator's source one at a time, to see whether
 * anything notices.
 *
 * Each is an edit that must apply exactly once, so that a source which moves on takes its mutants
 * along or says so. They lie in test/mutants/, one file a group, and exist in the repository alone:
 * the published package has neither them nor the sources nor the compiler.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import * as v from "valibot";
import { UnsupportedError } from "../heap/errors.js";

/** Where a defect comes from. */
export const ORIGINS = [
  "version 1 of the patch",
  "review of the patch",
  "fixed after the merge",
  "ours",
] as const;

const text = v.pipe(v.string(), v.nonEmpty());

const mutantSchema = v.strictObject({
  /** Unique; words joined by hyphens. */
  name: v.pipe(v.string(), v.regex(/^[a-z0-9]+(-[a-z0-9]+)*$/)),
  origin: v.picklist(ORIGINS),
  /** The defect, and what it does in the end. */
  what: text,
  /** Below assembly/. */
  file: text,
  /** Stands exactly once in the file. */
  find: text,
  replace: v.string(),
  /** The build that unit tests are run on. */
  target: v.optional(v.picklist(["release", "stats", "hardened", "debug", "trace"]), "stats"),
  /** Files of test/unit, without `.test.ts`, that are directed at the edited lines. */
  tests: v.optional(v.array(text), []),
  /** Shapes of mutants/shapes.ts that are directed at it: the machine explores them first. */
  shapes: v.optional(v.array(text), []),
  /** The hunter that is believed to be the cheapest that can kill it. */
  expected: v.optional(text),
  /** Why the hunters up to now may miss it. */
  why: v.optional(text),
});

export type Mutant = v.InferOutput<typeof mutantSchema> & {
  /** The file in test/mutants that it stands in. */
  readonly group: string;
};

/** How a mutant is written down: everything that may be left out may be. */
export type MutantRecord = v.InferInput<typeof mutantSchema>;

/** The repository that this file was built in. @throws UnsupportedError in an installed package */
export function findRepository(): string {
  const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
  const needed = ["assembly/index.ts", "test/mutants", "node_modules/assemblyscript/package.json"];
  const missing = needed.find((path) => !existsSync(join(root, path)));
  if (missing === undefined) return root;
  throw new UnsupportedError(
    "mutants are built from the allocator's sources by the AssemblyScript compiler: expected " +
      `${missing} in ${root}, got none; clone the repository and run "npm test" or "npm ci" once`,
  );
}

/** All mutants, group by group. @throws Error if a record is not what it should be */
export async function loadMutants(root: string): Promise<Mutant[]> {
  const folder = join(root, "test", "mutants");
  const files = (await readdir(folder)).filter((name) => name.endsWith(".mjs")).sort();
  const groups = await Promise.all(files.map((file) => loadGroup(join(folder, file), file)));
  const mutants = groups.flat();
  const names = new Set<string>();
  for (const { name, group } of mutants) {
    if (names.has(name)) throw new Error(`${group}.mjs: expected the name ${name} once, got more`);
    names.add(name);
  }
  return mutants;
}

async function loadGroup(path: string, file: string): Promise<Mutant[]> {
  const { MUTANTS: records } = (await import(pathToFileURL(path).href)) as { MUTANTS: unknown };
  const parsed = v.safeParse(v.array(mutantSchema), records);
  const group = file.replace(/\.mjs$/, "");
  if (parsed.success) return parsed.output.map((mutant) => ({ ...mutant, group }));
  const [issue] = parsed.issues;
  throw new Error(`test/mutants/${file}: ${v.getDotPath(issue) ?? "list"}: ${issue.message}`);
}

/** Of the allocator's sources and of the mutants, wherever they lie: 12 hexadecimal digits. */
export async function hashSources(root: string): Promise<string> {
  const hash = createHash("sha256");
  for (const folder of ["assembly", "test/mutants"]) {
    const names = await readdir(join(root, folder), { recursive: true });
    for (const name of names.filter((each) => /\.(ts|mjs)$/.test(each)).sort()) {
      hash.update(`${name.replaceAll("\\", "/")}\n`);
      hash.update(await readFile(join(root, folder, name)));
    }
  }
  return hash.digest("hex").slice(0, 12);
}

/** Which text of which file is replaced by what. */
export type Edit = Pick<Mutant, "name" | "file" | "find" | "replace">;

/** The edited file. @throws Error unless the edit applies exactly once and changes something */
export async function applyEdit(root: string, edit: Edit): Promise<string> {
  const { name, file, find, replace } = edit;
  const source = await readFile(join(root, "assembly", file), "utf8");
  const parts = source.split(find);
  if (parts.length !== 2) {
    const times = `${parts.length - 1} times`;
    throw new Error(`mutant ${name}: expected its text once in assembly/${file}, got it ${times}`);
  }
  if (find === replace) throw new Error(`mutant ${name}: expected a change, got the same text`);
  return parts.join(replace);
}
