/**
 * Goal: a campaign that is spread over jobs is the campaign, and documents that do not belong
 * together are refused. Method: the same small campaign whole and in shards, merged and compared;
 * documents with one thing changed; the commands themselves for bad input and Ctrl-C.
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type CampaignOptions, runCampaign } from "slablab/internal/machine/campaign.js";
import { estimateSeconds, planAll, planDeep, planOf } from "slablab/internal/machine/plan.js";
import { SCENARIOS } from "slablab/internal/machine/scenarios/named.js";
import { type Shard, balance, parseShard, shareOf } from "slablab/internal/machine/shard.js";
import { readEnvironment } from "slablab/internal/measure/common/environment.js";
import { mergeExplore } from "slablab/internal/report/explore/explore-merge.js";
import {
  type ExploreReport,
  exploreResults,
} from "slablab/internal/report/explore/explore-schema.js";
import { createReport } from "slablab/internal/report/common/json.js";
import { mergeMutants } from "slablab/internal/mutants/mutants-merge.js";
import type { MutantsReport } from "slablab/internal/mutants/mutants-schema.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { slablabHere } from "./support/command.js";
import { interruptInTime } from "./support/interrupt.js";

const MAIN = resolve(import.meta.dirname, "../../dist/cli/main.js");
const COUNT = 3;
const folder = mkdtempSync(join(tmpdir(), "slablab-shards-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TEXTS = ["x0/task:x1", "x0/task:c2", "c2/task:c3", "X0/task:x1", "s/task:c2"];
const PLAN: CampaignOptions["plan"] = {
  ...planOf(
    TEXTS.map((rest, at) => ({
      ...{ name: `pair-${at}`, about: "a pair", options: { bound: 1 } },
      text: `model/16000/irq-work/setup:c0c1/task:${rest}`,
    })),
  ),
  families: [{ family: "two-pairs", programs: 7, weight: 1 }],
  learning: ["model/16000/irq-work/part0/setup:c0c1/task:x0/task:x1"],
};

async function documentOf(shard: Shard | null): Promise<ExploreReport> {
  const results = await runCampaign({ plan: PLAN, options: { seed: 3 }, shard });
  const report = createReport({
    ...{ command: "explore", environment: readEnvironment(), seed: 3 },
    parameters: {
      ...{ scenario: null, policy: null, bound: null, nmi: null, durationMs: null },
      ...{ tier: "some" as const, families: null, budgetMs: null, shard },
    },
    results: exploreResults(results, null),
  } as const);
  return { ...report, environment: { ...report.environment } };
}

let whole: ExploreReport;
let parts: ExploreReport[];

beforeAll(async () => {
  whole = await documentOf(null);
  parts = [];
  for (let index = 0; index < COUNT; index++) parts.push(await documentOf({ index, count: COUNT }));
});

const filesOf = (reports: readonly ExploreReport[]) =>
  reports.map((report, at) => ({ file: `${at}.json`, report }));

/** What does not depend on how fast it went. */
function timeless({ results }: ExploreReport) {
  const text = JSON.stringify(results, (key, value) => (key === "seconds" ? 0 : value));
  return JSON.parse(text) as ExploreReport["results"];
}

describe("shards of a campaign", () => {
  test("merged, in any order, are the campaign", () => {
    const merged = timeless(mergeExplore(filesOf(parts.toReversed())));
    const one = timeless(whole);
    expect(merged).toEqual({
      ...one,
      campaign: { ...one.campaign, merged: { shards: COUNT, partial: [] } },
    });
    expect(one.generated).toMatchObject([{ planned: 7, share: 7, run: 7 }]);
    expect(one.learning).toMatchObject([{ same: true, complete: true }]);
  });

  test("each do something, and none what another does", () => {
    const names = parts.flatMap(({ results }) => results.scenarios.map(({ name }) => name));
    expect(names.toSorted()).toEqual(whole.results.scenarios.map(({ name }) => name));
    for (const { results } of parts) expect(results.scenarios).not.toEqual([]);
  });

  test("one that was interrupted is merged, and the document says which it was", () => {
    const [a, b, c] = parts as [ExploreReport, ExploreReport, ExploreReport];
    const cut = { ...b, results: { ...b.results, scenarios: [], interrupted: true } };
    const { results } = mergeExplore(filesOf([a, cut, c]));
    expect(results.campaign.merged).toEqual({ shards: COUNT, partial: [1] });
    expect(results.interrupted).toBe(true);
  });

  test("more of them than things to do is no error", () => {
    expect([0, 1, 2, 3].map((index) => shareOf(2, { index, count: 4 }))).toEqual([1, 1, 0, 0]);
    expect(balance([5], 3)).toEqual([0]);
  });

  test("share all scenarios so that none has much more to do than another", () => {
    const costs = SCENARIOS.map(estimateSeconds);
    const owners = balance(costs, 4);
    const load = [0, 0, 0, 0].map((_, index) =>
      costs.reduce((sum, cost, at) => sum + (owners[at] === index ? cost : 0), 0),
    );
    const dearest = Math.max(...costs);
    expect(Math.max(...load)).toBeLessThan(Math.max(dearest * 1.01, 1.2 * Math.min(...load)));
  });
});

describe("documents are refused", () => {
  const changed = (report: ExploreReport, results: object): ExploreReport => ({
    ...report,
    results: {
      ...report.results,
      campaign: { ...report.results.campaign, ...results },
    },
  });
  const other = { slablab: { version: "9.9.9", commit: null } };

  test.each<[string, (all: ExploreReport[]) => ExploreReport[], RegExp]>([
    [
      "if one is missing",
      (all) => all.slice(0, 2),
      /all 3 shards, got 2: missing 2; run --shard 2/,
    ],
    ["if several are", (all) => all.slice(1, 2), /missing 0, 2; run --shard 0\/3/],
    [
      "if one is there twice",
      (all) => [...all, all[1]] as ExploreReport[],
      /got shard 1 in 1\.json/,
    ],
    ["if one is no shard", (all) => [whole, ...all], /got 0\.json, which is of no shard/],
    [
      "of another version",
      ([a, ...rest]) => [{ ...a, environment: other } as ExploreReport, ...rest],
      /shards of one version of slablab, got 9\.9\.9 in 0\.json and/,
    ],
    [
      "of another build",
      ([a, ...rest]) => [changed(a as ExploreReport, { build: "c0ffee00" }), ...rest],
      /shards of one build, got c0ffee00 in 0\.json/,
    ],
    [
      "of another plan",
      ([a, ...rest]) => [changed(a as ExploreReport, { plan: "c0ffee00" }), ...rest],
      /shards of one plan, got c0ffee00/,
    ],
    [
      "of another seed",
      ([a, ...rest]) => [{ ...a, seed: 4 } as ExploreReport, ...rest],
      /shards of one seed, got 4 in 0\.json and 3 in 1\.json; give all shards the same --seed/,
    ],
    [
      "with other options",
      ([a, ...rest]) => {
        const { parameters } = a as ExploreReport;
        return [{ ...a, parameters: { ...parameters, nmi: 2 } } as ExploreReport, ...rest];
      },
      /shards of one nmi, got 2 in 0\.json and null in 1\.json/,
    ],
  ])("%s", (_, change, message) => {
    expect(() => mergeExplore(filesOf(change(parts)))).toThrow(message);
  });
});

test("shards of a hunt for mutants are merged in the order of the mutants", () => {
  const planned = ["a", "b", "c", "d"];
  const documents = [0, 1].map((index): MutantsReport => {
    const mine = planned.filter((_, at) => at % 2 === index);
    const mutants = mine.map((name) => ({
      ...{ name, origin: "ours" as const, killed: name !== "c", by: name === "c" ? null : "unit" },
      ...{ schedules: 1, seconds: 1 },
    }));
    const survivors = mine
      .filter((name) => name === "c")
      .map((name) => ({ name, file: "f.ts", what: "w", why: "y" }));
    return {
      ...{ schema: "slablab/mutants/v1", command: "mutants", seed: 1, environment: {} },
      parameters: { filter: null, jobs: 1 + index, budgetMs: 1, shard: { index, count: 2 } },
      results: {
        campaign: { sources: "s", planned, merged: null },
        ...{ mutants, survivors, interrupted: index === 1 },
      },
    };
  });
  const files = documents.map((report, at) => ({ file: `${at}.json`, report }));
  const { results, parameters } = mergeMutants(files.toReversed());
  expect(results.mutants.map(({ name }) => name)).toEqual(planned);
  expect(results.survivors).toMatchObject([{ name: "c" }]);
  expect(results.campaign.merged).toEqual({ shards: 2, partial: [1] });
  expect(parameters.shard).toBeNull();
  expect(() => mergeMutants(files.slice(1))).toThrow(/missing 0/);
});

test("the hour has every scenario, each further than the five minutes", () => {
  const [all, deep] = [planAll(), planDeep()];
  expect(deep.scenarios.map(({ name }) => name)).toEqual(all.scenarios.map(({ name }) => name));
  for (const [at, { name, options }] of deep.scenarios.entries()) {
    expect(options, name).not.toEqual(all.scenarios[at]?.options);
  }
  expect(deep.scenariosMs + deep.programsMs).toBe(60 * 60_000);
  expect(all.families.every(({ programs }) => programs !== null && programs > 0)).toBe(true);
});

test.each(["0/0", "5/3", "3/3", "a/b", "-1/3", "1", "1/", "1/2/3", "", "1.5/3"])(
  "%j is no shard",
  (text) => {
    expect(parseShard(text)).toBeNull();
  },
);

test("a shard counts from 0", () => {
  expect(parseShard("0/1")).toEqual({ index: 0, count: 1 });
  expect(parseShard("7/8")).toEqual({ index: 7, count: 8 });
});

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

describe("bad input", () => {
  test.each<[string, string[], RegExp]>([
    ["no shards", ["explore", "--all", "--shard", "0/0"], /expected i\/n .* got "0\/0"; try 0\/8/],
    ["from one", ["explore", "--all", "--shard", "3/3"], /try 2\/3: the first is 0 and the last 2/],
    ["words", ["mutants", "--shard", "a/b"], /expected i\/n .* got "a\/b"/],
    ["alone", ["explore", "large", "--shard", "0/3"], /--shard: expected --all, --deep or --gen/],
    ["no files", ["explore", "--merge"], /--merge <files\.\.\.>' argument missing/],
    ["no such file", ["explore", "--merge", "none.json"], /file none\.json, got no such file/],
    ["no JSON", ["mutants", "--merge", file("a.json", "{")], /expected JSON in .*a\.json/],
    [
      "another schema",
      ["explore", "--merge", file("b.json", '{"schema":"slablab/bench/v1"}')],
      /slablab\/explore\/v1 in .*b\.json, got one of slablab\/bench\/v1/,
    ],
    [
      "half a document",
      ["explore", "--merge", file("c.json", '{"schema":"slablab/explore/v1"}')],
      /expected a whole document in .*c\.json, got another at command/,
    ],
    ["two tiers", ["explore", "--all", "--deep"], /expected --all or --deep, got both/],
    ["both", ["mutants", "--merge", "x", "--shard", "0/2"], /expected --merge or --shard/],
    ["no family", ["explore", "--generated", "four"], /got "four"; try one-pairs,one-triples/],
    ["no place", ["explore", "large", "--output", "/none/x.json"], /file that can be written/],
  ])("%s", async (_, args, message) => {
    const run = await slablabHere(...args);
    expect(run.stderr).toMatch(message);
    expect([run.status, run.stdout]).toEqual([2, ""]);
  });
});

test("Ctrl-C in a shard: 130, its document is written, and it can be merged", async () => {
  const output = join(folder, "cut.json");
  const command = ["explore", "--generated", "one-triples", "--shard", "0/1"];
  const { status } = await interruptInTime((waitMs) => {
    const child = spawn(process.execPath, [MAIN, ...command, "--output", output]);
    setTimeout(() => child.kill("SIGINT"), waitMs);
    return new Promise<{ status: number | null }>((done) => {
      child.on("exit", (status) => done({ status }));
    });
  });
  expect(status).toBe(130);
  expect(JSON.parse(readFileSync(output, "utf8")).results.interrupted).toBe(true);
  const merge = spawnSync(process.execPath, [MAIN, "explore", "--merge", output]);
  expect(merge.stdout.toString()).toContain(
    "merged from 1 shards; interrupted, and not complete: 0",
  );
  expect(merge.status).toBe(0);
});
