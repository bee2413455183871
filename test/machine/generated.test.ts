/**
 * Goal: generated programs are what they say: every reachable state of a tiny heap, every program
 * once, the same number everywhere. Method: the model of states is held against the compiled
 * allocator, state by state and step by step; programs are looked at one by one and against
 * numbers that are written down; and some of them are explored.
 */
import { walkFreelist } from "slablab/internal/heap/walk.js";
import { Coverage } from "slablab/internal/machine/coverage.js";
import { Conflicts } from "slablab/internal/machine/core/conflicts.js";
import { loadMachineModule } from "slablab/internal/machine/core/module.js";
import { runFamily } from "slablab/internal/machine/generated-run.js";
import { replay } from "slablab/internal/machine/replay.js";
import { formatSchedule } from "slablab/internal/machine/schedule.js";
import {
  FAMILIES,
  TINY_HEAPS,
  findProgram,
  programsOf,
} from "slablab/internal/machine/scenarios/generated.js";
import { Permutation } from "slablab/internal/machine/scenarios/permutation.js";
import type { Step } from "slablab/internal/machine/scenarios/letters.js";
import { parseScenario } from "slablab/internal/machine/scenarios/scenario.js";
import { type TinyHeap, smallStates } from "slablab/internal/machine/scenarios/small-states.js";
import { makeStage } from "slablab/internal/machine/scenarios/stage.js";
import { describe, expect, test } from "vitest";
import { isDeep, isNight, isWhole, someRows } from "../support/tier.js";

/** The steps of a setup. */
const programOf = (text: string) => parseScenario(text).setup.flatMap(({ program }) => program);

/** Where the slabs of the heap are after a setup, in the words of the model. */
async function signatureOf(heap: TinyHeap, setup: string): Promise<string> {
  const words = `model/${heap.bytes}/irq-work/part${heap.cpuPartial}`;
  const { view } = await makeStage(parseScenario(`${words}/setup:${setup}/task:p`));
  view.refresh();
  const isOwn = heap.kind === "c";
  const cache = [...view.caches()].find(
    (each) => each.object_size === heap.bytes && (each.name === "own") === isOwn,
  );
  if (cache === undefined) throw new Error("expected the cache of the scenario, got none");
  const cpu = view.cpuCache(0, cache.index);
  const listFrom = (first: number) => {
    const slabs: number[] = [];
    for (let at = first; at !== 0; at = view.page(view.pfnOf(at)).next) slabs.push(at);
    return slabs;
  };
  const partial = listFrom(cpu.partial);
  const node = listFrom(view.node(cache.index, 0).partial);
  const places = [...view.slabs(cache.address)].map((slab) => {
    const free = (first: number) => walkFreelist(view, cache, slab, first).items.length;
    if (slab.address === cpu.slab) return `cpu:${free(cpu.freelist)}`;
    const at = partial.indexOf(slab.address);
    if (at >= 0) return `partial${at}:${free(slab.freelist)}`;
    const behind = node.indexOf(slab.address);
    return behind >= 0 ? `node${behind}:${free(slab.freelist)}` : "full";
  });
  return places.sort().join(" ");
}

/** Every setup that is one call longer. */
function longer({ kind }: TinyHeap, setup: string): string[] {
  const live = new Set<number>();
  let next = 0;
  for (const { letter, slot } of programOf(`setup:${setup}`)) {
    if (letter === kind) live.add(slot);
    else live.delete(slot);
    next = Math.max(next, slot + 1);
  }
  const free = kind === "c" ? "x" : "f";
  return [`${setup}${kind}${next}`, ...[...live].map((slot) => `${setup}${free}${slot}`)];
}

describe.each(TINY_HEAPS)("the heap $kind $bytes, $cpuPartial partial", (heap) => {
  const states = smallStates(heap);

  test("each state is the one that its setup leads to", async () => {
    const looked = isWhole ? states : someRows(states, Math.min(8, states.length));
    for (const { setup, signature } of looked) {
      expect(await signatureOf(heap, setup), setup).toBe(signature);
    }
  });
});

test.each(someRows(TINY_HEAPS.slice(0, 2), 1))(
  "no call leads out of the states: $cpuPartial",
  async (heap) => {
    const states = smallStates(heap);
    const known = new Set(states.map(({ signature }) => signature));
    const tooMany = (signature: string) => signature.split(" ").length > heap.slabs;
    for (const { setup } of states) {
      for (const step of longer(heap, setup)) {
        const signature = await signatureOf(heap, step);
        expect(known.has(signature) || tooMany(signature), step).toBe(true);
      }
    }
  },
);

test("the numbering: what a name means may change only together with this test", () => {
  expect(FAMILIES.map((family) => [family, programsOf(family).count])).toEqual([
    ["one-pairs", 203_004],
    ["one-triples", 2_778_388],
    ["two-pairs", 570_572],
    ["two-triples", 13_803_808],
    ["two-nmi", 817_292],
    ["three", 10_333_524],
  ]);
  const at = (name: string) => findProgram(name)?.text;
  expect(at("one-pairs-101502")).toBe("model/10000/irq-work/nocmpxchg/setup:c0x0/task:b/nmi:C1");
  expect(at("two-triples-6901904")).toBe(
    "model/16000/percpu-deactivate/part0/setup:c0c1c2c3c4x0x4X2/task:r1w/task:C5",
  );
  expect(at("three-0")).toBe("model/16000/irq-work/task:c0/task:c1/task:c2");
  expect(findProgram("three-10333524")).toBeNull();
  expect(findProgram("four-1")).toBeNull();
});

test.each(FAMILIES)("%s: every free has an object, and nobody frees another's", (family) => {
  const programs = programsOf(family);
  for (let at = 0; at < programs.count; at += Math.ceil(programs.count / (isWhole ? 300 : 60))) {
    const { text } = programs.at(at);
    const { setup, tasks, handler } = parseScenario(text);
    const live = new Set<number>();
    const run = (steps: readonly Step[], mine: Set<number>) => {
      for (const { letter, slot } of steps) {
        if ("cCkKzl".includes(letter)) mine.add(slot);
        else if (slot >= 0) expect(mine.delete(slot) || live.delete(slot), text).toBe(true);
      }
    };
    run(
      setup.flatMap(({ program }) => program),
      live,
    );
    for (const { program } of [...tasks, { program: handler }]) run(program, new Set());
  }
});

test("a block has no program twice", () => {
  const programs = programsOf("one-pairs");
  const texts = Array.from({ length: isWhole ? 5000 : 1000 }, (_, at) => programs.at(at).text);
  expect(new Set(texts).size).toBe(texts.length);
});

test.each([1, 2, 7, 64, 1000, 4097])("an order of %i numbers has each once", (count) => {
  const order = new Permutation(count, 5);
  const all = Array.from({ length: count }, (_, at) => order.at(at));
  expect(all.toSorted((a, b) => a - b)).toEqual([...all.keys()]);
});

test("another seed is another order", () => {
  const first = (seed: number) => {
    const order = new Permutation(100_000, seed);
    return Array.from({ length: 8 }, (_, at) => order.at(at));
  };
  expect(first(1)).toEqual(first(1));
  expect(first(1)).not.toEqual(first(2));
});

/** So many of each family, each for so long, and all for so long. */
const [PROGRAMS, PROGRAM_MS, FAMILY_MS] = isDeep
  ? [500, 5000, isNight ? 100_000 : 40_000]
  : [2, 500, Number.POSITIVE_INFINITY];

test.each(FAMILIES)("%s: a few programs are explored, and hold", async (family) => {
  const { table } = await loadMachineModule("model");
  const result = await runFamily({
    ...{ family, programs: PROGRAMS, seed: 2, shard: null },
    ...{ programMs: PROGRAM_MS, budgetMs: FAMILY_MS },
    coverage: new Coverage(table),
  });
  expect(result.run).toBeGreaterThan(0);
  expect(result.findings).toEqual([]);
});

test("a switch before a fill matters if another touches any of its words", () => {
  const conflicts = new Conflicts(64);
  conflicts.note(12, 1, false, false);
  conflicts.noteRange(8, 16, 0, false, true);
  expect(conflicts.grew).toBe(true);
  conflicts.beginRound();
  expect(conflicts.mattersToOthers(8, 0)).toBe(true);
  expect(conflicts.mattersToOthers(12, 1)).toBe(true);
  expect(conflicts.mattersToOthers(9, 0)).toBe(false);
});

test("two fills that wait for each other are not taken for one", async () => {
  const { table } = await loadMachineModule("model");
  const heap = "model/8192/irq-work/nocmpxchg";
  const text = `${heap}/setup:k0k1k2k3k4f0f1F2/task:z5/task:l6/task:z7`;
  const scenario = parseScenario(text);
  // Three CPUs in turn: one stands before its fill while another makes its own.
  const deviations = [
    { at: 0, code: 1 },
    { at: 112, code: 2 },
  ];
  const schedule = { build: table.build, scenario, deviations };
  expect(formatSchedule(schedule)).toContain("0S1-34S2");
  expect((await replay(schedule)).finding).toBeNull();
});
