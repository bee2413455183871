/**
 * Goal: a wrong option of compare is explained, and what it is asked for is what it does. Method:
 * the parsers, the combinations that cannot be, and the real binary for the exit status.
 */
import { FLOOR_ARM, VERSION_1_ARM } from "slablab/internal/heap/arms.js";
import {
  type CompareOptions,
  parametersOf,
  parseArms,
  parseShares,
} from "slablab/internal/cli/compare/compare-options.js";
import { expect, test } from "vitest";
import { slablabHere } from "./support/command.js";

const OPTIONS: CompareOptions = {
  cpus: 2,
  arms: ["none", "irq-work"],
  duration: undefined,
  shares: [0, 0.1],
  burst: 4,
  nolockCpus: 0,
  migrate: 0,
  irqCost: 0,
  size: 64,
  load: undefined,
  percpu: "slab",
  rounds: undefined,
  seed: 1,
  json: false,
  snapshot: undefined,
  quiet: false,
};

test("the floor is measured whether it is asked for or not, and first", () => {
  expect(parseArms("irq-work")).toEqual(["none", "irq-work"]);
  expect(parseArms("direct, none,global")).toEqual([FLOOR_ARM, VERSION_1_ARM, "direct"]);
  expect(() => parseArms("percpu")).toThrow(/expected arms among none, .*got "percpu"; try global/);
});

test("shares are ascending fractions, once each; a per cent sign is understood", () => {
  expect(parseShares("0.1,0,0.1")).toEqual([0, 0.1]);
  expect(parseShares("10%, 0.5 %")).toEqual([0.005, 0.1]);
  for (const text of ["", "-1", "1", "91%", "half", "0.1;0.2"]) {
    expect(() => parseShares(text), text).toThrow("expected shares in 0..0.9");
  }
});

test("somebody has to free ordinarily, and to migrate there have to be two", () => {
  expect(() => parametersOf({ ...OPTIONS, nolockCpus: 2 })).toThrow(
    "--nolock-cpus: expected fewer than --cpus 2, so that somebody frees ordinarily, got 2",
  );
  expect(() => parametersOf({ ...OPTIONS, cpus: 1, migrate: 0.5 })).toThrow("try --cpus 2");
  expect(parametersOf(OPTIONS)).toMatchObject({ durationMs: null, rounds: null, load: null });
});

test.each([
  [["--arms", "globl"], 'got "globl"'],
  [["--shares", "0,2"], 'got "2"'],
  [["--burst", "0"], "expected an integer in 1..256"],
  [["--migrate", "1.5"], "expected a chance in 0..1"],
  [["--irq-cost", "-3"], "expected a price in ns"],
  [["--size", "9000"], "expected a size in 8..8192 bytes"],
  [["--load", "fifi"], "Allowed choices are"],
  [["--rounds", "many"], "expected an integer in 1..10000"],
  [["--duration", "5"], "try 5s or 5ms"],
  [["--nolock-cpus", "2"], "try --cpus 3"],
])("compare %j is a usage error that says what to do", async (args, text) => {
  const outcome = await slablabHere("compare", ...args);
  expect(outcome.status).toBe(2);
  expect(outcome.stdout).toBe("");
  expect(outcome.stderr).toContain(text);
});
