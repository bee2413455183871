/**
 * Goal: no sequence of calls makes the heap forget, share or spoil an allocation. Method: random
 * sequences over the whole API, on three CPUs in one thread, in NMIs and in constructors, against
 * a map of live ranges; validate() after each; then everything is freed and must be gone.
 *
 * Every build, and every arm of deferral as the generator picks it. A failure is shrunk and prints
 * the command that replays it.
 */
import fc from "fast-check";
import { createHeap } from "slablab";
import { DEFER_ARMS, type DeferArm } from "slablab/internal/heap/constants.js";
import { expect, test } from "vitest";
import { runs } from "./commands.js";
import { MAXIMUM_BYTES, type World, CPUS, World as Model } from "./world.js";

const BUILDS = ["release", "stats", "debug", "model"] as const;
type Build = (typeof BUILDS)[number];

/** What a failure prints, and SLABLAB_REPLAY brings back. */
interface Replay {
  readonly seed: number;
  readonly path?: string;
  readonly replayPath?: string;
}

const REPLAY = process.env["SLABLAB_REPLAY"];
const replay: Replay = REPLAY === undefined ? { seed: 0x51ab1ab } : JSON.parse(REPLAY);
const RUNS = 60;
const COMMANDS = 120;

async function makeWorld(build: Build, defer: DeferArm): Promise<World> {
  const heap = await createHeap({
    build,
    defer,
    cpus: CPUS,
    maximumBytes: MAXIMUM_BYTES,
    maxCaches: 32,
  });
  return new Model(heap, defer);
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
    });
  }
  cpu.exports.defer_free_barrier();
  for (const each of cpus) each.offline();
  const active = heap.slabinfo().map(({ name, active_objs }) => [name, active_objs]);
  expect(active).toEqual(active.map(([name]) => [name, 0]));
  expect(heap.validate()).toEqual([]);
}

/** Throw what fast-check found, with the one command that brings it back. */
function report(details: fc.RunDetails<[Iterable<unknown>, DeferArm]>, build: Build): void {
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

test.each(BUILDS)("no sequence of calls breaks the build %s", async (build) => {
  const sequences = runs(COMMANDS, replay.replayPath);
  const property = fc.asyncProperty(
    sequences,
    fc.constantFrom(...DEFER_ARMS),
    async (commands, arm) => {
      const world = await makeWorld(build, arm);
      fc.modelRun(() => ({ model: world, real: world }), commands);
      tearDown(world);
    },
  );
  const { seed, path } = replay;
  const parameters = { numRuns: RUNS, seed, ...(path === undefined ? {} : { path }) };
  report(await fc.check(property, parameters), build);
}, 60_000);
