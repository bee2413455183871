/**
 * Goal: `explore --migrations` finds what does not survive a move where the design has one, and
 * nothing else.
 *
 * Method: which accesses are offered, against the sources; small scenarios of each kind, which find
 * nothing; the model build with a cmpxchg that does not look at the tid, which only a move shows.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import binaryen from "binaryen";
import { loadMachineModule, makeMachineModule } from "slablab/internal/machine/core/module.js";
import { DEFAULT_EXPLORE, type ExploreOptions, explore } from "slablab/internal/machine/explore.js";
import { instrument } from "slablab/internal/machine/instrument/instrument.js";
import { whyNoMoves } from "slablab/internal/machine/moves.js";
import { replay } from "slablab/internal/machine/replay.js";
import { parseSchedule } from "slablab/internal/machine/schedule.js";
import { SCENARIOS } from "slablab/internal/machine/scenarios/named.js";
import { parseScenario } from "slablab/internal/machine/scenarios/scenario.js";
import { makeStage, stageOf } from "slablab/internal/machine/scenarios/stage.js";
import { describe, expect, test } from "vitest";
import { slablabHere } from "../unit/support/command.js";
import { someRows } from "../support/tier.js";

const ROOT = resolve(import.meta.dirname, "../..");
const LAYOUT = "slablab.layout";
const MOVED = { ...DEFAULT_EXPLORE, migrations: 1, durationMs: 1e9 } as const;
const DFS: ExploreOptions = { ...MOVED, bound: 1, schedules: 150 };
const RANDOM: ExploreOptions = { ...MOVED, policy: "random", schedules: 60, seed: 7 };

/** One of each kind: pairs of objects, slabs, lists, memory, deferral, bulk, groups, nodes, RT. */
const KINDS = [
  ...["realloc-pair", "single-object", "one-slab-irq-work", "refill-irq-work", "out-of-memory"],
  ...[
    "nocmpxchg",
    "bulk-pair",
    "nodes-pair",
    "memcg-pair",
    "rt-pair",
    "sleepers",
    "shrink-irq-work",
  ],
  ...[
    "nmi-aba-irq-work",
    "remote-free-irq-work",
    "defer-drain-irq-work",
    "pair-nmi-percpu-deactivate",
  ],
];
const TEXTS: readonly (readonly [string, string])[] = [
  ["fast paths of kmalloc() and kfree()", "model/64/irq-work/cpus2/setup:k0k1/task:k2f2/task:k3f1"],
  ["two CPUs that share nothing", "model/64/irq-work/cpus2/setup:k0k1/task0:k2f2/task1:k3f3"],
  ["a free of what may be anything", "model/64/irq-work/cpus2/setup:k0k1/task:j0k2/task:k3f1"],
];
const ALL = [...TEXTS, ...KINDS.map((name) => [name, named(name)] as const)];

function named(name: string): string {
  const found = SCENARIOS.find((each) => each.name === name);
  if (found === undefined) throw new Error(`expected a scenario called ${name}, got none`);
  return found.text;
}

test("offered from the load of a CPU's list to its cmpxchg, in the model build", async () => {
  const { table } = await loadMachineModule("model");
  const fast = table.sites.filter(({ survivesMove }) => survivesMove);
  const firsts = fast.filter((site, at) => site.function !== fast[at - 1]?.function);
  expect(
    new Set(firsts.map(({ kind, width, place }) => `${place?.function} ${kind} ${width}`)),
  ).toEqual(
    new Set([
      ...["try_pop", "try_push", "try_push_checked"].map((name) => `${name} load 8`),
      ...["alloc_from_cpu_freelist", "free_to_cpu_slab"].map((name) => `${name} load 8`),
      "cmpxchg_double cmpxchg 8",
    ]),
  );
  const names = fast.map(({ place }) => place?.function);
  expect(names.filter((name) => /slow|locked|stat|context/.test(name ?? ""))).toEqual([]);
  const release = await loadMachineModule("release");
  expect(release.table.sites.some(({ survivesMove }) => survivesMove)).toBe(false);
});

describe.each(someRows(ALL, 5))("%s", (_, text) => {
  test.each([DFS, RANDOM])("moves find nothing, with %o", async (options) => {
    const stage = await makeStage(parseScenario(text));
    expect(whyNoMoves(stage, 0)).toBeNull();
    expect((await explore(stage, options)).finding).toBeNull();
  });
});

/** The model build whose this_cpu cmpxchg compares the list alone. */
async function withoutTid() {
  const text = readFileSync(resolve(ROOT, "build/model.wat"), "utf8");
  const list = "i64.const 0xffffffff i64.and";
  const tid = "i64.const 0xffffffff00000000 i64.and";
  const word = "global.get $assembly/sync/percpu/this_cpu local.get $0 i32.add i64.load";
  const broken = text.replace(
    /(\(func \$assembly\/sync\/percpu\/this_cpu_cmpxchg_double [\s\S]*?i32\.add)[\s\S]*?i64\.eq\n/,
    (_, head) =>
      `${head} local.get $1 ${list} ${word} ${tid} i64.or local.get $2 i64.atomic.rmw.cmpxchg ` +
      `local.get $1 i64.xor ${list} i64.eqz\n`,
  );
  expect(broken).not.toBe(text);
  const module = binaryen.parseText(broken);
  module.setFeatures(binaryen.Features.All);
  // Custom sections are no part of the text.
  const whole = await WebAssembly.compile(readFileSync(resolve(ROOT, "build/model.wasm")));
  const [fields] = WebAssembly.Module.customSections(whole, LAYOUT);
  module.addCustomSection(LAYOUT, new Uint8Array(fields as ArrayBuffer));
  binaryen.setDebugInfo(true);
  const { wasm, table } = await instrument(module.emitBinary(), { optimizeLevel: 0 });
  return makeMachineModule(Uint8Array.from(wasm), table);
}

test("a cmpxchg that does not look at the tid is found, and only by a move", async () => {
  const module = await withoutTid();
  const scenario = parseScenario("model/16000/irq-work/cpus2/setup:c0c1/task:x1");
  const search = (options: Partial<ExploreOptions>) =>
    explore(stageOf(scenario, module), { ...DFS, ...options });
  expect(await search({ migrations: 0 })).toMatchObject({ complete: true, finding: null });
  const { finding } = await search({});
  expect(finding).toMatchObject({ kind: "census" });
});

test("a schedule with a move in a slow path is replayed, whatever is offered now", async () => {
  const text = "model/64/irq-work/cpus2/setup:k0k1/task0:k2f2/task1:k3f3";
  const stage = await makeStage(parseScenario(text));
  const { finding } = await explore(stage, { ...DFS, movesAnywhere: true, schedules: 1e4 });
  if (finding === null) throw new Error("expected a finding, got none");
  const { finding: again } = await replay(parseSchedule(finding.schedule));
  expect(again).toMatchObject({ kind: finding.kind, schedule: finding.schedule });
});

test.each([
  ["release-pair", "got release; try the same scenario with model"],
  ["death-slabs-irq-work", "expected no deaths beside it"],
  ["offline-pair", "got one with cpu_"],
  ["rcu-reader", "got one with rcu_read_lock()"],
])("%s --migrations 1: status 2 and a sentence", async (scenario, sentence) => {
  const command = ["explore", scenario, "--migrations", "1", "--schedules", "1"];
  const { status, stderr } = await slablabHere(...command);
  expect(stderr).toMatch(/--migrations: expected /);
  expect(stderr).toContain(sentence);
  expect(status).toBe(2);
});
