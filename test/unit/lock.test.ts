/**
 * Goal: two builds never run at once, and a dead one blocks nobody. Method: many workers of one
 * process on one lock folder, and folders as a killed process leaves them.
 */
import { existsSync, mkdirSync, mkdtempSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { withLock } from "../../.tools/lock.mjs";

const newDir = () => join(mkdtempSync(join(tmpdir(), "slablab-lock-")), "lock");
/** Above the largest process id that Linux, macOS or Windows gives. */
const DEAD_PID = 2 ** 30;

test("holders of one lock follow one another", async () => {
  const dir = newDir();
  const trace: string[] = [];
  const hold = (name: string) =>
    withLock(dir, async () => {
      trace.push(`${name} in`);
      await new Promise((done) => setTimeout(done, 20));
      trace.push(`${name} out`);
    });
  await Promise.all([hold("a"), hold("b"), hold("c")]);
  for (let index = 0; index < trace.length; index += 2) {
    expect(trace[index + 1]).toBe(trace[index]?.replace(" in", " out"));
  }
  expect(existsSync(dir)).toBe(false);
});

test("the lock is free again after a failure", async () => {
  const dir = newDir();
  const failing = withLock(dir, () => Promise.reject(new Error("planted")));
  await expect(failing).rejects.toThrow("planted");
  expect(existsSync(dir)).toBe(false);
});

test("a lock whose holder died is taken over", async () => {
  const dir = newDir();
  mkdirSync(dir);
  writeFileSync(join(dir, "pid"), String(DEAD_PID));
  expect(await withLock(dir, async () => "taken")).toBe("taken");
});

test("an old lock without a holder's name is taken over", async () => {
  const dir = newDir();
  mkdirSync(dir);
  utimesSync(dir, 1, 1);
  expect(await withLock(dir, async () => "taken")).toBe("taken");
});

test("a lock that stays taken is an error that names it", async () => {
  const dir = newDir();
  mkdirSync(dir);
  writeFileSync(join(dir, "pid"), String(process.pid));
  const waiting = withLock(dir, async () => "taken", { timeoutMs: 50 });
  await expect(waiting).rejects.toThrow(`process ${process.pid} still holds it`);
});
