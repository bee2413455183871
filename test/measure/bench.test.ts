/**
 * Goal: bench measures, writes, compares and can be interrupted, as one would type it. Method: the
 * real binary in a folder of its own, short runs; no figure is judged.
 */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { runBench } from "slablab/internal/measure/bench/bench-run.js";
import { systemClock } from "slablab/internal/measure/common/clock.js";
import { type BenchReport, parseBenchReport } from "slablab/internal/report/bench/bench-schema.js";
import { larson } from "slablab/internal/workload/loads/larson.js";
import { afterAll, expect, test, vi } from "vitest";
import { slablabHere } from "../unit/support/command.js";
import { interruptInTime } from "../unit/support/interrupt.js";

const BINARY = resolve(import.meta.dirname, "../../dist/cli/main.js");
const FOLDER = mkdtempSync(join(tmpdir(), "slablab-bench-"));
/** Short, but with every flavour, on one CPU and on two. */
const LARSON = ["bench", "larson", "--duration", "600ms", "--cpus", "1,2", "--scale", "0.1"];

afterAll(() => rmSync(FOLDER, { recursive: true }));

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param interruptMs when Ctrl-C comes; never if left out */
function slablab(args: readonly string[], interruptMs?: number): Promise<Outcome> {
  return new Promise((done) => {
    const options = { cwd: FOLDER, maxBuffer: 2 ** 26 };
    const child = execFile(process.execPath, [BINARY, ...args], options, (_, stdout, stderr) =>
      done({ status: child.exitCode, stdout, stderr }),
    );
    if (interruptMs !== undefined) setTimeout(() => child.kill("SIGINT"), interruptMs);
  });
}

function saved(name: string): string {
  return join(FOLDER, ".slablab", "bench", `${name}.json`);
}

function readSaved(name: string): BenchReport {
  return parseBenchReport(readFileSync(saved(name), "utf8"), name);
}

/** The same run, with times of another machine. */
function rewrite(name: string, to: string, factor: number, suffix = ""): void {
  const report = readSaved(name);
  for (const row of report.results.rows) {
    row.samples = row.samples.map((ns) => ns * factor);
    row.ns.median *= factor;
    row.mops.median /= factor;
    row.name += suffix;
  }
  writeFileSync(saved(to), JSON.stringify(report));
}

test("a load runs in every flavour on one CPU and two, and is saved and plotted", async () => {
  const page = join(FOLDER, "page.html");
  const { status, stdout, stderr } = await slablab([...LARSON, "--save", "a", "--html", page]);
  expect(stderr).toMatch(
    /^measuring larson: about \d+ s\nsaved as .*a\.json\nwrote .*page\.html\n$/,
  );
  expect(status).toBe(0);
  const names = ["fused x1", "imports x1", "null x1", "fused x2", "imports x2", "null x2"];
  for (const name of names) expect(stdout).toMatch(new RegExp(`^${name} +[\\d.]+ [nu]s \\[`, "m"));
  const { results, parameters } = readSaved("a");
  expect(results.rows.map(({ name }) => name)).toEqual(names);
  expect([results.findings, results.interrupted]).toEqual([[], false]);
  expect(parameters).toMatchObject({ suite: "larson", cpus: [1, 2], scale: 0.1 });
  const [, imports, , fused2] = results.rows;
  expect(imports?.netNs).not.toBeNull();
  expect(imports?.ratioTo).toBe("fused x1");
  expect(fused2?.perCpu.map(({ cpu }) => cpu)).toEqual([0, 1]);
  expect(fused2?.efficiencyBase).toBe(1);
  expect(readFileSync(page, "utf8")).toMatch(/^<!doctype html>[\s\S]*<\/html>\n$/);
});

test("a baseline that was much faster fails its limit, one much slower does not", async () => {
  rewrite("a", "fast", 0.01);
  rewrite("a", "slow", 100);
  const limits = ["--fail-on", "median:50%", "--fail-on", "mops:40%"];
  const short = [...LARSON, "--flavour", "fused", ...limits];
  const worse = await slablab([...short, "--baseline", "fast", "--json"]);
  expect(worse.stderr).toMatch(/^slablab: --fail-on: 4 limits were passed: larson fused x1 \(/);
  expect(worse.status).toBe(1);
  const { results } = parseBenchReport(worse.stdout, "stdout");
  expect(results.comparison?.failed.map(({ name }) => name)).toContain("fused x2");
  expect(results.comparison?.rows.find(({ name }) => name === "fused x1")?.verdict).toBe(
    "regressed",
  );
  const better = await slablab([...short, "--baseline", "slow"]);
  expect(better.stdout).toMatch(/larson fused x1 improved: an operation takes \d+ % less time/);
  expect(better.status).toBe(0);
});

test("compare says what changed between two files, and fails as it was told to", async () => {
  const same = await slablabHere("bench", "compare", saved("a"), saved("a"), "--fail-on", "p50:0%");
  expect(same.stdout.match(/no difference shown:/g)?.length).toBe(6);
  expect(same.status).toBe(0);
  const files = ["bench", "compare", saved("a"), saved("slow")];
  const worse = await slablabHere(...files, "--fail-on", "mops:5%", "--json");
  expect(worse.status).toBe(1);
  const document = JSON.parse(worse.stdout);
  expect(document).toMatchObject({
    schema: "slablab/bench-compare/v1",
    command: "bench-compare",
  });
  expect(document.results.failed.length).toBe(6);
  expect((await slablabHere(...files)).status).toBe(0);
  rewrite("a", "others", 1, " of others");
  const others = ["bench", "compare", saved("a"), saved("others"), "--fail-on", "mops:5%"];
  const none = await slablab(others);
  expect(none.stderr).toMatch(/^slablab: --fail-on: expected rows that can be judged by mops:5%/);
  expect(none.status).toBe(2);
});

test("Ctrl-C ends it with what was measured so far, in document and saved file", async () => {
  const args = ["bench", "larson", "--duration", "10m", "--cpus", "2", "--scale", "0.1", "--json"];
  const rowsOf = (text: string) => parseBenchReport(text, "stdout").results.rows;
  const { status, stdout, stderr } = await interruptInTime(
    (waitMs) => slablab([...args, "--save", "part"], waitMs),
    (outcome) => outcome.status !== null && rowsOf(outcome.stdout).length === 3,
  );
  expect(stderr).toContain("interrupted: writing what was measured so far");
  expect(status).toBe(130);
  expect(parseBenchReport(stdout, "stdout").results.interrupted).toBe(true);
  expect(readFileSync(saved("part"), "utf8")).toBe(stdout);
  const rows = rowsOf(stdout);
  expect(rows.map(({ name }) => name)).toEqual(["fused x2", "imports x2", "null x2"]);
});

test("Ctrl-C is heard between the rounds of a micro-benchmark, too", async () => {
  const { status, stdout } = await interruptInTime((waitMs) =>
    slablab(["bench", "fastpath", "--duration", "10m"], waitMs),
  );
  expect(stdout).toContain("Interrupted: this is what was measured until then.");
  expect(status).toBe(130);
});

test("a load that cannot run is a finding, and what comes after it is measured still", async () => {
  const about = { about: "", only: null };
  const broken = { ...larson, name: "no-such-load" };
  const machine = { cores: 2, loadAverage: null, timerResolutionNs: 1 };
  const { findings, rows, suites } = await runBench({
    suites: [
      { kind: "load", name: "no-such-load", load: broken, ...about },
      { kind: "load", name: "larson", load: larson, ...about },
    ],
    ...{ durationMs: 1, cpuCounts: [1], flavours: ["fused"], scale: 0.1, size: 64, seed: 1 },
    ...{ machine, clock: systemClock, signal: new AbortController().signal },
  });
  expect(findings).toMatchObject([
    { suite: "no-such-load", row: null, message: expect.stringMatching(/^ended early: /) },
  ]);
  expect(suites.map(({ name, rounds }) => [name, rounds])).toEqual([
    ["no-such-load", 0],
    ["larson", 5],
  ]);
  expect(rows.map(({ name }) => name)).toEqual(["fused x1"]);
});

test("rows, lists and tables for programs", async () => {
  const list = await slablabHere("bench", "--list");
  expect(list.stdout).toMatch(/^\* larson +a server/m);
  const args = ["bench", "nolock-pair", "--duration", "1ms"];
  const csv = await slablabHere(...args, "--csv");
  expect(csv.stdout.trimEnd().split("\r\n").slice(1)).toEqual([
    expect.stringMatching(/^fastpath,nolock-pair,/),
  ]);
  const { stdout } = await slablabHere(...args, "--markdown", "--quiet");
  expect(stdout).toMatch(/^\| fastpath \| nolock-pair \| /m);
});

test("bench --peers prints a document of the published shape, and writes a page", async () => {
  const args = ["larson", "--peers", "tlsf", "--duration", "1ms", "--scale", "0.1", "--json"];
  const page = join(FOLDER, "peers.html");
  const { status, stdout } = await slablabHere("bench", ...args, "--html", page);
  expect(status).toBe(0);
  const { results, parameters } = parseBenchReport(stdout, "it");
  expect(parameters).toMatchObject({ suite: "larson", cpus: [1, 2] });
  const heaps = results.peers.map(({ heap, cpus }) => `${heap} ${cpus}`);
  for (const heap of ["slab", "tlsf", "null"]) expect(heaps).toContain(`${heap} 1`);
  expect(results.missing).toEqual([]);
  expect(readFileSync(page, "utf8")).toContain('<figure id="larson-ratios"');
});

test("bench --peers says what is missing and how to get it, and measures the rest", async () => {
  // Nothing fetches here: there is no npm.
  vi.stubEnv("PATH", FOLDER);
  const before = process.cwd();
  process.chdir(FOLDER);
  try {
    const args = ["larson", "--peers", "mimalloc,tlsf", "--duration", "1ms", "--scale", "0.1"];
    const { status, stdout } = await slablabHere("bench", ...args, "--cpus", "1", "--quiet");
    const said = stdout.replace(/\n/g, " ");
    expect(said).toContain(
      "mimalloc is not measured: wasm-vips 0.0.19 is missing and npm could not",
    );
    expect(said).toMatch(/try npm pack wasm-vips@0\.0\.19 --pack-destination \S+/);
    expect(stdout).toMatch(/^tlsf +1 fresh +[\d.,]+ [nu]s/m);
    expect(stdout).not.toMatch(/^mimalloc +1 fresh/m);
    expect(status).toBe(0);
  } finally {
    process.chdir(before);
    vi.unstubAllEnvs();
  }
});

test("Ctrl-C ends bench --peers with what was measured so far", async () => {
  const args = ["bench", "larson", "--peers", "tlsf", "--cpus", "1", "--scale", "0.1"];
  const { status, stdout, stderr } = await interruptInTime(
    (waitMs) => slablab([...args, "--duration", "10m", "--json"], waitMs),
    ({ status: ended, stdout: text }) =>
      ended !== null && parseBenchReport(text, "stdout").results.peers.length > 0,
  );
  expect(stderr).toContain("interrupted: writing what was measured so far");
  expect(status).toBe(130);
  const { results } = parseBenchReport(stdout, "stdout");
  expect(results.interrupted).toBe(true);
  expect(results.peers.map(({ heap }) => heap)).toEqual(["slab", "sheaf", "tlsf", "null"]);
});

test("bench refuses what cannot be, before it measures", async () => {
  mkdirSync(join(FOLDER, ".slablab", "bench"), { recursive: true });
  writeFileSync(saved("next"), '{"schema":"slablab/bench/v2"}');
  writeFileSync(saved("text"), "not json");
  const refused = [
    [["larsen"], "did you mean larson?"],
    [["zebra"], "expected part of a suite's or row's name, loads or all, got zebra; try"],
    [["--cpus", "0"], 'expected an integer in 1..256, got "0"'],
    [["--scale", "-1"], "expected a number in 0.001..1000000"],
    [["larson", "--scale", "100000"], "expected loads that fit in a heap of 4 GiB, got larson"],
    [["--size", "9k"], "--size: expected 1..8192 bytes, got 9216; try 64"],
    [["--duration", "0s"], "expected a duration above zero"],
    [["--flavour", "fast"], 'expected some of fused,imports,null, got "fast"; try fused'],
    [["--fail-on", "p50:5%"], "--fail-on: expected --baseline NAME to compare with, got none"],
    [["--fail-on", "p51:5%"], 'got "p51:5%"; try p50:5%'],
    [["--baseline", "none"], "got no such file; save one with slablab bench --save none"],
    [["--baseline", "next"], "expected a document with the schema slablab/bench/v1, got slablab"],
    [["--baseline", "text"], "expected a JSON document"],
    [["--save", "../a"], "--save: expected a name of letters"],
    [["--html", "/nowhere/a.html"], "--html: expected a file that can be written"],
    [["--html", FOLDER], "--html: expected a file, got the directory"],
    [["--json", "--csv"], "cannot be used with option"],
    [["--peers", "--csv"], "cannot be used with option"],
    [["--peers", "larson"], 'expected some of mimalloc,dlmalloc,tlsf, got "larson"; to choose'],
    [["--states", "aged"], "expected --peers with them, got none; try slablab bench --peers"],
    [["--peers", "tlsf", "--states", "old"], 'expected some of fresh,aged, got "old"'],
    [["fastpath", "--peers", "tlsf"], "a load that calls malloc and free alone, got fastpath"],
    [["larsen", "--peers", "tlsf"], "malloc and free alone, got larsen; did you mean larson?"],
    [["zebra", "--peers", "tlsf"], "got zebra; try slablab bench larson --peers"],
    [["larson", "--peers", "tlsf,jemalloc"], 'got "jemalloc"; to choose loads write the filter'],
    [["larson", "--peers", "tlsf", "--calls", "ffi"], 'expected some of wasm,js, got "ffi"; try'],
    [["larson", "--peers", "tlsf", "--cpus", "0"], 'expected an integer in 1..256, got "0"'],
    [["larson", "--peers", "tlsf", "--scale", "100000"], "loads that fit in a heap of 4 GiB"],
    [["compare", "none.json", saved("a")], "expected a readable file none.json, got no such file"],
    [["compare", saved("a"), saved("text")], "expected a JSON document, got text that is none"],
    [["compare", saved("next"), saved("a")], "got slablab/bench/v2"],
    [["compare", saved("a")], "missing required argument 'after'"],
  ] as const;
  const before = process.cwd();
  process.chdir(FOLDER);
  try {
    for (const [args, message] of refused) {
      const { status, stdout, stderr } = await slablabHere("bench", ...args);
      expect([status, stdout, stderr]).toEqual([2, "", expect.stringContaining(message)]);
    }
  } finally {
    process.chdir(before);
  }
});
