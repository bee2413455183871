/** Runs programs of a family, in an order that the seed names, as far as time goes. */
import type { Coverage } from "./coverage.js";
import { DEFAULT_EXPLORE, type ExploreFinding, type ExploreResult, explore } from "./explore.js";
import { type FamilyName, type GeneratedProgram, programsOf } from "./scenarios/generated.js";
import { Permutation } from "./scenarios/permutation.js";
import { parseScenario } from "./scenarios/scenario.js";
import { makeStage } from "./scenarios/stage.js";
import { type Shard, shareOf } from "./shard.js";
import { shrink } from "./shrink.js";

export interface FamilyResult {
  readonly family: FamilyName;
  readonly about: string;
  readonly policy: string;
  /** The most preemptions that were asked for; NMIs on each task, and how deep they nest. */
  readonly bound: number;
  readonly nmi: number;
  readonly nmiDepth: number;
  /** Programs of the family, of the campaign, of this shard of it, and those that were run. */
  readonly total: number;
  readonly planned: number;
  readonly share: number;
  readonly run: number;
  /** How many were explored completely within each bound on preemptions; none by `pct`. */
  readonly complete: readonly { readonly bound: number; readonly programs: number }[];
  /** Those that were run and not explored completely within the last bound. */
  readonly incomplete: readonly string[];
  readonly schedules: number;
  readonly accesses: number;
  readonly states: number;
  readonly nolockSteps: number;
  /** `pct`: the worst of all programs. */
  readonly missProbability: number | null;
  readonly findings: readonly { readonly name: string; readonly finding: ExploreFinding }[];
  readonly seconds: number;
}

export interface FamilyRun {
  readonly family: FamilyName;
  /** The first so many in the seed's order; null: all. */
  readonly programs: number | null;
  readonly seed: number;
  readonly shard: Shard | null;
  /** Milliseconds for a program, and for all together. */
  readonly programMs: number;
  readonly budgetMs: number;
  readonly coverage: Coverage;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((run: number, share: number, name: string) => void) | undefined;
}

/** Findings that are made small: the others are most likely the same. */
const SHRUNK_MAX = 3;

export async function runFamily(order: FamilyRun): Promise<FamilyResult> {
  const begun = performance.now();
  const programs = programsOf(order.family);
  const { about, options, bounds } = programs.family;
  const { shard, seed, signal } = order;
  const total = programs.count;
  const planned = Math.min(order.programs ?? total, total);
  const share = shareOf(planned, shard);
  const places = new Permutation(total, seed);
  const tally = new Tally(bounds, options.policy ?? DEFAULT_EXPLORE.policy);
  for (let at = 0; at < share; at++) {
    if (signal?.aborted === true || performance.now() - begun > order.budgetMs) break;
    const place = shard === null ? at : at * shard.count + shard.index;
    const program = programs.at(places.at(place));
    order.onProgress?.(at, share, program.name);
    // The last one gets what is left, so that the families after this one get their parts.
    const leftMs = order.budgetMs - (performance.now() - begun);
    await runProgram(program, { ...order, programMs: Math.min(order.programMs, leftMs) }, tally);
  }
  const { nmi, nmiDepth } = { ...DEFAULT_EXPLORE, ...options };
  return {
    ...{ family: order.family, about, policy: tally.policy, bound: bounds.at(-1) ?? 0, nmi },
    ...{ nmiDepth, total, planned, share, ...tally.results() },
    seconds: (performance.now() - begun) / 1000,
  };
}

/** One bound after the other, until one of them is not done in time. */
async function runProgram(program: GeneratedProgram, order: FamilyRun, tally: Tally) {
  const { name, text, bounds } = program;
  const { signal, seed } = order;
  const scenario = parseScenario(text);
  const stage = await makeStage(scenario);
  const deadline = performance.now() + order.programMs;
  tally.run++;
  for (const bound of bounds) {
    const durationMs = Math.max(1, deadline - performance.now());
    const options = { ...DEFAULT_EXPLORE, ...program.options, bound, seed, durationMs, signal };
    const result = await explore(stage, options);
    const { finding } = result;
    tally.add(name, bound, result);
    if (finding !== null) {
      const isNew = tally.findings.length < SHRUNK_MAX;
      const small = isNew ? (await shrink(scenario, finding, options)).finding : finding;
      tally.findings.push({ name, finding: small });
    }
    if (!result.complete) break;
  }
  order.coverage.add(stage.machine);
}

class Tally {
  readonly policy: string;
  run = 0;
  readonly findings: { readonly name: string; readonly finding: ExploreFinding }[] = [];
  readonly #complete: Map<number, number>;
  readonly #incomplete: string[] = [];
  #sums = { schedules: 0, accesses: 0, states: 0 };
  #nolockSteps = 0;
  #missProbability: number | null = null;

  constructor(bounds: readonly number[], policy: string) {
    this.policy = policy;
    this.#complete = new Map(policy === "dfs" ? bounds.map((bound) => [bound, 0]) : []);
  }

  add(name: string, bound: number, result: ExploreResult): void {
    const { schedules, accesses, states, complete, missProbability, nolockSteps } = result;
    this.#sums = {
      schedules: this.#sums.schedules + schedules,
      accesses: this.#sums.accesses + accesses,
      states: this.#sums.states + states,
    };
    this.#nolockSteps = Math.max(this.#nolockSteps, nolockSteps);
    if (missProbability !== null) {
      this.#missProbability = Math.max(this.#missProbability ?? 0, missProbability);
    }
    if (this.policy !== "dfs") return;
    if (complete) this.#complete.set(bound, (this.#complete.get(bound) ?? 0) + 1);
    else this.#incomplete.push(name);
  }

  results() {
    return {
      ...{ run: this.run, incomplete: this.#incomplete, findings: this.findings },
      complete: [...this.#complete].map(([bound, programs]) => ({ bound, programs })),
      ...{ ...this.#sums, nolockSteps: this.#nolockSteps },
      missProbability: this.#missProbability,
    };
  }
}
