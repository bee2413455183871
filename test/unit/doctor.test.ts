/**
 * Goal: `slablab doctor` answers where everything else fails, and names the fact it tripped over.
 * Method: the real binary in processes that lack something.
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");
const BINARY = resolve(ROOT, "dist/cli/main.js");

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(program: string, ...args: string[]): Promise<Outcome> {
  return new Promise((done) => {
    const child = execFile(program, args, (_error, stdout, stderr) =>
      done({ status: child.exitCode, stdout, stderr }),
    );
  });
}

/** The binary in a Node that ran `code` before anything else. */
function after(code: string, ...args: string[]): Promise<Outcome> {
  const preload = `data:text/javascript,${encodeURIComponent(code)}`;
  return run(process.execPath, "--import", preload, BINARY, ...args);
}

/** What fails, by name: what was found, and what to do. */
function failuresOf({ stdout }: Outcome): Record<string, string> {
  const { results } = JSON.parse(stdout);
  const failed = (results.checkups as Record<string, string>[]).filter(
    ({ verdict }) => verdict === "fails",
  );
  return Object.fromEntries(failed.map(({ name, found, advice }) => [name, `${found}; ${advice}`]));
}

test("without wasm, because of a flag: the flag is named", async () => {
  const outcome = await run(process.execPath, "--jitless", BINARY, "doctor", "--json");
  expect(failuresOf(outcome)).toEqual({
    WebAssembly: "no; the runtime was started with --jitless: leave it out",
    "shared wasm memory": "not tried; needs what is missing above",
    "wasm atomics": "not tried; needs what is missing above",
  });
  expect(outcome.status).toBe(3);
});

test.each([
  ["delete globalThis.WebAssembly", "WebAssembly"],
  ["delete globalThis.SharedArrayBuffer", "SharedArrayBuffer"],
  ["delete Atomics.waitAsync", "Atomics.waitAsync"],
])("%s: that is what fails", async (code, name) => {
  const outcome = await after(code, "doctor", "--json");
  expect(failuresOf(outcome)[name]).toMatch(/^no; the runtime has it, and something took it away/);
  expect([outcome.status, outcome.stderr]).toEqual([3, ""]);
});

test.skipIf(process.platform !== "linux")(
  "a limit of addresses is named with its size",
  async () => {
    const command = `ulimit -v 4000000; '${process.execPath}' '${BINARY}' doctor --json`;
    const outcome = await run("bash", "-c", command);
    expect(failuresOf(outcome)).toEqual({
      "shared wasm memory": expect.stringMatching(
        /^no: .*memory.*; each .* 10 GiB of addresses .* may have 3\.8 GiB: ulimit -v unlimited$/,
      ),
    });
    expect(outcome.status).toBe(3);
  },
);

test("another command says what is missing in a sentence, and ends with 3", async () => {
  const { status, stderr } = await after("delete globalThis.WebAssembly", "slabinfo");
  expect(stderr).not.toMatch(/^ {4}at /m);
  expect(stderr).toContain("WebAssembly");
  expect(status).toBe(3);
});

test("a Node older than package.json allows is told so, whatever was asked", async () => {
  const { engines } = JSON.parse(readFileSync(resolve(ROOT, "package.json"), "utf8"));
  const [major, minor] = engines.node.replace(">=", "").split(".").map(Number);
  const as = (version: string) =>
    after(
      `const value = { ...process.versions, node: "${version}" };` +
        'Object.defineProperty(process, "versions", { value });',
      "--version",
    );
  const old = `${major}.${minor - 1}.9`;
  expect(await as(old)).toEqual({
    status: 3,
    stdout: "",
    stderr:
      `slablab: expected Node ${major}.${minor} or newer, got ${old}; ` +
      "install a newer one, or use Deno or Bun\n",
  });
  expect((await as(`${major}.${minor}.0`)).status).toBe(0);
});

test("main.js, which has to load everywhere, imports nothing before it has looked", () => {
  expect(readFileSync(BINARY, "utf8")).not.toMatch(/^\s*import[\s{*]/m);
});
