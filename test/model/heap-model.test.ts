/**
 * Goal: no sequence of calls makes the heap forget, share or spoil an allocation. Method: random
 * sequences over the whole API, on three CPUs in one thread, in NMIs and in constructors, against
 * a map of live ranges; validate() after each; then everything is freed and must be gone.
 *
 * Every build, and every arm of deferral as the generator picks it. A failure is shrunk and prints
 * the command that replays it.
 */
import fc from "fast-check";
import { createHeap, type HeapOptions } from "slablab";
import { DEFER_ARMS } from "slablab/internal/heap/arms.js";
import { readFieldTable } from "slablab/internal/heap/fields.js";
import { PERCPU_LAYERS } from "slablab/internal/heap/options.js";
import { HeapView } from "slablab/internal/heap/view.js";
import { giveBack } from "slablab/internal/workload/verify/give-back.js";
import { expect, test } from "vitest";
import { isWhole } from "../support/tier.js";
import { runs } from "./commands.js";
import { CPUS, MEMORIES, World } from "./world.js";

const BUILDS = ["release", "stats", "debug", "model"] as const;
type Build = (typeof BUILDS)[number];

/** What a failure prints, and SLABLAB_REPLAY brings back; `runs` to look longer than usual. */
interface Replay {
  readonly seed: number;
  readonly runs?: number;
  readonly path?: string;
  readonly replayPath?: string;
}

const REPLAY = process.env["SLABLAB_REPLAY"];
const replay: Replay = REPLAY === undefined ? { seed: 0x51ab1ab } : JSON.parse(REPLAY);
const RUNS = isWhole ? 100 : 25;
const COMMANDS = 120;
const LIMIT_MS = 6 * 60_000;

async function makeWorld(build: Build, options: HeapOptions = {}): Promise<World> {
  return new World(await createHeap({ build, cpus: CPUS, maxCaches: 32, ...options }));
}

/** Free everything, send every CPU home, and see that nothing is left in use. */
function tearDown(world: World): void {
  const { heap, cpus, live, caches } = world;
  world.reentries.length = 0;
  world.isThrowing = false;
  expect(heap.validate()).toEqual([]);
  world.checkAll();
  const [cpu] = cpus;
  if (cpu === undefined) throw new Error("the model has a CPU");
  while (live.length > 0) {
    const range = world.remove(live.length - 1);
    if (range !== undefined) cpu.kfree(range.pointer);
  }
  for (const cache of caches.values()) {
    const result = world.door(cache, { cpu: 0, depth: 0 }).destroy();
    expect(result, `destroying ${cache.name}`).toEqual({
      released: true,
      remaining: 0,
      objects: [],
      sheaves: 0,
    });
  }
  cpu.exports.defer_free_barrier();
  // The memory of sheaves, which the barns keep, lies in other caches' slabs.
  const { memory, module, base } = heap.handle;
  giveBack(cpu.exports, new HeapView(memory, readFieldTable(module), base ?? 0));
  for (const each of cpus) each.offline();
  const active = heap.slabinfo().map(({ name, active_objs }) => [name, active_objs]);
  expect(active).toEqual(active.map(([name]) => [name, 0]));
  expect(heap.validate()).toEqual([]);
}

/** Throw what fast-check found, with the one command that brings it back. */
function report<T>(details: fc.RunDetails<T>, build: Build): void {
  if (!details.failed) return;
  const message = fc.defaultReportMessage(details) ?? "";
  const replayPath = /replayPath="([^"]*)"/.exec(message)?.[1];
  const found = { seed: details.seed, path: details.counterexamplePath, replayPath };
  throw new Error(
    `${message}\n\nreplay: SLABLAB_REPLAY='${JSON.stringify(found)}' ` +
      `npx vitest run --config .config/vitest.config.ts test/model -t "the build ${build}"`,
    { cause: details.errorInstance },
  );
}

/** Paths that the runs must reach, or they would prove nothing about them. */
const WANTED = [
  ...["ALLOC_REFILL", "ALLOC_FROM_PARTIAL", "ORDER_FALLBACK", "CPU_PARTIAL_ALLOC", "FREE_SLAB"],
  ...["CPU_PARTIAL_NODE", "CPU_PARTIAL_DRAIN", "FREE_REMOVE_PARTIAL", "DEACTIVATE_EMPTY"],
  ...["DEACTIVATE_TO_HEAD", "DEACTIVATE_TO_TAIL", "NOLOCK_NULL", "DEFER_ADD_REMOTE"],
  ...["DEFER_DIRECT_FREE", "DEFER_SLAB", "DEFER_DRAIN_SLOW_FREE", "DEFER_DRAIN_IRQ_WORK"],
];

/** Add what the caches that are left counted; counters of 0 are left out. */
function addCounts(reached: Map<string, number>, { heap }: World): void {
  for (const counters of Object.values(heap.stats())) {
    for (const [counter, perCpu] of Object.entries(counters)) {
      const sum = perCpu.reduce((a, b) => a + b, 0);
      if (sum > 0) reached.set(counter, (reached.get(counter) ?? 0) + sum);
    }
  }
}

test.each(BUILDS)("no sequence of calls breaks the build %s", async (build) => {
  const reached = new Map<string, number>();
  const sequences = runs(COMMANDS, replay.replayPath);
  const property = fc.asyncProperty(
    sequences,
    fc.record({
      defer: fc.constantFrom(...DEFER_ARMS),
      maximumBytes: fc.constantFrom(...MEMORIES),
      nodes: fc.constantFrom(1, 1, 2),
      percpu: fc.constantFrom(...PERCPU_LAYERS),
    }),
    async (commands, options) => {
      const world = await makeWorld(build, options);
      fc.modelRun(() => ({ model: world, real: world }), commands);
      addCounts(reached, world);
      tearDown(world);
    },
  );
  const { seed, path, runs: numRuns = RUNS } = replay;
  // A failure is shrunk for a while, not to the end: it must be reported before the test's own.
  const limits = { numRuns, interruptAfterTimeLimit: LIMIT_MS };
  const details = await fc.check(property, {
    seed,
    ...limits,
    ...(path === undefined ? {} : { path }),
  });
  report(details, build);
  if (build === "stats" && REPLAY === undefined && !details.interrupted) {
    expect(WANTED.filter((counter) => reached.get(counter) === undefined)).toEqual([]);
  }
});

test("the model notices a heap that shares, spoils, shortens or forgets", async () => {
  const where = { cpu: 0, depth: 0 };
  const planted: Readonly<Record<string, (world: World, pointer: number) => void>> = {
    "one range handed out twice": (world, pointer) => world.add(pointer, 64, where),
    "ranges that overlap": (world, pointer) => world.add(pointer + 32, 64, where),
    "a byte that changed": (world, pointer) => {
      world.cpu(where).bytes(pointer, 64)[63] = 255;
      world.checkAll();
    },
    "less than was asked for": (world) => {
      world.add(world.cpu(where).kmalloc(64), 65, where);
    },
    "zeros that are none": (world, pointer) => world.expectZero(pointer, 64),
    "an object that is still in use": (world) => {
      world.cpu(where).kmalloc(64);
      tearDown(world);
    },
  };
  for (const [what, plant] of Object.entries(planted)) {
    const world = await makeWorld("release", { maximumBytes: MEMORIES[1] });
    const pointer = world.cpu(where).kmalloc(64);
    world.add(pointer, 64, where);
    expect(() => plant(world, pointer), what).toThrow();
  }
});
