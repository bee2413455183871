/**
 * Goal: the document and the page of a stress of deaths can be relied on. Method: results written
 * by hand, without a finding and with one, held against the schema and a terminal of 100 columns.
 * `vitest run -u` writes the published schema anew.
 */
import { resolve } from "node:path";
import { toJsonSchema } from "@valibot/to-json-schema";
import { Ajv } from "ajv";
import { readEnvironment } from "slablab/internal/measure/common/environment.js";
import {
  deathsReportSchema,
  deathsResults,
  totalOf,
} from "slablab/internal/report/stress/deaths-schema.js";
import { deathsText } from "slablab/internal/report/stress/deaths-text.js";
import { createReport, serializeReport } from "slablab/internal/report/common/json.js";
import type { DeathResults, DeathRow } from "slablab/internal/workload/deaths/deaths-run.js";
import { setupsOf } from "slablab/internal/workload/stress/stress-setup.js";
import * as v from "valibot";
import { expect, test } from "vitest";
import { formatJson } from "./support/json.js";

const SCHEMA_FILE = resolve(import.meta.dirname, "../../docs/schema/stress-kill-v1.schema.json");
const REPRODUCE = "npx slablab stress --kill --seed 0x1 --arm irq-work --cpus 2 --duration 500ms";
const COUNTS: DeathRow["counts"] = {
  ...{ deaths: 12, reaps: 12, inherited: 1234, lost: 3, inHand: 14, locks: 2, slabs: 345 },
  ...{ pages: 1456, objects: 27, operations: 12_345_678, validations: 13 },
};

function resultsOf(finding: DeathRow["finding"]): DeathResults {
  const setups = setupsOf(null, { build: "release", percpu: "slab", cpus: 2 });
  const rows = setups.map((setup) => {
    const own = setup.arm === "irq-work" ? finding : null;
    return { setup, counts: COUNTS, finding: own, elapsedMs: 500 };
  });
  return { rows, interrupted: finding !== null };
}

const clean = resultsOf(null);
const bad = resultsOf({
  ...{ kind: "leak", message: "expected at most 14 objects to be lost, got 15" },
  ...{ cpu: 1, operation: 12, reproduce: REPRODUCE },
});

function documentOf(results: DeathResults) {
  const environment = readEnvironment();
  const parameters = { cpus: 2, arm: "all", percpu: "slab", build: "release", durationMs: 4500 };
  const parts = { command: "stress-kill", environment, seed: 1, parameters } as const;
  return JSON.parse(serializeReport(createReport({ ...parts, results: deathsResults(results) })));
}

test("the document is what its schema says, with findings and without", () => {
  for (const results of [clean, bad]) {
    const document = documentOf(results);
    expect(v.parse(v.strictObject(deathsReportSchema.entries), document)).toBeTruthy();
  }
  expect(documentOf(clean).results).toMatchObject({ findings: 0, interrupted: false });
  const { findings, arms, total } = documentOf(bad).results;
  expect([findings, total.deaths]).toEqual([1, 12 * arms.length]);
  expect(arms[7].finding).toMatchObject({ kind: "leak", deaths: 12, reproduce: REPRODUCE });
  expect(totalOf(clean).lost).toBe(3 * clean.rows.length);
});

test("the published JSON Schema is the one in the code, and accepts the document", async () => {
  const schema = toJsonSchema(deathsReportSchema);
  await expect(`${formatJson(schema)}\n`).toMatchFileSnapshot(SCHEMA_FILE);
  const check = new Ajv({ strict: false }).compile(schema as object);
  expect(check(documentOf(clean)) ? [] : check.errors).toEqual([]);
  expect(check({ ...documentOf(clean), seed: "none" })).toBe(false);
});

test("no line is wider than 100 columns, and the text says what was survived", () => {
  for (const results of [clean, bad]) {
    const lines = deathsText(results, "here").split("\n");
    const wide = lines.filter((line) => line.length > 100 && !line.startsWith("reproduce: "));
    expect(wide).toEqual([]);
  }
  expect(deathsText(clean, "here").replaceAll("\n", " ")).toContain("Findings: 0.");
  const lines = deathsText(bad, "here").split("\n");
  expect(lines).toContain("finding: leak in irq-work, at the death of CPU 1 after 12");
  expect(lines).toContain(`reproduce: ${REPRODUCE}`);
});
