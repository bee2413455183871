/**
 * The packed library on every runtime.
 *
 * Goal: what `npm install slablab` brings works on each runtime that the README's table names.
 * Method: the tarball of this tree in an empty project; there each runtime runs the smoke suite
 * (suite/smoke.mjs) and the commands of the package. Runtimes without a binary for this platform
 * are left out, and their names are printed.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { rows } from "../support/tier.js";
import { packed } from "./support/packed.js";
import {
  IS_LINUX_X64,
  isInstalled,
  RUNTIMES,
  type Runtime,
  runScript,
} from "./support/runtimes.js";

const MAIN = "node_modules/slablab/dist/cli/main.js";
const ROOT = resolve(import.meta.dirname, "../..");
const folders = await packed();
const here = RUNTIMES.filter((runtime) => isInstalled(runtime, folders.runtimes));
const skipped = RUNTIMES.filter((runtime) => !here.includes(runtime)).map(({ name }) => name);
if (skipped.length > 0) {
  const platform = `${process.platform} ${process.arch}`;
  console.warn(`skipped ${skipped.join(", ")}: their packages are for Linux x64, not ${platform}`);
}

test("Linux x64 skips no runtime", () => {
  if (IS_LINUX_X64) expect(skipped).toEqual([]);
  expect(here.length).toBeGreaterThan(0);
});

describe.each(here)("$name", (runtime) => {
  const run = (...script: string[]) => runScript(runtime, folders, script);

  test("passes the smoke suite", async () => {
    const { status, stdout, stderr } = await run("suite/main.mjs");
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const results = JSON.parse(stdout) as { name: string; error: string | null }[];
    expect(results.filter(({ error }) => error !== null)).toEqual([]);
    const names = results.map(({ name }) => name);
    const workers = runtime.workers.map((kind) => `two Workers with remote frees (${kind})`);
    expect(names).toHaveLength(6 + workers.length);
    expect(names).toEqual(expect.arrayContaining(workers));
  });

  test("runs slablab doctor", async () => {
    const { status, stdout, stderr } = await run(MAIN, "doctor", "--json");
    expect(stderr).toBe("");
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ schema: "slablab/doctor/v1", command: "doctor" });
    expect(report.environment.runtime.name).toBe(/Deno|Bun/.exec(runtime.name)?.[0] ?? "Node");
    expect(status).toBe(0);
  });

  test("runs slablab fuzz on Workers, and ends them in peace", async () => {
    const args = ["--ops", "500", "--cpus", "2", "--arm", "direct", "--json", "--quiet"];
    const { status, stdout, stderr } = await run(MAIN, "fuzz", ...args);
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toMatchObject({ schema: "slablab/fuzz/v1" });
    expect(status).toBe(0);
  });

  test("runs slablab stress on two Workers", async () => {
    const args = ["--duration", "100ms", "--cpus", "2", "--arm", "irq-work", "--json", "--quiet"];
    const { status, stdout, stderr } = await run(MAIN, "stress", ...args);
    expect(stderr).toBe("");
    expect(JSON.parse(stdout).results).toMatchObject({ findings: 0, interrupted: false });
    expect(status).toBe(0);
  });
});

/** A program of somebody who uses the types. */
const CONSUMER = `
import { attachHeap, createHeap, DEFER_ARMS } from "slablab";
import type { Cpu, Finding, TraceEvent } from "slablab";
const heap = await createHeap({ cpus: 2, defer: DEFER_ARMS[0] });
const onTrace = (event: TraceEvent) => void event.cpu;
const cpu: Cpu = (await attachHeap(heap.handle)).cpu(undefined, { onTrace });
const address: number = cpu.kmalloc(64);
const bytes: Uint8Array<SharedArrayBuffer> = cpu.bytes(address, 64);
bytes.fill(1);
cpu.exports.free(cpu.exports.malloc(5));
export const findings: Finding[] = heap.validate();
`;

describe("the tarball", () => {
  const { files, size } = folders.tarball;

  test("holds the library and its papers, and nothing else", () => {
    const papers = files.filter((path) => !path.startsWith("dist/")).sort();
    expect(papers).toEqual(["LICENSE", "README.md", "package.json"]);
    // Beside code: the sites of the instrumented builds, and what came with bundled packages.
    const kinds = files.filter((path) => !/\.(js|d\.ts|wasm|sites\.json)$/.test(path)).sort();
    const bundled = ["dist/vendor/NOTICES.txt", "dist/vendor/uPlot.min.css"];
    expect(kinds).toEqual([...papers, ...bundled].sort());
    // What hunts mutants needs the sources, which are not here.
    expect(files.filter((path) => path.startsWith("dist/mutants/"))).toEqual([]);
  });

  test("brings the loader and no other package", () => {
    const installed = readdirSync(join(folders.project, "node_modules"));
    const packages = installed.filter((name) => !name.startsWith("."));
    expect(packages.sort()).toEqual(["@assemblyscript", "slablab"]);
  });

  test("names every package in its commands, with the licence", () => {
    const notices = readFileSync(
      join(folders.project, "node_modules/slablab/dist/vendor/NOTICES.txt"),
      "utf8",
    );
    for (const name of ["commander", "hdr-histogram-js", "pako", "uplot", "valibot"]) {
      expect(notices).toMatch(new RegExp(`^${name} \\d.* \\(.+\\)$`, "m"));
    }
  });

  test("holds every file that package.json names", () => {
    const { exports, bin, imports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    const named = JSON.stringify([exports, bin, imports]).match(/\.\/dist\/[^"]+/g) ?? [];
    expect(named.length).toBeGreaterThan(5);
    for (const path of named) expect(files).toContain(path.slice(2));
  });

  test("brings a command", async () => {
    const { status, stdout } = await runScript(here[0] as Runtime, folders, [MAIN, "--version"]);
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    expect([status, stdout]).toEqual([0, `${version}\n`]);
    const links = readdirSync(join(folders.project, "node_modules", ".bin"));
    expect(links).toContain("slablab");
  });

  const MODULES = [["nodenext"], ["esnext", "--moduleResolution", "bundler"]];

  test.each(rows(MODULES, ([module]) => module === "nodenext"))(
    "has types that compile with --module %s, checked themselves",
    async (...module) => {
      writeFileSync(join(folders.project, "consumer.ts"), CONSUMER);
      const compiler = join(ROOT, "node_modules", "typescript", "bin", "tsc");
      const options = ["--strict", "--noEmit", "--target", "es2023", "--lib", "es2023,dom"];
      const script = [compiler, ...options, "--module", ...module, "consumer.ts"];
      const { status, stdout } = await runScript(here[0] as Runtime, folders, script);
      expect(stdout).toBe("");
      expect(status).toBe(0);
    },
  );

  test("is below 1.05 MB, most of which are the laboratory and its packages", () => {
    expect(size).toBeLessThan(1_050_000);
  });
});
