/**
 * Goal: the document and the page of a hunt can be relied on. Method: results written by hand, held
 * against the schema and a terminal of 100 columns; and the command's answers to bad input, in a
 * process of its own. `vitest run -u` writes the published schema anew.
 */
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { toJsonSchema } from "@valibot/to-json-schema";
import { Ajv } from "ajv";
import type { Fate, MutantsResults } from "slablab/internal/mutants/mutants-campaign.js";
import { HUNTERS } from "slablab/internal/mutants/hunters.js";
import { loadMutants } from "slablab/internal/mutants/mutant.js";
import { readEnvironment } from "slablab/internal/measure/common/environment.js";
import { createReport, serializeReport } from "slablab/internal/report/common/json.js";
import { mutantsReportSchema, mutantsResults } from "slablab/internal/mutants/mutants-schema.js";
import { mutantsList, mutantsText } from "slablab/internal/mutants/mutants-text.js";
import * as v from "valibot";
import { expect, test } from "vitest";
import { formatJson } from "./support/json.js";

const ROOT = resolve(import.meta.dirname, "../..");
const SCHEMA_FILE = resolve(ROOT, "docs/schema/mutants-v1.schema.json");
const WHY = "needs two CPUs in the middle of one step, which only the machine arranges";
const mutants = await loadMutants(ROOT);
const fates: Fate[] = mutants.map((mutant, index) => {
  const counted = { mutant, schedules: 123_456, seconds: 12.3456 };
  return index % 5 === 0
    ? { ...counted, by: null, what: WHY }
    : { ...counted, by: "fuzz-2-cpus", what: "stamp: expected 1, got 2" };
});

const CAMPAIGN = { sources: "0123456789ab", planned: mutants.map(({ name }) => name) };

function documentOf(results: MutantsResults) {
  const parameters = { filter: null, jobs: 2, budgetMs: 10_000, shard: null };
  const environment = readEnvironment();
  const parts = { command: "mutants", environment, seed: 1, parameters } as const;
  return JSON.parse(
    serializeReport(createReport({ ...parts, results: mutantsResults(results, CAMPAIGN) })),
  );
}

test("the document is what its schema says, and a mutant has exactly its six keys", () => {
  const document = documentOf({ fates, interrupted: false });
  expect(v.parse(v.strictObject(mutantsReportSchema.entries), document)).toBeTruthy();
  const keys = ["name", "origin", "killed", "by", "schedules", "seconds"];
  for (const mutant of document.results.mutants) expect(Object.keys(mutant)).toEqual(keys);
  const [dead, alive] = [document.results.mutants[1], document.results.mutants[0]];
  expect(dead).toMatchObject({ killed: true, by: "fuzz-2-cpus", seconds: 12.346 });
  expect(alive).toMatchObject({ killed: false, by: null });
  expect(document.results.survivors[0]).toMatchObject({ name: alive.name, why: WHY });
});

test("the published JSON Schema is the one in the code, and accepts the document", async () => {
  const schema = toJsonSchema(mutantsReportSchema);
  await expect(`${formatJson(schema)}\n`).toMatchFileSnapshot(SCHEMA_FILE);
  const check = new Ajv({ strict: false }).compile(schema as object);
  const document = documentOf({ fates: [], interrupted: true });
  expect(check(document) ? [] : check.errors).toEqual([]);
  expect(check({ ...document, results: {} })).toBe(false);
});

test("no line is wider than 100 columns; survivors are named with their reason", () => {
  const results = mutantsResults({ fates, interrupted: true }, CAMPAIGN);
  const text = mutantsText(results, HUNTERS, "here", { index: 1, count: 4 });
  expect(text).toContain("shard 1 of 4");
  for (const page of [text, mutantsList(mutants)]) {
    expect(page.split("\n").filter((line) => line.length > 100)).toEqual([]);
  }
  const killed = fates.filter(({ by }) => by !== null).length;
  expect(text).toContain(`${killed} of ${fates.length} mutants killed (interrupted)`);
  expect(text).toContain(`survived: ${mutants[0]?.name} `);
  expect(text.replaceAll("\n", " ")).toContain(WHY);
});

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(binary: string, ...args: string[]): Promise<Outcome> {
  return new Promise((done) => {
    const child = execFile(process.execPath, [binary, "mutants", ...args], (_, stdout, stderr) =>
      done({ status: child.exitCode, stdout, stderr }),
    );
  });
}

const BINARY = join(ROOT, "dist/cli/main.js");

test("--list shows them and hunts nothing; a filter chooses by name, group or origin", async () => {
  const { status, stdout } = await run(BINARY, "tid", "--list");
  expect(status).toBe(0);

  const chosen = mutants.filter((each) => each.group === "tid" || each.name.includes("tid"));
  for (const { name } of chosen) expect(stdout).toContain(name);
  expect(stdout).not.toContain("retry-overruns-8192");
});

test("a filter that chooses nothing is a usage error", async () => {
  const nothing = await run(BINARY, "no-such-mutant");
  expect(nothing.status).toBe(2);
  expect(nothing.stderr).toMatch(/got "no-such-mutant"; try --list, or one of the groups cas, /);
});

test("an installed package says in a sentence that it has no sources, with status 3", async () => {
  const folder = mkdtempSync(join(tmpdir(), "slablab-package-"));
  try {
    const installed = join(folder, "node_modules/slablab");
    mkdirSync(installed, { recursive: true });
    const hunt = join(ROOT, "dist", "mutants");
    for (const part of ["dist", "package.json"]) {
      const filter = (path: string) => path !== hunt;
      cpSync(join(ROOT, part), join(installed, part), { recursive: true, filter });
    }
    symlinkSync(join(ROOT, "node_modules"), join(installed, "node_modules"));
    for (const args of [[], ["--list"], ["--merge", "a.json"]]) {
      const { status, stdout, stderr } = await run(join(installed, "dist/cli/main.js"), ...args);
      expect({ status, stdout }).toEqual({ status: 3, stdout: "" });
      expect(stderr).toMatch(/expected a clone of the repository, got an installed package.*clone/);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
