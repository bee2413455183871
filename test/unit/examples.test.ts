/**
 * The examples do what they say.
 *
 * Method: each is run by Node as a reader would; the one of the README is the first of them, word
 * for word. The AudioWorklet runs in test/runtimes, in a browser.
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..", "..");
const EXAMPLES = join(ROOT, "harness", "examples");

/** @returns the lines it printed; anything on standard error fails */
async function run(example: string): Promise<string[]> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [
    join(EXAMPLES, example),
  ]).catch((error: unknown) => error as { stdout: string; stderr: string });
  expect(stderr).toBe("");
  return stdout.trim().split("\n");
}

test("two Workers share a heap", async () => {
  expect(await run("two-workers.mjs")).toEqual(["hello - findings: 0"]);
});

test("the README shows that example word for word", () => {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  const shown = /```js\n([\s\S]*?)```/.exec(readme)?.[1];
  const example = readFileSync(join(EXAMPLES, "two-workers.mjs"), "utf8");
  expect(example.replace(/^\/\*\*.*\*\/\n/, "")).toBe(shown);
});

test("a cache constructs its objects once", async () => {
  expect(await run("object-cache.mjs")).toEqual([
    expect.stringMatching(/^1000 allocations, \d{1,3} constructed, one object used 1000 times$/),
    "released: true, findings: 0",
  ]);
});

test("a C program builds with our malloc() on one Worker and frees on another", async () => {
  expect(await run("c-malloc/tree.mjs")).toEqual([
    "added 10000 keys",
    "freed 4096 nodes",
    "findings: 0",
  ]);
});

test("the list of examples names each of them", () => {
  const list = readFileSync(join(EXAMPLES, "README.md"), "utf8");
  for (const name of ["two-workers", "object-cache", "c-malloc", "audio-worklet"]) {
    expect(list).toContain(`harness/examples/${name}`);
  }
});
