/**
 * Explore one scenario under one policy, and say exactly what that proved.
 *
 * With learned conflicts the first rounds only learn: complete means that a whole round of the
 * depth-first search ended without learning anything.
 */
import { type Bounds, DEFAULT_BOUNDS } from "./core/bounds.js";
import type { FoundHere } from "./core/watcher.js";
import type { LossCounts } from "./judges/losses.js";
import { DepthFirst } from "./policies/dfs.js";
import { Pct } from "./policies/pct.js";
import { Eager } from "./policies/eager.js";
import type { Policy } from "./policies/policy.js";
import { Random } from "./policies/random-source.js";
import { UniformRandom } from "./policies/uniform-random.js";
import type { Deviation } from "./policies/replay-policy.js";
import { RoundRobin } from "./policies/round-robin.js";
import { whyNoMoves } from "./moves.js";
import { formatSchedule } from "./schedule.js";
import { sharesCpus, sharesSlots } from "./scenarios/scenario.js";
import type { Stage } from "./scenarios/stage.js";

export const POLICIES = ["dfs", "pct", "random", "round-robin"] as const;
export type PolicyName = (typeof POLICIES)[number];

export interface ExploreOptions {
  readonly policy: PolicyName;
  /** Preemptions in a schedule, for `dfs`; null: any number. */
  readonly bound: number | null;
  /** NMIs on each task, and how deep they nest. */
  readonly nmi: number;
  readonly nmiDepth: number;
  /** Only NMIs that interrupt the one before them. */
  readonly nmiNests: boolean;
  /**
   * Times that tasks may be moved to other CPUs, in the middle of fast paths (moves.ts says in
   * which scenarios); without learned conflicts.
   */
  readonly migrations: number;
  /** Moves also where the design does not have them: in the slow paths, which lose by it. */
  readonly movesAnywhere: boolean;
  /** Tasks that may die, each before any access: those that a scenario reaps, else any. */
  readonly deaths: number;
  /** Offer a choice only before accesses that may conflict. */
  readonly learns: boolean;
  readonly sleepSets: boolean;
  /** Choices only in functions whose names match: a search that is directed at something. */
  readonly only: RegExp | null;
  /** Depth of `pct`. */
  readonly depth: number;
  readonly seed: number;
  /** Schedules after which a search ends, complete or not. */
  readonly schedules: number;
  /** Milliseconds after which it does. */
  readonly durationMs: number;
  readonly signal?: AbortSignal | undefined;
}

export const DEFAULT_EXPLORE: ExploreOptions = {
  ...{ policy: "dfs", bound: 2, nmi: 0, nmiDepth: 1, nmiNests: false, migrations: 0, deaths: 0 },
  learns: true,
  movesAnywhere: false,
  sleepSets: false,
  only: null,
  ...{ depth: 3, seed: 1, schedules: 1e7, durationMs: 60_000 },
};

export interface ExploreFinding extends FoundHere {
  /** The function it was in. */
  readonly function: string;
  /** The line of the source that the access comes from, as `file:line`; "" if nobody knows. */
  readonly source: string;
  readonly deviations: readonly Deviation[];
  /** The string that replays it. */
  readonly schedule: string;
}

export interface ExploreResult {
  /** Schedules that ran to their ends, those of rounds that only learned included. */
  readonly schedules: number;
  /** Those of the round that was complete. */
  readonly lastRound: number;
  readonly complete: boolean;
  /** For `pct`: how likely a bug of its depth was missed, at most; else null. */
  readonly missProbability: number | null;
  readonly accesses: number;
  readonly switches: number;
  /** Different memories at the ends of schedules. */
  readonly states: number;
  /** Tasks that died in all schedules. */
  readonly deaths: number;
  /** Objects lost to deaths, in the ends that were judged, by reason. */
  readonly losses: LossCounts;
  /** The most accesses of its own that a nolock call needed. */
  readonly nolockSteps: number;
  readonly finding: ExploreFinding | null;
  readonly seconds: number;
}

/** Schedules between two looks at the clock. */
const BATCH = 64;

export async function explore(stage: Stage, options: ExploreOptions): Promise<ExploreResult> {
  const { machine } = stage;
  const asked = boundsOf(options);
  const isMoved = options.movesAnywhere || whyNoMoves(stage, options.deaths) === null;
  const bounds = {
    ...asked,
    migrations: isMoved ? asked.migrations : 0,
    spinsEnd: stage.scenario.sleepy,
    timeouts: stage.scenario.flags.has("timeouts"),
    learns: asked.learns && !sharesSlots(stage.scenario) && !sharesCpus(stage.scenario),
  };
  const begun = performance.now();
  const deadline = begun + options.durationMs;
  const before = { accesses: machine.accesses, switches: machine.switches };
  const search = new Search(stage, bounds);
  let complete = false;
  let policy: Policy = new Eager();
  // What handlers touch is known once each has run.
  await search.round(policy, { ...options, schedules: 1 }, deadline, { learns: false });
  while (search.finding === null) {
    machine.conflicts.beginRound();
    policy = makePolicy(options, stage);
    search.lastRound = 0;
    const ended = await search.round(policy, options, deadline);
    complete = ended && options.policy === "dfs";
    if (!ended || !usesConflicts(bounds) || !machine.conflicts.grew) break;
  }
  return {
    schedules: search.schedules,
    lastRound: search.lastRound,
    complete: complete && search.finding === null,
    missProbability: policy instanceof Pct ? policy.missProbability(search.schedules) : null,
    accesses: machine.accesses - before.accesses,
    switches: machine.switches - before.switches,
    states: stage.quiescence.states,
    deaths: stage.losses.deaths,
    losses: stage.losses.counts,
    nolockSteps: stage.nolock.longest,
    finding: search.finding,
    seconds: (performance.now() - begun) / 1000,
  };
}

/** Whether what conflicts says where something is offered. Deaths do without. */
function usesConflicts({ learns, preemptions, handlers }: Bounds): boolean {
  return learns && (preemptions > 0 || handlers > 0);
}

export function boundsOf(options: ExploreOptions): Bounds {
  const { policy, bound, nmi, nmiDepth, nmiNests, migrations, deaths, learns } = options;
  const { sleepSets, only, movesAnywhere } = options;
  const isDfs = policy === "dfs";
  return {
    ...DEFAULT_BOUNDS,
    preemptions: !isDfs || bound === null ? Number.POSITIVE_INFINITY : bound,
    handlers: nmi,
    handlerDepth: nmiDepth,
    handlersNest: nmiNests,
    migrations,
    movesAnywhere,
    deaths,
    only,
    learns: learns && isDfs && !sleepSets && migrations === 0,
  };
}

function makePolicy(options: ExploreOptions, stage: Stage): Policy {
  const { policy, schedules: runs, seed, depth, sleepSets, bound, deaths } = options;
  const random = new Random(seed);
  const fibres = stage.tasks.length;
  switch (policy) {
    case "dfs":
      // Pruning what commutes changes how many preemptions the rest needs: not with a bound.
      return new DepthFirst({ sleepSets: sleepSets && bound === null && deaths === 0 });
    case "pct":
      return new Pct(random, { depth, runs, fibres });
    case "random":
      return new UniformRandom(random, runs);
    default:
      return new RoundRobin();
  }
}

class Search {
  schedules = 0;
  lastRound = 0;
  finding: ExploreFinding | null = null;
  readonly #stage: Stage;
  readonly #bounds: Bounds;

  constructor(stage: Stage, bounds: Bounds) {
    this.#stage = stage;
    this.#bounds = bounds;
  }

  /** Schedules until the policy has no more. @returns false if something ended it before */
  async round(
    policy: Policy,
    options: ExploreOptions,
    deadline: number,
    changed: Partial<Bounds> = {},
  ): Promise<boolean> {
    const bounds = { ...this.#bounds, ...changed };
    for (;;) {
      for (let count = 0; count < BATCH; count++) {
        this.#one(policy, bounds);
        if (this.finding !== null || !policy.end()) return true;
        if (this.lastRound >= options.schedules) return false;
      }
      if (performance.now() > deadline || options.signal?.aborted === true) return false;
      // Lets a signal and the progress line through.
      await new Promise<void>((done) => setImmediate(done));
    }
  }

  #one(policy: Policy, bounds: Bounds): void {
    const { machine, tasks, quiescence } = this.#stage;
    machine.run(tasks, policy, bounds);
    if (machine.found === null && !machine.wasPruned) quiescence.judge();
    if (!machine.wasPruned) {
      this.schedules++;
      this.lastRound++;
    }
    if (machine.found !== null) this.finding = describe(this.#stage, machine.found);
    machine.restore();
  }
}

/** A finding with what replays it. */
export function describe({ machine, scenario }: Stage, found: FoundHere): ExploreFinding {
  const { table } = machine.module;
  const { deviations } = machine;
  const schedule = formatSchedule({ build: table.build, scenario, deviations });
  const site = table.sites[found.site];
  const { function: name = "", place = null } = site ?? {};
  const source = place === null ? "" : `${place.file}:${place.line}`;
  return { ...found, function: name, source, deviations, schedule };
}
