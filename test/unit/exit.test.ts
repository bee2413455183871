/**
 * Goal: Ctrl-C lets a command write what it has. Method: a small program around runInterruptible in
 * a process of its own, which gets real signals.
 */
import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { expect, test } from "vitest";

const EXIT_MODULE = resolve(import.meta.dirname, "../../dist/cli/common/exit.js");

/** Runs `body` inside runInterruptible, sends one signal when it says "ready". */
function interrupted(body: string, signals: number): Promise<{ status: number; stdout: string }> {
  const program = `
    import { runInterruptible } from ${JSON.stringify(EXIT_MODULE)};
    process.exitCode = await runInterruptible(async (signal) => { ${body} });
  `;
  return new Promise((done) => {
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program]);
    let stdout = "";
    child.stdout.on("data", (chunk) => {
      if (stdout === "") child.kill("SIGINT");
      stdout += chunk;
    });
    child.stderr.on("data", () => {
      if (signals > 1) child.kill("SIGINT");
    });
    child.on("close", (status) => done({ status: status ?? -1, stdout }));
  });
}

const READY = 'console.log("ready");';
const ABORTED = 'await new Promise((done) => signal.addEventListener("abort", done));';

test("the first Ctrl-C lets the body finish and ends with 130", async () => {
  const outcome = await interrupted(`${READY} ${ABORTED} console.log("partial"); return 0;`, 1);
  expect(outcome).toEqual({ status: 130, stdout: "ready\npartial\n" });
});

test("a body that throws the signal's reason is interrupted, too", async () => {
  const outcome = await interrupted(`${READY} ${ABORTED} throw signal.reason;`, 1);
  expect(outcome.status).toBe(130);
});

test("a second Ctrl-C ends a body that does not stop", async () => {
  const outcome = await interrupted(`${READY} await new Promise(() => {}); return 0;`, 2);
  expect(outcome.status).toBe(130);
});

test("a body that waits on Atomics.waitAsync alone is not cut off", async () => {
  const wait = "Atomics.waitAsync(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200).value";
  const program = `
    import { runInterruptible } from ${JSON.stringify(EXIT_MODULE)};
    process.exitCode = await runInterruptible(async () => { await ${wait}; return 1; });
  `;
  const status = await new Promise((done) => {
    spawn(process.execPath, ["--input-type=module", "--eval", program]).on("close", done);
  });
  expect(status).toBe(1);
});
