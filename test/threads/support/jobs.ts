/**
 * Jobs of these tests as modules that a Worker can import.
 *
 * A Worker of Node 20 runs no TypeScript, so the files of ../jobs are stripped of their types, one
 * by one and without looking at each other, into build/test-jobs/. What they import of the package
 * is the build under test.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { JobRef } from "slablab/internal/cpu/protocol.js";
import ts from "typescript";

const ROOT = resolve(import.meta.dirname, "../../..");
const SOURCES = resolve(import.meta.dirname, "../jobs");
/** One folder per process: another one may be running these tests at the same time. */
const TARGET = join(ROOT, "build", "test-jobs", String(process.pid));

let isCompiled = false;

/** The job `name` of ../jobs/FILE.ts. */
export function jobOf(file: string, name: string): JobRef {
  compileJobs();
  return { module: pathToFileURL(join(TARGET, `${file}.js`)).href, name };
}

function compileJobs(): void {
  if (isCompiled) return;
  isCompiled = true;
  mkdirSync(TARGET, { recursive: true });
  process.on("exit", () => rmSync(TARGET, { recursive: true, force: true }));
  const dist = pathToFileURL(join(ROOT, "dist")).href;
  for (const file of readdirSync(SOURCES).filter((each) => each.endsWith(".ts"))) {
    const { outputText } = ts.transpileModule(readFileSync(join(SOURCES, file), "utf8"), {
      fileName: file,
      compilerOptions: {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2023,
        verbatimModuleSyntax: true,
      },
    });
    const text = outputText
      .replaceAll('from "slablab/internal/', `from "${dist}/`)
      .replaceAll('from "slablab"', `from "${dist}/index.js"`);
    writeFileSync(join(TARGET, file.replace(/\.ts$/, ".js")), text);
  }
}
