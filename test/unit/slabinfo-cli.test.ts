/**
 * Goal: slabinfo and slabtop do what their flags say, on a load and on a snapshot, and refuse what
 * cannot be. Method: the command itself, in this process; `vitest run -u` writes the published
 * schema anew.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { toJsonSchema } from "@valibot/to-json-schema";
import { Ajv } from "ajv";
import { decodeSnapshot, encodeSnapshot, viewOf } from "slablab/internal/heap/snapshot.js";
import { slabinfoReportSchema } from "slablab/internal/report/slabinfo/slabinfo-schema.js";
import * as v from "valibot";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Outcome, slablabHere } from "./support/command.js";
import { formatJson } from "./support/json.js";

const ROOT = resolve(import.meta.dirname, "../..");
const BINARY = resolve(ROOT, "dist/cli/main.js");
const SCHEMA_FILE = resolve(ROOT, "docs/schema/slabinfo-v1.schema.json");
const SEED = ["--ops", "20000", "--seed", "7"];

let folder: string;
let snapshot: string;
let table: Outcome;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "slablab-"));
  snapshot = join(folder, "heap.snapshot");
  table = await slablabHere("slabinfo", ...SEED, "--save-snapshot", snapshot);
});

afterAll(() => rmSync(folder, { recursive: true }));

test("the plain table is of the mixed load, and the same for the same seed", async () => {
  expect(table).toMatchObject({ status: 0, stderr: "" });
  expect(table.stdout).toMatch(/^Name {19}Objects Objsize {11}Space Slabs\/Part\/Cpu/);
  expect(table.stdout).toMatch(/^task +\d+ +200 .* A$/m);
  const [again, other] = await Promise.all([
    slablabHere("slabinfo", ...SEED),
    slablabHere("slabinfo", "--ops", "20000", "--seed", "8"),
  ]);
  expect(again.stdout).toBe(table.stdout);
  expect(other.stdout).not.toBe(table.stdout);
});

test("a snapshot shows the heap that was saved, in every layout", async () => {
  expect((await slablabHere("slabinfo", "--snapshot", snapshot)).stdout).toBe(table.stdout);
  const flags = ["-D", "-A", "-r", "-S", "-L", "-T", "-X"];
  const saved = ["--snapshot", snapshot];
  const ofLoad = await Promise.all(flags.map((flag) => slablabHere("slabinfo", flag, ...SEED)));
  const ofFile = await Promise.all(flags.map((flag) => slablabHere("slabinfo", flag, ...saved)));
  expect(ofFile).toEqual(ofLoad);
  expect(ofFile.map(({ status }) => status)).toEqual(flags.map(() => 0));
  expect(new Set([table.stdout, ...ofFile.map(({ stdout }) => stdout)]).size).toBe(8);
});

test("an idle heap has no slabs, and -z shows its caches all the same", async () => {
  const plain = await slablabHere("slabinfo", "--load", "idle");
  expect(plain.stdout.trimEnd().split("\n")).toHaveLength(1);
  const { stdout } = await slablabHere("slabinfo", "--load", "idle", "-z");
  expect(stdout.trimEnd().split("\n")).toHaveLength(17);
});

test("-v says that the heap is sound, and fails where it is not", async () => {
  expect(await slablabHere("slabinfo", "-v", "--snapshot", snapshot)).toEqual({
    status: 0,
    stdout: "16 caches validated: no finding\n",
    stderr: "",
  });
  const damaged = join(folder, "damaged.snapshot");
  const read = await decodeSnapshot(new Uint8Array(readFileSync(snapshot)));
  const at = viewOf(read).node(1, 0).address + read.layout.offsets.kmem_cache_node.nr_slabs;
  new Uint32Array(read.memory)[at / 4] = 77;
  writeFileSync(damaged, await encodeSnapshot(read));
  const { status, stdout } = await slablabHere("slabinfo", "-v", "--snapshot", damaged);
  expect([status, stdout]).toEqual([1, expect.stringMatching(/: .*77[\s\S]*: \d+ findings?\n$/)]);
});

test("-s gives slabs back, which a snapshot cannot", async () => {
  const { status, stdout, stderr } = await slablabHere("slabinfo", "-s", ...SEED);
  expect([status, stderr]).toEqual([0, expect.stringMatching(/^slabs given back: \d+\n$/)]);
  // No CPU keeps a slab any more.
  const cpuSlabs = stdout.split("\n").flatMap((line) => /\d+\/\d+\/(\d+) /.exec(line)?.[1] ?? []);
  expect(new Set(cpuSlabs)).toEqual(new Set(["0"]));
});

test("a pattern picks caches by their whole name", async () => {
  const { stdout } = await slablabHere("slabinfo", "kmalloc-(64|96)", "--snapshot", snapshot);
  expect(stdout.split("\n").map((line) => line.split(" ")[0])).toEqual([
    ...["Name", "kmalloc-64", "kmalloc-96", ""],
  ]);
});

test("--json prints one document as its schema says, which is the published one", async () => {
  const { stdout } = await slablabHere("slabinfo", "-v", "-s", "-S", "--json", ...SEED);
  const document: unknown = JSON.parse(stdout);
  const report = v.parse(v.strictObject(slabinfoReportSchema.entries), document);
  expect(report.results).toMatchObject({ counts: true, findings: [] });
  const sizes = report.results.caches.map(({ sizeBytes }) => sizeBytes);
  expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
  const schema = toJsonSchema(slabinfoReportSchema);
  await expect(`${formatJson(schema)}\n`).toMatchFileSnapshot(SCHEMA_FILE);
  const check = new Ajv({ strict: false }).compile(schema as object);
  expect(check(document) ? [] : check.errors).toEqual([]);
});

test("slabtop without a terminal prints one screen, sorted as asked", async () => {
  const { status, stdout, stderr } = await slablabHere(
    "slabtop",
    "-s",
    "n",
    "--snapshot",
    snapshot,
  );
  expect([status, stderr]).toEqual([0, ""]);
  const lines = stdout.trimEnd().split("\n");
  expect(lines[0]).toMatch(/^ Active \/ Total Objects \(% used\) {4}: \d+ \/ \d+ \(\d+\.\d%\)$/);
  const names = lines.slice(7).map((line) => line.split(" ").at(-1));
  expect(names).toHaveLength(16);
  expect(names).toEqual([...names].sort());
});

test("what cannot be is refused with a sentence", async () => {
  const missing = join(folder, "missing");
  const later = join(folder, "later");
  const line = readFileSync(snapshot).toString("latin1").replace("snapshot/v1", "snapshot/v9");
  writeFileSync(later, line, "latin1");
  for (const [args, expected, message] of [
    [["slabinfo", "--snapshot", missing], 2, "expected a file that can be read, got ENOENT"],
    [["slabinfo", "--snapshot", BINARY], 2, "got a file of another kind"],
    [["slabtop", "--snapshot", later], 2, "expected schema slablab/snapshot/v1, got slablab/"],
    [["slabinfo", "-s", "--snapshot", snapshot], 2, "-s: expected a live heap, got a snapshot"],
    [["slabinfo", "--load", "larsen"], 2, "Allowed choices are mixed, idle."],
    [["slabinfo", "--load", "mixed", "--snapshot", snapshot], 2, "cannot be used with"],
    [["slabinfo", "--save-snapshot", join(missing, "x")], 2, "expected a file that can be written"],
    [["slabinfo", "kmalloc"], 2, "expected one that matches a whole name of kmalloc-96, "],
    [["slabinfo", "("], 2, 'expected a regular expression, got "("'],
    [["slabtop", "-d", "0"], 2, 'expected seconds above 0 and up to 86400, got "0"'],
    [["slabtop", "-s", "x"], 2, "Allowed choices are a, b, c, l, v, n, o, p, s, u."],
  ] as const) {
    const { status, stdout, stderr } = await slablabHere(...args);
    expect([status, stdout, stderr]).toEqual([expected, "", expect.stringContaining(message)]);
  }
});

test("--help of both shows an example", async () => {
  for (const command of ["slabinfo", "slabtop"]) {
    const { status, stdout } = await slablabHere(command, "--help");
    expect([status, stdout]).toEqual([0, expect.stringMatching(/Examples?:\n {2}slablab slab/)]);
  }
});
