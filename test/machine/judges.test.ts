/**
 * Goal: what is wrong is found, and what is right is not. Method: programs of a few accesses, each
 * with one thing wrong, and its twin without.
 */
import { RaceDetector } from "slablab/internal/machine/judges/races.js";
import type { Machine } from "slablab/internal/machine/core/machine.js";
import { expect, test } from "vitest";
import { search } from "./support/search.js";

const watchRaces = (machine: Machine) => {
  machine.watchers = [new RaceDetector(machine)];
};

async function kindsOf(
  tasks: readonly (readonly string[])[],
  more: { readonly handler?: readonly string[]; readonly handlers?: number } = {},
): Promise<string[]> {
  const { handler = [], handlers = 0 } = more;
  const bounds = { handlers, startsAreChoices: false };
  const { findings } = await search({ tasks, handler, bounds, prepare: watchRaces });
  return [...new Set(findings.map(({ kind }) => kind))];
}

test("plain accesses of one word by two tasks are a race", async () => {
  expect(await kindsOf([["increment"], ["increment"]])).toEqual(["race"]);
});

test("a whole schedule in which they happen far apart shows the race too", async () => {
  const bounds = { preemptions: 0, startsAreChoices: false };
  const tasks = [["increment"], ["increment"]];
  const { findings, runs } = await search({ tasks, bounds, prepare: watchRaces });
  expect(findings).toHaveLength(runs);
});

test("atomic accesses of a word and of its half are a race: mixed widths", async () => {
  expect(await kindsOf([["halves"], ["whole"]])).toEqual(["race"]);
});

test("what an atomic store publishes may be read plainly by who saw it", async () => {
  expect(await kindsOf([["publish"], ["receive"]])).toEqual([]);
});

test("the pushes of a list, and a lock around increments, have no race", async () => {
  expect(await kindsOf([["push"], ["push"]])).toEqual([]);
  const locked = ["lock", "increment", "unlock"];
  expect(await kindsOf([locked, locked])).toEqual([]);
});

test("memory.fill races with what it overlaps", async () => {
  expect(await kindsOf([["clear"], ["clear"]])).toEqual(["race"]);
});

test("a handler is the task it interrupts: no race, whatever it touches", async () => {
  const more = { handler: ["increment"], handlers: 1 };
  expect(await kindsOf([["increment"]], more)).toEqual([]);
});

test("a lock that is never released: deadlock", async () => {
  expect(await kindsOf([["lock"], ["lock", "unlock"]])).toEqual(["deadlock"]);
});

test("a spin loop goes on when the word changes, and no schedule is endless", async () => {
  expect(
    await kindsOf([
      ["lock", "unlock"],
      ["lock", "unlock"],
    ]),
  ).toEqual([]);
});

test("an NMI that spins on a lock of its own CPU: deadlock", async () => {
  const more = { handler: ["lock", "unlock"], handlers: 1 };
  expect(await kindsOf([["lock", "unlock"]], more)).toEqual(["deadlock"]);
});

test("a sleeper that is notified wakes; one that nobody notifies is a deadlock", async () => {
  expect(await kindsOf([["sleep"], ["wake"]])).toEqual([]);
  expect(await kindsOf([["sleep"], ["forgetful"]])).toEqual(["deadlock"]);
});
