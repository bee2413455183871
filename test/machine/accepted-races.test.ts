/**
 * Goal: a race is accepted for its field and its two places only, and only if a task was moved.
 * Method: races between sites of the allocator as it is, at addresses of a heap as it is.
 */
import type { Machine } from "slablab/internal/machine/core/machine.js";
import { acceptRaces } from "slablab/internal/machine/judges/accepted-races.js";
import type { Race } from "slablab/internal/machine/judges/races.js";
import type { SiteKind } from "slablab/internal/machine/instrument/sites.js";
import { MIGRATE, choice } from "slablab/internal/machine/policies/policy.js";
import { parseScenario } from "slablab/internal/machine/scenarios/scenario.js";
import { type Stage, makeStage } from "slablab/internal/machine/scenarios/stage.js";
import { DEFAULT_EXPLORE, explore } from "slablab/internal/machine/explore.js";
import { beforeAll, expect, test } from "vitest";

const USER = -1;
let stage: Stage;
let link = 0;
let word = 0;

beforeAll(async () => {
  stage = await makeStage(parseScenario("model/64/irq-work/cpus2/setup:k0k1f1/task:k2/task:k3"));
  const { machine, view } = stage;
  const cache = [...view.caches()].find(({ name }) => name === "kmalloc-64");
  if (cache === undefined) throw new Error("expected kmalloc-64, got none");
  link = ((machine.slots[0] ?? 0) >>> 0) + cache.offset;
  word = view.cpuCache(0, cache.index).address;
});

function site(kind: SiteKind, from: string, inside = /./): number {
  const { sites } = stage.machine.module.table;
  const found = sites.findIndex(
    (each) => each.kind === kind && each.place?.function === from && inside.test(each.function),
  );
  if (found < 0) throw new Error(`expected a ${kind} of ${from}, got none`);
  return found;
}

function isAccepted(race: Race, moved = true): boolean {
  const { module } = stage.machine;
  const deviations = moved ? [{ at: 1, code: choice(0, MIGRATE) }] : [];
  return acceptRaces({ module, deviations } as unknown as Machine, stage.view)(race);
}

test("a pop that reads the link of what is a user's by now: in either order, there only", () => {
  const pop = site("load", "get_freepointer");
  expect(isAccepted({ site: pop, other: USER, address: link })).toBe(true);
  expect(isAccepted({ site: USER, other: pop, address: link })).toBe(true);
  expect(isAccepted({ site: pop, other: USER, address: link + 4 })).toBe(false);
  expect(isAccepted({ site: pop, other: USER, address: word })).toBe(false);
});

test("the word of the CPU that a task was on: read by a fast path, and nowhere else", () => {
  const swap = site("cmpxchg", "cmpxchg_double");
  const lists = ["alloc_from_cpu_freelist", "free_to_cpu_slab"];
  for (const from of ["try_pop", "try_push", "try_push_checked", ...lists]) {
    const read = site("load", from);
    expect(isAccepted({ site: swap, other: read, address: word })).toBe(true);
    expect(isAccepted({ site: swap, other: read, address: word + 8 })).toBe(false);
  }
  const slow = site("load", "load_freelist");
  expect(isAccepted({ site: swap, other: slow, address: word })).toBe(false);
});

test("the same words, changed inside a section: read by a fast path, and nowhere else", () => {
  const change = site("store", "load_freelist");
  expect(isAccepted({ site: site("load", "try_pop"), other: change, address: word })).toBe(true);
  expect(isAccepted({ site: site("load", "load_freelist"), other: change, address: word })).toBe(
    false,
  );
});

test("no task was moved: no race is accepted", () => {
  const pop = site("load", "get_freepointer");
  expect(isAccepted({ site: pop, other: USER, address: link }, false)).toBe(false);
});

test("a node's count of partial slabs: asked without its lock, by who is about to allocate", () => {
  const { view } = stage;
  const { address } = view.node(1, 0);
  const count = address + view.table.offsets.kmem_cache_node.nr_partial;
  const ask = site("atomicLoad", "read_once", /\/get_partial_node$/);
  const change = site("store", "add_partial", /\/add_partial$/);
  expect(isAccepted({ site: ask, other: change, address: count }, false)).toBe(true);
  expect(isAccepted({ site: ask, other: change, address: count + 4 }, false)).toBe(false);
  const other = site("atomicLoad", "read_once", /\/free_to_slab$/);
  expect(isAccepted({ site: other, other: change, address: count }, false)).toBe(false);
});

test("a CPU's count of drains: asked by who waits for them, in builds that store it", async () => {
  const text = "release/16000/irq-work/min2/part2/setup:c0c1c2c3c4c5/task:x0X1p/task:b";
  const { finding } = await explore(await makeStage(parseScenario(text)), DEFAULT_EXPLORE);
  expect(finding).toBeNull();
});

test("what a slow path does when it is moved is no part of the design, and found", async () => {
  const text = "model/64/irq-work/cpus2/setup:k0k1/task0:k2f2/task1:k3f3";
  const moving = await makeStage(parseScenario(text));
  const search = { policy: "random", schedules: 400, seed: 2 } as const;
  const options = { ...search, migrations: 2, movesAnywhere: true };
  const { finding } = await explore(moving, { ...DEFAULT_EXPLORE, ...options });
  expect(finding).not.toBeNull();
  const fastOnly = { ...options, movesAnywhere: false };
  const { finding: none } = await explore(moving, { ...DEFAULT_EXPLORE, ...fastOnly });
  expect(none).toBeNull();
});
