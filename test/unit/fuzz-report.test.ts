/**
 * Goal: the document and the page of a fuzz can be relied on. Method: a short real campaign and
 * one with a finding written by hand, held against the schema and a terminal of 100 columns.
 * `vitest run -u` writes the published schema anew.
 */
import { resolve } from "node:path";
import { toJsonSchema } from "@valibot/to-json-schema";
import { Ajv } from "ajv";
import {
  type CampaignResults,
  runCampaign,
} from "slablab/internal/workload/reentry/reentry-campaign.js";
import { makeMatrix, makeSetup } from "slablab/internal/workload/reentry/reentry-setup.js";
import { readEnvironment } from "slablab/internal/measure/common/environment.js";
import { fuzzReportSchema, fuzzResults } from "slablab/internal/report/fuzz/fuzz-schema.js";
import { fuzzText } from "slablab/internal/report/fuzz/fuzz-text.js";
import { createReport, serializeReport } from "slablab/internal/report/common/json.js";
import * as v from "valibot";
import { beforeAll, expect, test } from "vitest";
import { formatJson } from "./support/json.js";

const SCHEMA_FILE = resolve(import.meta.dirname, "../../docs/schema/fuzz-v1.schema.json");
const REPRODUCE = "npx slablab fuzz --seed 0x1 --arm irq-work --cpus 1 --ops 12";
let clean: CampaignResults;
let bad: CampaignResults;

beforeAll(async () => {
  const setups = makeMatrix({ arm: null, features: null, depth: 3, cpus: 1 });
  clean = await runCampaign({ setups, seed: 1, durationMs: null, operations: 100 });
  const [row] = clean.rows;
  if (row === undefined) throw new Error("expected a row for every setup, got none");
  const finding = { kind: "stamp", message: "expected 1, got 2", operation: 12 } as const;
  const findings = [{ ...finding, reproduce: REPRODUCE }];
  const setup = makeSetup({ arm: "irq-work", rt: true });
  bad = { ...clean, rows: [{ ...row, setup, findings }], interrupted: true };
});

function documentOf(results: CampaignResults) {
  const environment = readEnvironment();
  const parameters = { cpus: [1], arm: "all", percpu: "slab", depth: 3 };
  const limits = { durationMs: null, operations: 100 };
  const parts = {
    command: "fuzz",
    environment,
    seed: 1,
    parameters: { ...parameters, ...limits },
  } as const;
  return JSON.parse(serializeReport(createReport({ ...parts, results: fuzzResults(results) })));
}

test("the document is what its schema says, with findings and without", () => {
  for (const results of [clean, bad]) {
    const document = documentOf(results);
    expect(v.parse(v.strictObject(fuzzReportSchema.entries), document)).toBeTruthy();
  }
  expect(documentOf(clean).results).toMatchObject({ findings: 0, interrupted: false });
  expect(documentOf(bad).results).toMatchObject({ findings: 1, interrupted: true });
});

test("the published JSON Schema is the one in the code, and accepts the document", async () => {
  const schema = toJsonSchema(fuzzReportSchema);
  await expect(`${formatJson(schema)}\n`).toMatchFileSnapshot(SCHEMA_FILE);
  const check = new Ajv({ strict: false }).compile(schema as object);
  expect(check(documentOf(clean)) ? [] : check.errors).toEqual([]);
  expect(check({ ...documentOf(clean), seed: "none" })).toBe(false);
});

test("no line is wider than 100 columns, and the text says what was verified", () => {
  const text = fuzzText(clean, "here");
  expect(text.split("\n").filter((line) => line.length > 100)).toEqual([]);
  expect(text).not.toContain("\u001b");
  expect(text).toMatch(/^irq-work +rt\+h\+r +100 /m);
  expect(text.replaceAll("\n", " ")).toContain("9,000 operations in 90 setups, re-entered");
  expect(text).toContain("No finding.");
});

test("a finding is shown with the one line that finds it again", () => {
  const text = fuzzText(bad, "here");
  expect(text).toContain("finding: stamp in irq-work rt\nexpected 1, got 2\n");
  expect(text.split("\n")).toContain(`reproduce: ${REPRODUCE}`);
  expect(text).toContain("Interrupted: until then, ");
});
