/** Goal: docs/acceptance.md names tests and scenarios that exist, for every case. */
import { readFileSync } from "node:fs";
import { SCENARIOS } from "slablab/internal/machine/scenarios/named.js";
import { expect, test } from "vitest";

const ROOT = new URL("../../", import.meta.url);
const CASES = [...Array(29).keys(), ...Array.from({ length: 12 }, (_, at) => at + 30)].map(
  (at) => at + 1,
);

function read(path: string): string {
  return readFileSync(new URL(path, ROOT), "utf8");
}

const rows = read("docs/acceptance.md")
  .split("\n")
  .filter((line) => /^\| \d+ \|/.test(line))
  .map((line) => {
    const [, number = "", , tests = "", scenarios = ""] = line
      .split("|")
      .map((cell) => cell.trim());
    return { number: Number(number), tests, scenarios };
  });

test("every case has its row", () => {
  expect(rows.map(({ number }) => number)).toEqual(CASES.filter((number) => number !== 30));
});

test.each(rows)("case $number: its tests exist", ({ tests }) => {
  for (const [, path = "", title = ""] of tests.matchAll(/`(test\/[^`]+)` "([^"]+)"/g)) {
    expect(read(path), path).toContain(title);
  }
});

test.each(rows)("case $number: its scenarios exist", ({ scenarios }) => {
  const names = SCENARIOS.map(({ name }) => name);
  for (const [, pattern = ""] of scenarios.matchAll(/`([^`]+)`/g)) {
    const expected = new RegExp(`^${pattern.replaceAll("*", ".+")}$`);
    expect(names.filter((name) => expected.test(name)).length, pattern).toBeGreaterThan(0);
  }
});
