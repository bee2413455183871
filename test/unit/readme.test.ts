/**
 * The README's example does what it says.
 *
 * Method: the first `js` block is written to a file inside the package, so that `slablab` resolves
 * to it, and run by Node as a reader would.
 */
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..", "..");

test("the example of the README shares a heap between two Workers", async () => {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  const example = /```js\n([\s\S]*?)```/.exec(readme)?.[1];
  expect(example).toBeDefined();
  const folder = join(ROOT, ".slablab");
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "readme-example.mjs");
  writeFileSync(file, example ?? "");
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], {
    timeout: 20_000,
  }).catch((error: unknown) => error as { stdout: string; stderr: string });
  expect(stderr).toBe("");
  expect(stdout.trim()).toBe("hello - findings: 0");
}, 30_000);
