/**
 * Goal: the command behaves as a command should: status, streams, advice. Method: the real binary
 * in a process of its own; what is only said, and refusals, in this one.
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { slablabHere } from "./support/command.js";

const ROOT = resolve(import.meta.dirname, "../..");
const BINARY = resolve(ROOT, "dist/cli/main.js");

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function slablab(...args: string[]): Promise<Outcome> {
  return new Promise((done) => {
    const child = execFile(process.execPath, [BINARY, ...args], (_error, stdout, stderr) =>
      done({ status: child.exitCode, stdout, stderr }),
    );
  });
}

test("the bare command offers commands to copy and is fine", async () => {
  const { status, stdout, stderr } = await slablab();
  expect(status).toBe(0);
  expect(stdout).toMatch(/^ {2}npx slablab \w+/m);
  expect(stderr).toBe("");
});

test("--version prints the package's version alone", async () => {
  const { version } = JSON.parse(readFileSync(resolve(ROOT, "package.json"), "utf8"));
  expect(await slablab("--version")).toEqual({ status: 0, stdout: `${version}\n`, stderr: "" });
});

test("--help lists every command on standard output", async () => {
  const { status, stdout } = await slablab("--help");
  expect(status).toBe(0);
  expect(stdout).toContain("doctor");
});

test("an unknown command is a usage error with a suggestion", async () => {
  const { status, stdout, stderr } = await slablab("docter");
  expect(status).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toContain("unknown command 'docter'");
  expect(stderr).toContain("Did you mean doctor?");
});

test("an unknown option is a usage error", async () => {
  const { status, stderr } = await slablab("doctor", "--jsno");
  expect(status).toBe(2);
  expect(stderr).toContain("Did you mean --json?");
});

test("doctor --json prints exactly one document", async () => {
  const { status, stdout } = await slablab("doctor", "--json");
  expect(status).toBe(0);
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({ schema: "slablab/doctor/v1", command: "doctor" });
  expect(report.environment.cpu.cores).toBeGreaterThan(0);
});

test("fuzz runs on one CPU and on two Workers, and says what it verified", async () => {
  const { status, stdout, stderr } = await slablab("fuzz", "--duration", "1s", "--arm", "direct");
  expect(stderr).toContain("fuzzing 2 setups: about 1 s");
  expect(stdout).toMatch(/one CPU, in this thread[\s\S]*2 Workers, one heap[\s\S]*No\sfinding\./);
  expect(status).toBe(0);
});

test("fuzz --json prints one document, the same for the same seed", async () => {
  const args = ["fuzz", "--ops", "2000", "--cpus", "1", "--arm", "node", "--rt", "--json"];
  const [one, two] = await Promise.all([slablab(...args), slablabHere(...args)]);
  const [report, again] = [one, two].map(({ stdout }) => JSON.parse(stdout));
  expect(report).toMatchObject({ schema: "slablab/fuzz/v1", command: "fuzz" });
  expect(report.results.setups).toMatchObject([{ arm: "node", features: ["rt"], cpus: 1 }]);
  expect(again.results.total).toEqual(report.results.total);
});

test("fuzz refuses what cannot be", async () => {
  for (const [args, message] of [
    [["--depth", "4"], 'expected an integer in 0..3, got "4"'],
    [["--arm", "sheaf"], "Allowed choices are all, none, global"],
    [["--cpus", "1,65"], "--cpus: expected 1..64 CPUs, got 65"],
  ] as const) {
    const { status, stderr } = await slablabHere("fuzz", ...args);
    expect([status, stderr]).toEqual([2, expect.stringContaining(message)]);
  }
});

test("stress runs for a second, and says what it verified", async () => {
  const { status, stdout, stderr } = await slablab("stress", "--duration", "1s", "--cpus", "2");
  expect(stderr).toBe("stressing 10 setups on 2 CPUs: about 1 s\n");
  expect(stdout).toMatch(/2 Workers[\s\S]*operations by kind[\s\S]*Findings:\s0\./);
  expect(status).toBe(0);
});

test("stress refuses what cannot be", async () => {
  for (const [args, message] of [
    [["--cpus", "65"], "--cpus: expected 1..64 CPUs, got 65; try 4"],
    [["--arm", "sheaf"], "Allowed choices are all, none, global"],
    [["--percpu", "page"], "Allowed choices are all, slab, sheaf"],
    [["--build", "fast"], "Allowed choices are release, stats, debug, trace"],
    [["--duration", "0s"], "expected a duration above zero"],
    [
      ["--log", "/nowhere/a.log"],
      "--log: expected a file that can be written, got /nowhere/a.log; make /nowhere",
    ],
  ] as const) {
    const { status, stderr } = await slablabHere("stress", ...args);
    expect([status, stderr]).toEqual([2, expect.stringContaining(message)]);
  }
});

test("slab_debug=T asks fuzz for traces, which are no findings", async () => {
  const args = ["--ops", "50", "--cpus", "1", "--arm", "irq-work", "--slab-debug", "T", "-q"];
  const { status, stdout } = await slablabHere("fuzz", ...args);
  expect([status, stdout]).toEqual([0, expect.stringMatching(/No\sfinding\./)]);
});
