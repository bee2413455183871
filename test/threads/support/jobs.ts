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
const FOLDER = join(ROOT, "build", "test-jobs");
const TARGET = join(FOLDER, String(process.pid));

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
  removeLeftovers();
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

/** Test processes are ended, not asked to exit: the next one removes what they left. */
function removeLeftovers(): void {
  for (const pid of readdirSync(FOLDER).filter((name) => !isAlive(Number(name)))) {
    rmSync(join(FOLDER, pid), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    // Signal 0 only asks.
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
