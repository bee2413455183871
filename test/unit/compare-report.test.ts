/**
 * Goal: the document and the page of a comparison can be relied on. Method: results of a run
 * written by hand, held against the schema, the published schema against the one in the code, and
 * the text against a terminal of 100 columns. `vitest run -u` writes the published schema anew.
 */
import { resolve } from "node:path";
import { toJsonSchema } from "@valibot/to-json-schema";
import { Ajv } from "ajv";
import { DEFER_ARMS } from "slablab/internal/heap/arms.js";
import {
  ALLOC_KEY,
  lifetimeConditions,
  mainConditions,
  makePlan,
  NOLOCK_KEY,
  VICTIM_KEY,
} from "slablab/internal/measure/compare/compare-plan.js";
import { compareResults } from "slablab/internal/measure/compare/compare-results.js";
import { SlotTable } from "slablab/internal/measure/compare/compare-table.js";
import { readEnvironment } from "slablab/internal/measure/common/environment.js";
import {
  compareParameters,
  compareReportSchema,
} from "slablab/internal/report/compare/compare-schema.js";
import { compareFirstText, compareText } from "slablab/internal/report/compare/compare-text.js";
import { createReport, serializeReport } from "slablab/internal/report/common/json.js";
import * as v from "valibot";
import { expect, test } from "vitest";
import { countsOf, FREES, PARAMETERS, slotOf } from "./support/compare.js";
import { formatJson } from "./support/json.js";

const SCHEMA_FILE = resolve(import.meta.dirname, "../../docs/schema/compare-v1.schema.json");
const ALL = { ...PARAMETERS, arms: DEFER_ARMS };

/** A run of all arms in which everything was measured, one of them without memory in one load. */
function measuredRun(parameters = ALL, rounds = 5) {
  const table = new SlotTable();
  const conditions = [...mainConditions(parameters), ...lifetimeConditions(parameters)];
  for (const [index, arm] of parameters.arms.entries()) {
    for (const { key, share } of conditions) {
      for (let round = 0; round < rounds; round++) {
        const ns = 1000 + 10 * index + round;
        const isOutOfMemory = arm === "percpu-deactivate" && key === "random";
        const more = { drainNs: 1, nolockFrees: FREES * share, victimNs: ns, isOutOfMemory };
        table.set(arm, key, round, slotOf(ns, more));
      }
    }
  }
  const counts = new Map(
    parameters.arms.map((arm) => [
      arm,
      new Map(conditions.map(({ key, share }) => [key, countsOf({ share, adds: 12, raises: 3 })])),
    ]),
  );
  const pieces = { pieces: 99, lostPieces: 1, leftOutShare: 0.02 };
  const sums = { rounds, headlineRounds: rounds, ...pieces, findings: [] };
  const lifetimes = { hasLifetimes: true, lifetimeRounds: 3 };
  const plan = makePlan(mainConditions(parameters), parameters);
  return {
    table,
    counts,
    plan,
    ...sums,
    ...lifetimes,
    isInterrupted: false,
    isCut: false,
    heap: null,
  };
}

const results = compareResults(ALL, measuredRun(), 2);

function documentOf() {
  const parts = { command: "compare", environment: readEnvironment(), seed: 1 } as const;
  const parameters = compareParameters(ALL, { durationMs: 3000 });
  return JSON.parse(serializeReport(createReport({ ...parts, parameters, results })));
}

test("the document is what its schema says, and every time is an estimate or null", () => {
  expect(v.parse(v.strictObject(compareReportSchema.entries), documentOf())).toBeTruthy();
  const bad: string[] = [];
  JSON.stringify(documentOf().results, (key, value) => {
    const isEstimate = value !== null && typeof value === "object" && "median" in value;
    if (key.endsWith("Ns") && value !== null && !isEstimate) bad.push(key);
    return value;
  });
  expect(bad).toEqual([]);
});

test("the published JSON Schema is the one in the code, and accepts the document", async () => {
  const schema = toJsonSchema(compareReportSchema);
  await expect(`${formatJson(schema)}\n`).toMatchFileSnapshot(SCHEMA_FILE);
  const check = new Ajv({ strict: false }).compile(schema as object);
  expect(check(documentOf()) ? [] : check.errors).toEqual([]);
  expect(check({ ...documentOf(), seed: "none" })).toBe(false);
});

test("the keys that others rely on are there for every arm", () => {
  const document = documentOf();
  expect(document.results.arms.map(({ name }: { name: string }) => name)).toEqual(DEFER_ARMS);
  for (const arm of document.results.arms) {
    expect(Object.keys(arm)).toEqual(
      expect.arrayContaining([
        ...["name", "bounded", "ordinaryFreeNs", "fastAllocNs", "nolockFreeNs", "nolockAllocNs"],
        ...["barrierNs", "p99FreeNs", "maxFreeNs", "slowFreeShare", "slope", "deferred"],
        "costs5PercentAtShare",
      ]),
    );
    expect(Object.keys(arm.deferred)).toEqual(
      expect.arrayContaining(["adds", "remoteAdds", "raises", "drains", "highWater", "maxAgeOps"]),
    );
  }
});

test("no line is wider than 100 columns, and nothing is coloured without a terminal", () => {
  const text = compareText(ALL, results, "slablab 0.1.0, Node 20, a machine ".repeat(5));
  const wide = text.split("\n").filter((line) => line.length > 100);
  expect(wide).toEqual([]);
  expect(text).not.toContain("\u001b");
});

test("the text shows every slope with its interval, the verdicts, and what next", () => {
  const text = compareText(ALL, results, "here");
  for (const arm of DEFER_ARMS) expect(text).toMatch(new RegExp(`^${arm} +\\d+ ±\\d`, "m"));
  expect(text.match(/^none +The floor/m)).not.toBeNull();
  expect(text).toContain("no memory");
  expect(text).toContain("npx slablab compare --json");
});

test("a run that measured nothing shows no table of holes", () => {
  const none = { ...measuredRun(), table: new SlotTable(), headlineRounds: 0, rounds: 0 };
  const text = compareText(ALL, compareResults(ALL, { ...none, isCut: true }, 2), "here");
  expect(text).toContain("Nothing was measured");
  expect(text).toContain("the machine was too busy");
  expect(text).not.toMatch(/^none /m);
});

test("the first look has the ends of the slope alone, and says what it is", () => {
  const text = compareFirstText(ALL, compareResults(ALL, measuredRun(ALL, 3), 2));
  expect(text).toContain("a first look after 3 rounds, to be refined");
  for (const arm of DEFER_ARMS)
    expect(text).toMatch(new RegExp(`^${arm}( +\\d+ ±[\\d.]+){2} `, "m"));
  expect(text).not.toContain(" 3 % ");
});

test("a single round has no interval, and few rounds are said to be few", () => {
  const text = compareText(ALL, compareResults(ALL, measuredRun(ALL, 1), 2), "here");
  expect(text).not.toContain("±");
  expect(text).toContain("too few rounds for intervals");
  expect(compareText(ALL, results, "here")).toContain("medians and 95 % intervals");
});

test("what was left out is said", () => {
  const noted = (changes: object, cores = 2) =>
    compareResults(ALL, { ...measuredRun(), ...changes }, cores).notes.join(" ");
  expect(noted({})).toBe("");
  expect(noted({}, 1)).toContain("2 CPUs on 1 core:");
  expect(noted({ leftOutShare: 0.5 })).toContain("a busy machine: 50 % of the phases were left");
  expect(noted({ isCut: true, rounds: 2, headlineRounds: 2 })).toContain(
    "2 of 4 rounds, and 3 of the 3 short ones: the machine was too busy",
  );
  expect(noted({ isCut: true, rounds: 1, headlineRounds: 4 })).toContain(
    "4 of 4 rounds of the smallest and the largest share, 1 of the rest, and 3 of",
  );
  const ended = { isInterrupted: true, rounds: 2, headlineRounds: 2, lifetimeRounds: 0 };
  expect(noted(ended)).toContain("2 of 4 rounds, and 0 of the 3 short ones: interrupted.");
  const short = makePlan(mainConditions(ALL), { durationMs: 600, rounds: null });
  expect(noted({ plan: short })).toContain("Slots of 33 ms instead of 100");
});

test("the conditions of the tables have names of their own", () => {
  const keys = [...mainConditions(ALL), ...lifetimeConditions(ALL)].map(({ key }) => key);
  expect(new Set(keys).size).toBe(keys.length);
  expect(keys).toEqual(expect.arrayContaining([NOLOCK_KEY, ALLOC_KEY, VICTIM_KEY]));
});
