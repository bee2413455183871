/**
 * Goal: `slablab trace` and `--snapshot` do what they say, as a stranger types them. Method: the
 * real binary in a process of its own, short runs on two Workers.
 */
import { type ChildProcess, execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";
import { slablabHere } from "../unit/support/command.js";
import { rows } from "../support/tier.js";
import type { ChromeEvent } from "slablab/internal/report/trace/trace-format.js";
import { interruptOnceItSpeaks } from "../unit/support/interrupt.js";
import { expectTrace } from "../unit/support/trace.js";

const BINARY = resolve(import.meta.dirname, "../../dist/cli/main.js");
const folder = mkdtempSync(join(tmpdir(), "slablab-"));
const at = (name: string) => join(folder, name);

afterAll(() => rmSync(folder, { recursive: true }));

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function slablab(args: readonly string[], watch?: (child: ChildProcess) => void): Promise<Outcome> {
  return new Promise((done) => {
    const child = execFile(process.execPath, [BINARY, ...args], (_error, stdout, stderr) =>
      done({ status: child.exitCode, stdout, stderr }),
    );
    watch?.(child);
  });
}

function readTrace(file: string): ChromeEvent[] {
  return JSON.parse(readFileSync(file, "utf8")).traceEvents;
}

test("a storm is traced: deferrals, drains, nothing left at the end", async () => {
  const [file, snapshot] = [at("storm.json"), at("storm.snapshot")];
  const length = ["--cpus", "2", "--duration", "150ms"];
  const files = ["--out", file, "--snapshot", snapshot];
  const run = await slablab(["trace", "--load", "storm", ...length, ...files, "--json"]);
  expect([run.status, run.stderr]).toEqual([0, ""]);
  const { schema, results } = JSON.parse(run.stdout);
  expect(schema).toBe("slablab/trace/v1");
  expect(results).toMatchObject({ file, snapshot, drained: true, findings: [], failure: null });
  const events = readTrace(file);
  expect(events).toHaveLength(results.events);
  expectTrace(events, 2);
  const sum = (of: (cpu: { passed: Record<string, number>; drainedObjects: number }) => number) =>
    results.cpus.reduce((all: number, cpu: never) => all + of(cpu), 0);
  expect(sum(({ passed }) => passed.defer ?? 0)).toBeGreaterThan(0);
  expect(sum(({ passed }) => passed.defer ?? 0)).toBe(sum(({ drainedObjects }) => drainedObjects));
  const waiting = events.filter(({ name }) => name === "deferred objects waiting");
  expect(waiting.at(-1)?.args).toEqual({ value: 0 });
  const shown = await slablab(["slabinfo", "-v", "--snapshot", snapshot]);
  expect(shown).toMatchObject({ status: 0, stderr: "" });
});

test("a small ring keeps the newest and says how many it dropped", async () => {
  const file = at("small.json");
  const small = ["--cpus", "1", "--duration", "100ms", "--events", "50", "--output", file];
  const { status, stdout, stderr } = await slablab(["trace", ...small]);
  expect(status).toBe(0);
  expect(stderr).toContain("tracing the load mixed in the arm irq-work on 1 CPU");
  expect(stdout).toMatch(/older ones\s+were dropped/);
  expectTrace(readTrace(file), 1);
});

test("Ctrl-C writes the trace until then, and the status is 130", async () => {
  const file = at("partial.json");
  const long = ["--cpus", "2", "--duration", "50s", "--output", file];
  const { status, stderr } = await slablab(["trace", ...long], (child) => {
    interruptOnceItSpeaks(child, 500);
  });
  expect(status).toBe(130);
  expect(stderr).toContain("interrupted");
  expectTrace(readTrace(file), 2);
  expect(JSON.parse(readFileSync(file, "utf8")).otherData.interrupted).toBe(true);
});

const SAVING: readonly (readonly [readonly string[], string])[] = [
  [["stress", "--cpus", "2", "--duration", "500ms", "--arm", "irq-work"], "irq-work sheaf"],
  [["fuzz", "--cpus", "1", "--ops", "3000", "--arm", "global"], "global"],
  [["fuzz", "--cpus", "2", "--ops", "3000", "--arm", "irq-work"], "irq-work"],
  [["compare", "--arms", "irq-work", "--load", "slow-free", "--rounds", "1"], "the arm irq-work"],
  [["bench", "larson", "--duration", "100ms", "--cpus", "1"], "the load larson"],
];

test.each(rows(SAVING, ([args]) => args.includes("global")))(
  "%j saves a heap under load for slabinfo",
  async (args, of) => {
    const snapshot = at(`${args.join("")}.snapshot`);
    const run = await slablab([...args, "--snapshot", snapshot]);
    expect(run.stderr).toContain(`heap of ${of}`);
    expect(run.status).toBe(0);
    const { status, stdout } = await slablab(["slabinfo", "-v", "-S", "--snapshot", snapshot]);
    expect(status).toBe(0);
    expect(stdout).toContain("no finding");
    expect(stdout).toMatch(/^kmalloc-\d+k? +[1-9]/m);
  },
);

test.each<[string[], RegExp]>([
  [
    ["trace", "--out", "/nonexistent/a.json"],
    /--output: expected a file that can be written.*make/,
  ],
  [["trace", "--output", tmpdir()], /--output: expected a file, got the directory/],
  [["trace", "--cpus", "64", "--events", "1000000"], /--events: expected at most 1000000.*try/],
  [["trace", "--load", "none"], /mixed, storm/],
  [["trace", "--snapshot", "/nonexistent/a"], /--snapshot: expected a file that can be written/],
  ...["stress", "fuzz", "compare", "bench"].map((command): [string[], RegExp] => [
    [command, "--snapshot", "/nonexistent/a"],
    /--snapshot: expected a file that can be written/,
  ]),
])("%j is refused before anything runs", async (args, message) => {
  const { status, stdout, stderr } = await slablabHere(...args);
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(message);
});
