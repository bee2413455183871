/**
 * Goal: what `slablab bench --peers` found is told alike as text, as a document and as a page.
 * Method: results written by hand, with a heap that is missing and one that is corrupt.
 */
import type { Environment } from "slablab/internal/measure/common/environment.js";
import {
  type PeerRow,
  type PeersResults,
  untimed,
} from "slablab/internal/measure/peers/peer-row.js";
import { parseBenchReport, peersDocument } from "slablab/internal/report/bench/bench-schema.js";
import { peersHtml } from "slablab/internal/report/bench/peers-html.js";
import { peersText } from "slablab/internal/report/bench/peers-text.js";
import { createReport, serializeReport } from "slablab/internal/report/common/json.js";
import { expect, test } from "vitest";

const estimate = (median: number) => ({ median, low: median * 0.9, high: median * 1.1 });

function timed(heap: string, cpus: number, more: Partial<PeerRow> = {}): PeerRow {
  return {
    ...{ load: "malloc-multithreading", cpus, state: "aged", heap, calls: "js", rounds: 20 },
    ...{ nsPerOp: estimate(1234.5), netNs: estimate(999.9), mops: estimate(40) },
    ...{ p50: 1111.1, p99_9: 123_456, slowest: 654_321, peakBytes: 300 * 2 ** 20, note: null },
    ...{ ratioToOurs: estimate(5_432.1), basis: "gross", ...more },
  };
}

const NAMES = ["slab", "sheaf", "mimalloc", "dlmalloc", "tlsf", "null"];
const RESULTS: PeersResults = {
  ours: "sheaf",
  heaps: NAMES.map((name) => ({ name, about: `${name} as it is` })),
  missing: [{ heap: "rpmalloc", message: "there is no such package; try npm pack rpmalloc" }],
  rows: [
    ...NAMES.flatMap((name) => [timed(name, 1), timed(name, 2)]),
    untimed({ ...timed("planted", 2) }, "corrupt: 3 objects were not as their owner left them"),
  ],
  warnings: [],
  interrupted: false,
};

test("the text has every heap, what is missing and what is corrupt, in 100 columns", () => {
  const text = peersText(RESULTS, "here");
  for (const line of text.split("\n")) expect(line.length, line).toBeLessThanOrEqual(100);
  for (const name of NAMES) expect(text).toMatch(new RegExp(`^${name} +2 aged js`, "m"));
  expect(text).toContain("rpmalloc is not measured: there is no such package");
  expect(text).toContain("planted x2 aged js: corrupt: 3 objects were not");
  expect(text).toContain("time of each heap over that of sheaf");
});

test("a load that runs on no heap is judged gross, which text and page say", () => {
  const gross = { load: "rptest", netNs: null } as const;
  const rows = [timed("sheaf", 1, gross), timed("tlsf", 1, gross), timed("tlsf", 2)];
  const text = peersText({ ...RESULTS, rows }, "here");
  expect(text.match(/this load reads what it wrote/g)?.length).toBe(1);
  expect(text).toMatch(/^\* of gross times$/m);
  expect(text).toMatch(/^rptest \* +1 aged js/m);
  expect(text).toMatch(/^malloc-multithreading +2 aged js/m);
  expect(peersHtml({ ...RESULTS, rows }, "here")).toContain("this load reads what it wrote");
  expect(peersText({ ...RESULTS, rows: rows.slice(2) }, "here")).not.toContain("reads what");
});

test("the document is of the published shape and keeps every row", () => {
  const parameters = {
    ...{ suite: "larson", durationMs: 1, size: 64, cpus: [1, 2], scale: 1 },
    ...{ flavours: null, baseline: null, failOn: [] },
  };
  const environment = {} as Environment;
  const parts = { command: "bench", environment, seed: 1, parameters } as const;
  const text = serializeReport(createReport({ ...parts, results: peersDocument(RESULTS) }));
  const { results } = parseBenchReport(text, "it");
  expect(results.peers).toEqual(RESULTS.rows);
  expect(results).toMatchObject({ ours: "sheaf", missing: RESULTS.missing, rows: [] });
});

test("the page has a table and plots of each load, in which what is not known is a gap", () => {
  const page = peersHtml(RESULTS, "here");
  expect(page.match(/<figure id="malloc-multithreading-/g)?.length).toBe(3);
  const [, json = "[]"] = /id="plots">(.*?)<\/script>/s.exec(page) ?? [];
  const plots = JSON.parse(json) as { xNames: string[]; series: { name: string }[] }[];
  expect(plots.map(({ xNames }) => xNames)).toEqual([
    ["1 aged js", "2 aged js"],
    ["1 aged js", "2 aged js"],
    ["1 aged js", "2 aged js"],
  ]);
  expect(plots[2]?.series.map(({ name }) => name)).toEqual([
    "slab",
    "mimalloc",
    "dlmalloc",
    "tlsf",
  ]);
  expect(page).toContain("planted, 2 aged js: corrupt");
});
