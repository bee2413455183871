/**
 * Goal: the document and the page of a stress can be relied on. Method: results written by hand,
 * without a finding and with one, held against the schema and a terminal of 100 columns.
 * `vitest run -u` writes the published schema anew.
 */
import { resolve } from "node:path";
import { toJsonSchema } from "@valibot/to-json-schema";
import { Ajv } from "ajv";
import { readEnvironment } from "slablab/internal/measure/common/environment.js";
import { createReport, serializeReport } from "slablab/internal/report/common/json.js";
import { stressReportSchema, stressResults } from "slablab/internal/report/stress/stress-schema.js";
import { stressText } from "slablab/internal/report/stress/stress-text.js";
import { Board, IN_NMI } from "slablab/internal/workload/stress/stress-board.js";
import { OPERATIONS } from "slablab/internal/workload/stress/kinds.js";
import { logText } from "slablab/internal/workload/stress/log.js";
import type { StressResults, StressRow } from "slablab/internal/workload/stress/stress-run.js";
import { setupsOf } from "slablab/internal/workload/stress/stress-setup.js";
import * as v from "valibot";
import { expect, test } from "vitest";
import { formatJson } from "./support/json.js";

const SCHEMA_FILE = resolve(import.meta.dirname, "../../docs/schema/stress-v1.schema.json");
const REPRODUCE = "npx slablab stress --seed 0x1 --arm irq-work --cpus 2 --duration 500ms";
const SETUPS = setupsOf(null, { build: "release", percpu: "slab", cpus: 2 });

function rowsOf(finding: StressRow["finding"]): StressRow[] {
  const board = new Board(2);
  board.countsOf(1).fill(1_234_567);
  const { operations, counts } = board.totals();
  return SETUPS.map((setup) => {
    const isBad = setup.arm === "irq-work";
    return { setup, operations, counts, elapsedMs: 500, finding: isBad ? finding : null };
  });
}

const clean: StressResults = { rows: rowsOf(null), interrupted: false };
const bad: StressResults = {
  rows: rowsOf({
    ...{ kind: "stamp", message: "expected 1, got 2", operation: 12, cpu: 1 },
    ...{ reproduce: REPRODUCE, log: "" },
  }),
  interrupted: true,
};

function documentOf(results: StressResults, log: string | null) {
  const environment = readEnvironment();
  const parameters = { cpus: 2, arm: "all", percpu: "slab", build: "release", durationMs: 4500 };
  const parts = { command: "stress", environment, seed: 1, parameters } as const;
  const found = stressResults(results, log);
  return JSON.parse(serializeReport(createReport({ ...parts, results: found })));
}

test("the document is what its schema says, with findings and without", () => {
  for (const results of [clean, bad]) {
    const document = documentOf(results, "a.log");
    expect(v.parse(v.strictObject(stressReportSchema.entries), document)).toBeTruthy();
  }
  expect(documentOf(clean, null).results).toMatchObject({ findings: 0, interrupted: false });
  const { findings, log, interrupted, arms } = documentOf(bad, "a.log").results;
  expect([findings, log, interrupted]).toEqual([1, "a.log", true]);
  expect(arms[7].finding).toMatchObject({ kind: "stamp", reproduce: REPRODUCE });
});

test("the published JSON Schema is the one in the code, and accepts the document", async () => {
  const schema = toJsonSchema(stressReportSchema);
  await expect(`${formatJson(schema)}\n`).toMatchFileSnapshot(SCHEMA_FILE);
  const check = new Ajv({ strict: false }).compile(schema as object);
  expect(check(documentOf(clean, null)) ? [] : check.errors).toEqual([]);
  expect(check({ ...documentOf(clean, null), seed: "none" })).toBe(false);
});

test("no line is wider than 100 columns, and the text says what was verified", () => {
  const text = stressText(clean, null, "here");
  expect(text.split("\n").filter((line) => line.length > 100)).toEqual([]);
  expect(text).not.toContain("\u001b");
  expect(text).toMatch(/^percpu-deactivate +37.0M +1.2M /m);
  expect(text.replaceAll("\n", " ")).toContain("Findings: 0.");
  for (const name of OPERATIONS) expect(text).toMatch(new RegExp(`\\b${name} +1[0-9.]+M`));
});

test("a finding is shown with the one line that does the same again, and its log", () => {
  const lines = stressText(bad, ".slablab/a.log", "here").split("\n");
  expect(lines).toContain("finding: stamp in irq-work, on CPU 1 after 12 operations");
  expect(lines.filter((line) => line.startsWith("reproduce: "))).toEqual([
    `reproduce: ${REPRODUCE}`,
  ]);
  expect(lines).toContain("log: .slablab/a.log");
  expect(lines.join(" ")).toContain("a failure of several CPUs need not repeat");
  expect(lines.join(" ")).toContain("Interrupted: until then, ");
});

test("a board keeps the first finding, and each CPU's last operations in order", () => {
  const board = new Board(2);
  expect(board.finding()).toBeNull();
  const ring = board.ringOf(1);
  for (let number = 1; number <= 300; number++) {
    ring.begin(number, OPERATIONS.indexOf("kmalloc"), IN_NMI);
    ring.about(OPERATIONS.indexOf("kfree"), 0x1000 + number, 64);
    if (number < 300) ring.end();
  }
  const other = new Board(2, board.buffer);
  other.halt(1, { kind: "stamp", message: "é 1", operation: 300 });
  other.halt(0, { kind: "trap", message: "later", operation: 1 });
  expect([board.isHalted, board.finding()]).toEqual([
    true,
    { cpu: 1, kind: "stamp", message: "é 1", operation: 300 },
  ]);
  const lines = logText(board, ["head"]).trimEnd().split("\n");
  expect(lines[0]).toBe("head");
  expect(lines).toContain("CPU 0: its last 0 operations, the latest last");
  expect(lines.at(-256)).toBe("#45 kfree in NMI 0x102d size=64");
  expect(lines.at(-1)).toBe("#300 kfree in NMI 0x112c size=64   <-- in progress");
});
