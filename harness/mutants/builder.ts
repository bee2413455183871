/**
 * Builds the wasm from edited sources, into memory: the compiler is called as a library with the
 * entries, flags and transform of the ordinary builds, and reads one file otherwise than it is.
 *
 * One thing differs: the optimiser runs one short round. It takes four fifths of the time of an
 * ordinary build, and no defect planted here depends on what it does.
 */
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type Edit, applyEdit } from "./mutant.js";

/** The target that the machine hunts on. */
export const MODEL = "model";

/** The part of the compiler's interface that is used here. */
interface Compiler {
  main(
    args: readonly string[],
    host: {
      readFile(name: string, folder: string): Promise<string | null>;
      writeFile(name: string, content: string | Uint8Array): void;
    },
  ): Promise<{ error: Error | null; stderr: { toString(): string } }>;
}

interface AsconfigText {
  options: { optimizeLevel: number; converge: boolean };
  targets: Record<string, { textFile?: string; debug?: boolean }>;
}

export interface BuildOptions {
  readonly root: string;
  readonly target: string;
  /** null: the sources as they are. */
  readonly edit: Edit | null;
}

/**
 * Compile one target.
 *
 * The compiler finds the transform from the working directory: call it in the repository's root.
 * @throws Error with what the compiler said
 */
export async function buildWasm({ root, target, edit }: BuildOptions): Promise<Uint8Array> {
  const compiler = (await importFrom(root, "node_modules/assemblyscript/dist/asc.js")) as Compiler;
  const { ascArguments } = (await importFrom(root, ".tools/asc-targets.mjs")) as {
    ascArguments(target: string): string[];
  };
  const edited = edit === null ? null : await applyEdit(root, edit);
  const editedPath = edit === null ? null : resolve(root, "assembly", edit.file);
  let binary: Uint8Array | null = null;
  const { error, stderr } = await compiler.main([...ascArguments(target), "--baseDir", root], {
    async readFile(name, folder) {
      const path = resolve(folder, name);
      if (path === editedPath) return edited;
      const content = await readFile(path, "utf8").catch(() => null);
      return content !== null && path === join(root, "asconfig.json")
        ? withoutOptimizer(content, target)
        : content;
    },
    writeFile(_, content) {
      if (typeof content !== "string") binary = content;
    },
  });
  if (error !== null || binary === null) {
    const said = stderr.toString().trim();
    throw new Error(`${edit?.name ?? "the original"} does not compile:\n${said || error?.message}`);
  }
  return binary;
}

function importFrom(root: string, path: string): Promise<unknown> {
  return import(pathToFileURL(join(root, path)).href);
}

function withoutOptimizer(content: string, target: string): string {
  const config = JSON.parse(content) as AsconfigText;
  config.options.optimizeLevel = 1;
  config.options.converge = false;
  // Nobody reads it, and writing it takes a third of a second.
  delete config.targets[target]?.textFile;
  // The machine knows what it is in by the names of functions, which stand in the text otherwise.
  if (target === MODEL) config.targets[target] = { ...config.targets[target], debug: true };
  return JSON.stringify(config);
}
