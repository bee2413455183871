/**
 * Goal: the document, the page and the refusals of `explore` and `replay` can be relied on. Method:
 * a short real campaign and one with a finding written by hand, held against the schema and a
 * terminal of 100 columns; the commands themselves for bad input. `vitest run -u` writes the
 * published schema anew.
 */
import { resolve } from "node:path";
import { toJsonSchema } from "@valibot/to-json-schema";
import { Ajv } from "ajv";
import { type CampaignResults, runCampaign } from "slablab/internal/machine/campaign.js";
import { planOf } from "slablab/internal/machine/plan.js";
import { readEnvironment } from "slablab/internal/measure/common/environment.js";
import {
  exploreReportSchema,
  exploreResults,
} from "slablab/internal/report/explore/explore-schema.js";
import { exploreText } from "slablab/internal/report/explore/explore-text.js";
import { createReport, serializeReport } from "slablab/internal/report/common/json.js";
import * as v from "valibot";
import { beforeAll, expect, test } from "vitest";
import { slablabHere } from "./support/command.js";
import { formatJson } from "./support/json.js";

const ROOT = resolve(import.meta.dirname, "../..");
const SCHEMA_FILE = resolve(ROOT, "docs/schema/explore-v1.schema.json");
const SCHEDULE = "slx1~0588b857~model/64/irq-work/task0:k0f0~3S1~abcd";
const TEXT = "model/16000/irq-work/setup:c0c1/task:x0/task:x1";
const BENCH = {
  ...{ twoPushPerSecond: 150_000, kmallocKfreePerSecond: 12_000, kmallocKfreeAccesses: 255 },
  ...{ nsPerSwitch: 420, nsPerAccess: 120 },
};
let clean: CampaignResults;
let bad: CampaignResults;

beforeAll(async () => {
  const scenarios = [{ name: "pair", about: "two frees", text: TEXT, options: {} }];
  const families = [{ family: "two-pairs", programs: 2, weight: 1 }] as const;
  const plan = { ...planOf(scenarios), families };
  clean = await runCampaign({ plan, options: { bound: 1 } });
  const [row] = clean.scenarios;
  if (row === undefined) throw new Error("expected a scenario, got none");
  const finding = {
    ...{ kind: "race", message: "two stores are unordered", fibre: 0, site: 3, step: 9 },
    ...{ operation: "kfree", function: "assembly/slab/free/free_to_slab", deviations: [] },
    ...{ source: "assembly/slab/free.ts:202", schedule: SCHEDULE },
  };
  bad = { ...clean, scenarios: [{ ...row, complete: false, finding }], interrupted: true };
});

function documentOf(results: CampaignResults) {
  const environment = readEnvironment();
  const parameters = {
    ...{ scenario: TEXT, policy: null, bound: 1, nmi: null, durationMs: null },
    ...{ tier: "some", families: null, budgetMs: null, shard: null },
  } as const;
  const parts = { command: "explore", environment, seed: 1, parameters } as const;
  const report = createReport({ ...parts, results: exploreResults(results, BENCH) });
  return JSON.parse(serializeReport(report));
}

test("the document is what its schema says, with findings and without", () => {
  for (const results of [clean, bad]) {
    const document = documentOf(results);
    expect(v.parse(v.strictObject(exploreReportSchema.entries), document)).toBeTruthy();
  }
  expect(documentOf(clean).results.scenarios).toMatchObject([
    { name: "pair", policy: "dfs", bound: 1, nmi: 0, complete: true, findings: 0 },
  ]);
  expect(documentOf(clean).results.generated).toMatchObject([
    { family: "two-pairs", planned: 2, share: 2, run: 2, complete: [{ bound: 2, programs: 2 }] },
  ]);
  expect(documentOf(bad).results).toMatchObject({
    findings: [{ scenario: "pair", kind: "race", schedule: SCHEDULE }],
    interrupted: true,
  });
});

test("the published JSON Schema is the one in the code, and accepts the document", async () => {
  const schema = toJsonSchema(exploreReportSchema);
  await expect(`${formatJson(schema)}\n`).toMatchFileSnapshot(SCHEMA_FILE);
  const check = new Ajv({ strict: false }).compile(schema as object);
  expect(check(documentOf(clean)) ? [] : check.errors).toEqual([]);
  expect(check({ ...documentOf(clean), seed: "none" })).toBe(false);
});

test("what no scenario reaches is listed, each with a reason", () => {
  const { total, reached, unreached } = documentOf(clean).results.sites;
  expect(unreached).toHaveLength(total - reached);
  for (const { reason } of unreached) expect(reason).not.toBe("");
});

test("no line is wider than 100 columns but the command that replays a finding", () => {
  const lines = exploreText(exploreResults(bad, BENCH), "here").split("\n");
  expect(lines.filter((line) => line.length > 100 && !line.includes("replay"))).toEqual([]);
  expect(lines).toContain(`  npx slablab replay '${SCHEDULE}'`);
  const page = exploreText(exploreResults(clean, null), "here", { index: 2, count: 8 });
  expect(page).toContain("yes");
  expect(page).toContain("shard 2 of 8");
});

test.each([
  [["explore", "remote-free"], 2, /expected a scenario of --list, got "remote-free"; try remote-/],
  [["explore"], 2, /expected a scenario, --all or --bench, got none/],
  [["explore", "model/16000/task:t0"], 2, /expected a step of a program, got t0/],
  [["replay", "nothing"], 2, /expected a schedule that begins with slx1~, got "nothing"/],
  [["replay", SCHEDULE], 2, /cut or changed/],
])("slablab %j is refused with a sentence", async (args, status, message) => {
  const run = await slablabHere(...args);
  expect(run.stderr).toMatch(message);
  expect(run.status).toBe(status);
});
