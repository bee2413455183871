/**
 * Goal: no slow path gets a locked instruction that nobody gave a reason for. Method: the release
 * build on the machine, one call on a heap in the state that leads it along one path; the atomic
 * stores, read-modify-writes and cmpxchgs that it executes are compared with the table of
 * docs/locked-instructions.md, in which every path stands.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Fibre } from "slablab/internal/machine/core/fibre.js";
import { Watcher } from "slablab/internal/machine/core/watcher.js";
import { DEFAULT_EXPLORE, explore } from "slablab/internal/machine/explore.js";
import { SITE_KINDS, type SiteKind } from "slablab/internal/machine/instrument/sites.js";
import { parseScenario } from "slablab/internal/machine/scenarios/scenario.js";
import { makeStage } from "slablab/internal/machine/scenarios/stage.js";
import { expect, test } from "vitest";

const DOCUMENT = resolve(import.meta.dirname, "../../docs/locked-instructions.md");
/** What x86 executes with a lock prefix, or as an xchg: a sequentially consistent store, too. */
const LOCKED: ReadonlySet<SiteKind | undefined> = new Set(["atomicStore", "rmw", "cmpxchg"]);

/** Locked instructions of each call of a task, in order. */
class Locked extends Watcher {
  calls: number[] = [];
  #count = 0;

  override begin(): void {
    this.calls = [];
    this.#count = 0;
  }

  override access(_: Fibre, _site: number, kind: number): void {
    if (LOCKED.has(SITE_KINDS[kind])) this.#count++;
  }

  override endOperation(): void {
    this.calls.push(this.#count);
    this.#count = 0;
  }
}

/** Four objects a slab; eight of 500 bytes, whose slabs are single pages. */
const HEAP = "release/8000/irq-work";
const SMALL = "release/500/irq-work";
const FULL = "setup:c0c1c2c3c4";

/** Path of the document's table, by a scenario whose last call takes it. */
const PATHS: Readonly<Record<string, string>> = {
  "free to the cpu slab": `${HEAP}/part1/setup:c0c1/task:x0`,
  "free to a partial slab": `${HEAP}/part2/${FULL}x0/task:x1`,
  "free to another CPU's cpu slab": `${HEAP}/part2/cpus2/setup1:c0c1/task:x0`,
  "free to a full slab, kept": `${HEAP}/part2/${FULL}/task:x0`,
  "free to a full slab, listed": `${HEAP}/part0/${FULL}/task:x0`,
  "free that empties a slab": `${HEAP}/min0/part0/${FULL}x0x1x2/task:x3`,
  "allocation of remote frees": `${HEAP}/part2/cpus2/setup:c0c1c2c3/setup1:x0/task:c4`,
  "allocation of a kept slab": `${HEAP}/part2/${FULL}x0c5c6c7/task:c8`,
  "allocation from the node": `${HEAP}/part0/${FULL}x0c5c6c7/task:c8`,
  "allocation of a new slab": `${SMALL}/part2/setup:c0c1c2c3c4c5c6c7/task:c8`,
  "nolock free, the first": `${HEAP}/part2/${FULL}/task:X0`,
  "nolock free, the next": `${HEAP}/part2/${FULL}/task:X0X1`,
  "drain of 1": `${HEAP}/part2/${FULL}x0/task:X1p`,
  "drain of 2": `${HEAP}/part2/${FULL}x0/task:X1X2p`,
};

/** Rows of the document: path, ours, the kernel's, and what for. */
function rows(): string[][] {
  return readFileSync(DOCUMENT, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .map((line) => line.split("|").slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim()));
}

async function count(text: string): Promise<number> {
  const stage = await makeStage(parseScenario(text));
  const locked = new Locked();
  stage.machine.watchers = [...stage.machine.watchers, locked];
  const { finding } = await explore(stage, { ...DEFAULT_EXPLORE, bound: 0, schedules: 1 });
  expect(finding).toBeNull();
  return locked.calls.at(-1) ?? Number.NaN;
}

test.each(Object.entries(PATHS))("%s: as many as the document says", async (path, text) => {
  const row = rows().find(([name]) => name === path);
  expect([path, await count(text)]).toEqual([path, Number(row?.[1])]);
});

test("what is more than the kernel's has its reasons, one for each", () => {
  const counted = rows().filter(([name]) => (name ?? "") in PATHS);
  expect(counted).toHaveLength(Object.keys(PATHS).length);
  for (const [path, ours, kernels, reasons = ""] of counted) {
    const given = reasons.split(",").map((each) => /^(?:(\d+) )?[a-z]/.exec(each.trim()));
    const more = given.reduce((sum, each) => sum + (each === null ? 0 : Number(each[1] ?? 1)), 0);
    expect([path, more]).toEqual([path, Math.max(0, Number(ours) - Number(kernels))]);
  }
});
