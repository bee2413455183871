/**
 * Goal: documents and pages of bench can be relied on. Method: results written by hand against the
 * schema, a terminal of 100 columns, a parser of CSV, and a page that may ask for nothing.
 * `vitest run -u` writes the published schemas anew.
 */
import { resolve } from "node:path";
import { toJsonSchema } from "@valibot/to-json-schema";
import { Ajv } from "ajv";
import { compareBenches } from "slablab/internal/measure/bench/bench-compare.js";
import { machineWarnings } from "slablab/internal/measure/bench/bench-warnings.js";
import { readEnvironment } from "slablab/internal/measure/common/environment.js";
import { measureFastpath } from "slablab/internal/measure/bench/fastpath-rows.js";
import {
  benchCompareSchema,
  benchDocument,
  benchReportSchema,
  comparisonDocument,
  parseBenchReport,
} from "slablab/internal/report/bench/bench-schema.js";
import { benchCsv, benchMarkdown } from "slablab/internal/report/bench/bench-flat.js";
import { benchHtml } from "slablab/internal/report/bench/bench-html.js";
import { benchText } from "slablab/internal/report/bench/bench-text.js";
import { createReport, serializeReport } from "slablab/internal/report/common/json.js";
import type { BenchResults } from "slablab/internal/measure/bench/bench-row.js";
import { FASTPATH_TASKS } from "slablab/internal/workload/fastpath.js";
import * as v from "valibot";
import { expect, test } from "vitest";
import { formatJson } from "./support/json.js";
import { resultsOf, rowOf, runOf, SEED, steady, variantOf } from "./support/bench.js";

const SCHEMAS = resolve(import.meta.dirname, "../../docs/schema");

const run = runOf(
  ...[1, 2, 20].flatMap((cpus) => [
    variantOf("fused", steady(50, cpus)),
    variantOf("imports", steady(60, cpus)),
    variantOf("null", steady(10, cpus)),
  ]),
);
const machine = { cores: 2, loadAverage: 9, timerResolutionNs: 100 };
const results = resultsOf(run, { warnings: machineWarnings(machine, [1, 20]) });
const baseline = {
  environment: {},
  parameters: {},
  rows: results.rows.map(({ name }) => rowOf(40, { name })),
};
const comparison = compareBenches(
  baseline,
  { environment: {}, parameters: {}, rows: results.rows },
  { seed: SEED, failOn: [{ metric: "median", limit: 0.05 }] },
);

function textOf(found: BenchResults, compared: typeof comparison | null = null): string {
  const parameters = {
    ...{ suite: "larson", durationMs: 5000, size: 64, cpus: [1, 2], scale: 1 },
    ...{ flavours: null, baseline: null, failOn: ["p50:5%"] },
  };
  const environment = readEnvironment();
  const parts = { command: "bench", environment, seed: SEED, parameters } as const;
  return serializeReport(createReport({ ...parts, results: benchDocument(found, compared) }));
}

async function fastpath(): Promise<BenchResults> {
  let now = 0;
  const run = (count: number) => {
    now += count * 12;
  };
  const measured = await measureFastpath(
    FASTPATH_TASKS.map((name) => ({ name, unit: `what ${name} does, in words`, run })),
    {
      ...{ durationMs: 1, seed: SEED, signal: new AbortController().signal },
      clock: { nowNs: () => now },
    },
  );
  const { rows, budgets, rounds, operationsPerSample } = measured;
  const suite = {
    ...({ name: "fastpath", kind: "micro", about: "loops", rounds, operationsPerSample } as const),
    ...{ windowMs: null, parameters: [] },
  };
  const nothing = { findings: [], warnings: [], interrupted: false };
  return { suites: [suite], rows, budgets, ...nothing };
}

test("the document is what its schema says, and is read back as it was", () => {
  for (const compared of [null, comparison]) {
    const text = textOf(results, compared);
    expect(v.parse(v.strictObject(benchReportSchema.entries), JSON.parse(text))).toBeTruthy();
    expect(parseBenchReport(text, "a file")).toEqual(JSON.parse(text));
  }
});

test("fastpath keeps the keys it had: rows by name with ns, budgets, rounds", async () => {
  const { results: found } = JSON.parse(textOf(await fastpath()));
  expect(found.rounds).toBeGreaterThanOrEqual(5);
  expect(found.operationsPerSample).toBeGreaterThanOrEqual(20_000);
  expect(found.rows.map(({ name }: { name: string }) => name)).toEqual([...FASTPATH_TASKS]);
  expect(found.rows[0]).toMatchObject({
    ns: { median: expect.closeTo(12, 6) },
    unit: expect.any(String),
  });
  expect(found.budgets).toMatchObject([
    { ratio: { median: 1 }, limit: 1.3, verdict: "met" },
    { name: expect.stringContaining("by hand"), limit: 1.2, verdict: "met" },
    { ratio: { median: 0 }, limit: 1.5, verdict: "met" },
    { name: expect.stringContaining("bulk"), limit: 1 },
    { name: expect.stringContaining("bulk"), limit: 1 },
  ]);
});

test("the published JSON Schemas are those in the code, and accept documents", async () => {
  const schema = toJsonSchema(benchReportSchema);
  await expect(`${formatJson(schema)}\n`).toMatchFileSnapshot(`${SCHEMAS}/bench-v1.schema.json`);
  const check = new Ajv({ strict: false }).compile(schema as object);
  const document = JSON.parse(textOf(results, comparison));
  expect(check(document) ? [] : check.errors).toEqual([]);
  expect(check({ ...document, seed: "none" })).toBe(false);

  const second = toJsonSchema(benchCompareSchema);
  const file = `${SCHEMAS}/bench-compare-v1.schema.json`;
  await expect(`${formatJson(second)}\n`).toMatchFileSnapshot(file);
  const compared = {
    ...{ schema: "slablab/bench-compare/v1", command: "bench-compare", environment: {}, seed: 1 },
    ...{ parameters: { a: "a", b: "b", failOn: [] }, results: comparisonDocument(comparison) },
  };
  expect(new Ajv({ strict: false }).compile(second as object)(compared)).toBe(true);
});

test.each([
  ["no JSON", "{", /a\.json: expected a JSON document, got text that is none/],
  ["no document", "null", /expected a document with the schema slablab\/bench\/v1, got none/],
  ["another command", '{"schema":"slablab/stress/v1"}', /got slablab\/stress\/v1; write one/],
  ["another version", '{"schema":"slablab/bench/v2"}', /got slablab\/bench\/v2; write one/],
  ["a damaged one", '{"schema":"slablab/bench/v1"}', /got one where command is not: /],
])("%s is refused with a sentence", (_, text, message) => {
  expect(() => parseBenchReport(text, "a.json")).toThrow(message);
});

test("no line is wider than 100 columns, and the text says everything", async () => {
  const head = "somewhere, ".repeat(20);
  const interrupted = { ...results, interrupted: true };
  const text = benchText(interrupted, comparison, head) + benchText(await fastpath(), null, head);
  expect(text.split("\n").filter((line) => line.length > 100)).toEqual([]);
  expect(text).not.toContain("\u001b");
  const wanted = [/^fused x20 +50\.0 ns \[/m, /^imports x2 +50\.0 ns/m, /scaling efficiency/];
  for (const pattern of wanted) expect(text).toMatch(pattern);
  expect(text).toContain("20 CPUs share 2 cores. They take turns");
  expect(text).toContain("Interrupted: this is what was measured until then.");
  expect(text).toContain("4 more in --json");
  expect(text).toMatch(/fused pair \/ hand-written loop +1\.00x/);
});

test("rows that are warned of alike share a paragraph, and findings are shown", () => {
  const advice = "measure again";
  const warnings = ["a", "b"].map((row) => {
    return { kind: "drift", suite: "larson", row, message: "it drifts", advice } as const;
  });
  const findings = [{ suite: "larson", row: "fused x1", message: "3 objects left" }];
  const text = benchText(resultsOf(run, { warnings, findings }), null, "here");
  expect(text).toContain("larson a: it drifts; larson b: it drifts. Measure again.\n");
  expect(text).toContain("larson fused x1: 3 objects left\n");
});

test("nothing measured is said to be", () => {
  expect(benchText(resultsOf(runOf()), null, "here")).toContain("nothing was measured");
  expect(benchHtml(resultsOf(runOf()), null, "here")).toContain("<h2>larson</h2>");
});

test("CSV has a line a row, as many cells as names, and quotes what needs it", () => {
  const lines = benchCsv(results).trimEnd().split("\r\n");
  expect(lines.length).toBe(results.rows.length + 1);
  const names = lines[0]?.split(",") ?? [];
  expect(names).toContain("p99.9_ns");
  for (const line of lines.slice(1)) {
    const cells = line.match(/("([^"]|"")*"|[^,]*)(,|$)/g)?.length ?? 0;
    expect(cells - 1).toBe(names.length);
    expect(line).toContain('"free + malloc of 8..999 bytes, 2 bytes written"');
  }
});

test("Markdown has a table of all rows, and what was warned of", () => {
  const text = benchMarkdown(results, "here");
  expect(text.match(/^\| larson \|/gm)?.length).toBe(results.rows.length);
  expect(text).toContain("- Warning: 20 CPUs share 2 cores.");
});

test("the page is one file that asks for nothing, and cannot be broken by a name", () => {
  const [row] = results.rows;
  const rows = row === undefined ? [] : [{ ...row, name: "</script><b>" }];
  const page = benchHtml({ ...results, rows }, comparison, "<here>");
  expect(page).not.toMatch(/(src|href)="(?!data:)/);
  expect(page).not.toMatch(/@import|url\(/);
  expect(page).toContain("&lt;here&gt;");
  expect(page.match(/<\/script>/g)?.length).toBe(4);
  expect(page).not.toContain("<b>");
});

test("the page plots percentiles, rounds and scaling of every suite", () => {
  const page = benchHtml(results, comparison, "here");
  const json = /id="plots">(.*?)<\/script>/s.exec(page)?.[1] ?? "[]";
  const plots: { id: string; x: number[]; series: { values: number[] }[] }[] = JSON.parse(json);
  expect(plots.map(({ id }) => id)).toEqual([
    ...["larson-percentiles", "larson-rounds", "larson-scaling"],
  ]);
  for (const { id, x, series } of plots) {
    expect(page).toContain(`<figure id="${id}"`);
    for (const { values } of series) expect(values.length).toBe(x.length);
  }
  expect(plots[2]?.x).toEqual([1, 2, 20]);
});
