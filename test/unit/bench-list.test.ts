/**
 * Goal: `bench --list` names everything on one screen. Method: the real catalogue, and the filters
 * it tells of.
 */
import { allSuites, matchSuites } from "slablab/internal/measure/bench/bench-suites.js";
import { benchListText } from "slablab/internal/report/bench/bench-list.js";
import { expect, test } from "vitest";

const suites = allSuites();
const text = benchListText(
  suites.map(({ name, about }, index) => ({ name, about, isDefault: index === 2, rows: [] })),
);

test("sweeps are folded, and no line is wider than a page", () => {
  expect(text).toContain("slab_test/pairs/{8..4096} ");
  expect(text).toContain("slab_bulk_test01/{1..250}/bulk ");
  expect(text).toMatch(/^\* larson +a server/m);
  const lines = text.split("\n");
  expect(lines.filter((line) => line.length > 100)).toEqual([]);
  expect(lines.length).toBeLessThan(suites.length / 2);
});

test("every suite that is no sweep is named as it is", () => {
  for (const { name } of suites) {
    if (!/\/\d/.test(name)) expect(text).toContain(`  ${name} `.slice(name === "larson" ? 1 : 0));
  }
});

test("loads is every load, and of sweeps what is not optional; all is everything", () => {
  const loads = matchSuites(suites, "loads").map(({ name }) => name);
  expect(loads).toEqual(expect.arrayContaining(["larson", "mleak", "malloc-large"]));
  expect(loads).not.toContain("fastpath");
  expect(loads.length).toBeLessThan(suites.length / 2);
  expect(matchSuites(suites, "all")).toEqual(suites);
  expect(matchSuites(suites, "slab_test/pairs").length).toBeGreaterThan(5);
});
