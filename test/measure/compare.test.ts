/**
 * Goal: the comparison measures what it says on real Workers, writes one document, and stops when
 * it is told to. Method: short runs of the library and of the binary; every heap is validated by
 * the run itself. No time is asserted: these runs are too short to tell arms apart.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import {
  armRow,
  DEFER_ARMS,
  FLOOR_ARM,
  MERGED_ARM,
  RIVAL_ARM,
  VERSION_1_ARM,
} from "slablab/internal/heap/arms.js";
import { compareResults } from "slablab/internal/measure/compare/compare-results.js";
import { runCompare } from "slablab/internal/measure/compare/compare-run.js";
import type { CompareParameters } from "slablab/internal/measure/compare/compare-plan.js";
import { compareReportSchema } from "slablab/internal/report/compare/compare-schema.js";
import * as v from "valibot";
import { expect, test } from "vitest";
import { rows } from "../support/tier.js";
import { PARAMETERS as USUAL } from "../unit/support/compare.js";
import { interruptInTime } from "../unit/support/interrupt.js";

const BINARY = resolve(import.meta.dirname, "../../dist/cli/main.js");

const PARAMETERS: CompareParameters = {
  ...USUAL,
  arms: ["none", "irq-work"],
  shares: [0, 0.1],
  durationMs: 60,
  rounds: 1,
  load: "slow-free",
};

/** Of each slot: work is counted here, not timed. */
const PHASES = 4;

async function compare(changes: Partial<CompareParameters>, phases = PHASES) {
  const parameters = { ...PARAMETERS, ...changes };
  const { signal } = new AbortController();
  // A clock that stands still never runs out of time, however busy the machine is.
  const world = { clock: { nowNs: () => 0 }, cores: 1, phases, signal, onProgress: () => {} };
  return compareResults(parameters, await runCompare(parameters, world), 1);
}

const PER_CACHE_AND_CPU = DEFER_ARMS.filter((arm) => armRow(arm).place === "cpu and cache");
const DEACTIVATE = "percpu-deactivate";
/** Each defers some 256 KiB, and the heap has 16 MiB to spare: three times that. */
const ENOUGH_PHASES = 200;

/** In the ordinary run two loads, on what is usual. */
const RUNS: readonly Partial<CompareParameters>[] = [
  {},
  { arms: DEFER_ARMS.filter((arm) => !PER_CACHE_AND_CPU.includes(arm) && arm !== MERGED_ARM) },
  { arms: [FLOOR_ARM, ...PER_CACHE_AND_CPU], migrate: 0.5 },
  { nolockCpus: 1, burst: 16, sizeBytes: 512 },
  { cpus: 3, sizeBytes: 8 },
  { cpus: 1 },
  { load: null },
  { load: "fifo" },
  { percpu: "sheaf", load: null },
  { percpu: "sheaf", load: "random", arms: DEFER_ARMS.filter((arm) => arm !== DEACTIVATE) },
];

test.each(rows(RUNS, ({ load, ...others }) => load !== null && Object.keys(others).length === 0))(
  "a run with %j has a time for every arm and share, and leaves sound heaps",
  async (changes) => {
    const { arms, findings, verdicts } = await compare(changes);
    expect(findings).toEqual([]);
    expect(verdicts.map(({ arm }) => arm)).toEqual(arms.map(({ name }) => name));
    for (const { slope, bounded } of arms.filter(({ name }) => name !== DEACTIVATE)) {
      expect(bounded).toBe(true);
      for (const { ordinaryFreeNs } of slope) expect(ordinaryFreeNs?.median).toBeGreaterThan(0);
    }
  },
);

test("with sheaves every nolock free has one outcome, at every share and burst", async () => {
  const { sheaves, findings } = await compare({ percpu: "sheaf", load: null });
  expect(findings).toEqual([]);
  expect(sheaves?.byShare.map(({ share }) => share)).toEqual([0.1, 1]);
  expect(sheaves?.byBurst.map(({ burst }) => burst)).toEqual([1, 16, 256]);
  for (const parts of [...(sheaves?.byShare ?? []), ...(sheaves?.byBurst ?? [])]) {
    const { main, spare, barn, slab, deferred } = parts;
    expect(main + spare + barn + slab + deferred).toBeCloseTo(1, 9);
    expect(main).toBeGreaterThan(0);
  }
  // Who does nothing but nolock frees never makes room: what the sheaves do not keep waits.
  expect(sheaves?.byShare.at(-1)?.deferred).toBeGreaterThan(0.1);
});

test("each arm's drain is done by whom it should be", async () => {
  const arms = [FLOOR_ARM, VERSION_1_ARM, RIVAL_ARM, DEACTIVATE, MERGED_ARM] as const;
  const results = await compare({ arms });
  const drainsOf = (name: string) =>
    results.arms.find((arm) => arm.name === name)?.deferred?.drains.byTrigger;
  expect(drainsOf(VERSION_1_ARM)?.slowFree).toBeGreaterThan(0);
  expect(drainsOf(RIVAL_ARM)?.slowFree).toBeGreaterThan(0);
  expect(drainsOf(DEACTIVATE)).toMatchObject({ slowFree: 0, deactivate: 0, irqWork: 0 });
  expect(drainsOf(DEACTIVATE)?.barrier).toBeGreaterThan(0);
  expect(drainsOf(MERGED_ARM)).toMatchObject({ slowFree: 0, barrier: 0 });
  const adds = results.arms
    .filter(({ name }) => name !== FLOOR_ARM)
    .map((arm) => arm.deferred?.adds);
  expect(new Set(adds).size).toBe(1);
});

test("an arm that nobody drains runs out of memory, and has no times", async () => {
  const arms = ["none", "percpu-deactivate"] as const;
  // Everything this CPU frees is deferred, and no list is emptied: that uses up any heap. As many
  // phases as fit a time are few on a busy machine, and the heap of this arm held them once.
  const results = await compare({ arms, load: "random", nolockCpus: 1 }, ENOUGH_PHASES);
  const [none, arm] = results.arms;
  expect(none?.bounded).toBe(true);
  expect(arm).toMatchObject({ bounded: false, ordinaryFreeNs: null, systemNs: null });
  expect(results.verdicts[1]?.sentence).toContain("ran out of memory");
  expect(results.findings).toEqual([]);
});

test("--json prints exactly one document that its schema accepts", async () => {
  const args = ["--arms", "irq-work", "--shares", "0,0.1", "--duration", "60ms", "--seed", "7"];
  const child = spawn(process.execPath, [BINARY, "compare", "--json", ...args]);
  const text = await textOf(child.stdout);
  const document = v.parse(compareReportSchema, JSON.parse(text));
  expect(document).toMatchObject({ schema: "slablab/compare/v1", seed: 7 });
  expect(document.parameters).toMatchObject({ cpus: 2, shares: [0, 0.1], durationMs: 60 });
  expect(document.results.arms.map(({ name }) => name)).toEqual(["none", "irq-work"]);
});

test("Ctrl-C ends with status 130 and what was measured so far", async () => {
  const { status, text } = await interruptInTime(async (waitMs) => {
    const child = spawn(process.execPath, [BINARY, "compare", "--json", "--duration", "2m"]);
    const ended = once(child, "exit");
    const text = textOf(child.stdout);
    setTimeout(() => child.kill("SIGINT"), waitMs);
    const [status] = await ended;
    return { status, text: await text };
  });
  expect(status).toBe(130);
  const { results } = v.parse(compareReportSchema, JSON.parse(text));
  expect(results.interrupted).toBe(true);
});

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += chunk;
  return text;
}
