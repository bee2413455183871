/** A plan, or a shard of it: scenarios one after the other, and what they reached together. */
import { Coverage, type CoverageSummary } from "./coverage.js";
import type { LossCounts } from "./judges/losses.js";
import { loadMachineModule } from "./core/module.js";
import { DEFAULT_EXPLORE, type ExploreFinding, type ExploreOptions, explore } from "./explore.js";
import { type FamilyResult, runFamily } from "./generated-run.js";
import { type LearningResult, proveLearning } from "./learning.js";
import { type Plan, estimateSeconds, hashOf } from "./plan.js";
import type { NamedScenario } from "./scenarios/named.js";
import { type Scenario, parseScenario } from "./scenarios/scenario.js";
import { makeStage } from "./scenarios/stage.js";
import { type Shard, balance, isOfShard } from "./shard.js";
import { shrink } from "./shrink.js";

export interface ScenarioResult {
  readonly name: string;
  readonly about: string;
  readonly policy: string;
  /** Preemptions in a schedule; null: any number. */
  readonly bound: number | null;
  /** NMIs on each task. */
  readonly nmi: number;
  readonly nmiDepth: number;
  /** Tasks that may die in a schedule. */
  readonly deathBound: number;
  readonly learned: boolean;
  readonly schedules: number;
  /** Every schedule within the bounds was run, or was like one that was. */
  readonly complete: boolean;
  readonly missProbability: number | null;
  readonly accesses: number;
  /** Different memories at the end. */
  readonly states: number;
  /** Tasks that died in all schedules, and what was lost in the ends that were judged. */
  readonly deaths: number;
  readonly losses: LossCounts;
  /** The most accesses that a nolock call made by itself. */
  readonly nolockSteps: number;
  /** Instructions that were reached, and those with a switch or an NMI right before them. */
  readonly sites: { readonly total: number; readonly injected: number };
  readonly finding: ExploreFinding | null;
  readonly seconds: number;
}

export interface CampaignResults {
  /** Hashes of the model build and of what was to be explored, in all shards. */
  readonly build: string;
  readonly plan: string;
  /** Names of all scenarios of the plan, in its order. */
  readonly planned: readonly string[];
  readonly scenarios: readonly ScenarioResult[];
  readonly generated: readonly FamilyResult[];
  readonly learning: readonly LearningResult[];
  readonly sites: CoverageSummary;
  readonly interrupted: boolean;
}

export interface CampaignOptions {
  readonly plan: Plan;
  /** What the command line says; wins over a named scenario's own. */
  readonly options: Partial<ExploreOptions>;
  readonly shard?: Shard | null;
  readonly signal?: AbortSignal;
  /** @param done 0..1 */
  readonly onProgress?: (done: number, name: string) => void;
}

/** Milliseconds that a scenario gets even if those before it took too long. */
const LEAST_MS = 1000;

export async function runCampaign(campaign: CampaignOptions): Promise<CampaignResults> {
  const { plan, signal, options } = campaign;
  const { table } = await loadMachineModule("model");
  const coverage = new Coverage(table);
  const scenarios = await runScenarios(campaign, coverage);
  const learning: LearningResult[] = [];
  for (const [at, text] of plan.learning.entries()) {
    if (signal?.aborted === true || !isOfShard(at, campaign.shard ?? null)) continue;
    learning.push(await proveLearning(text, signal));
  }
  const generated = await runFamilies(campaign, coverage);
  return {
    ...{ build: table.build, plan: hashOf(plan, options) },
    planned: plan.scenarios.map(({ name }) => name),
    ...{ scenarios, generated, learning, sites: coverage.summary() },
    interrupted: signal?.aborted === true,
  };
}

async function runScenarios(
  { plan, shard = null, options, signal, onProgress }: CampaignOptions,
  coverage: Coverage,
): Promise<ScenarioResult[]> {
  const owners = balance(plan.scenarios.map(estimateSeconds), shard?.count ?? 1);
  const mine = plan.scenarios.filter((_, at) => shard === null || owners[at] === shard.index);
  const part = plan.families.length === 0 ? 1 : 0.5;
  const deadline = performance.now() + plan.scenariosMs;
  const results: ScenarioResult[] = [];
  for (const [at, named] of mine.entries()) {
    if (signal?.aborted === true) break;
    onProgress?.((part * at) / mine.length, named.name);
    const left = (deadline - performance.now()) / (mine.length - at);
    const own = { ...DEFAULT_EXPLORE, durationMs: Math.max(LEAST_MS, left), ...named.options };
    results.push(await runScenario(named, { ...own, ...options, signal }, coverage));
  }
  return results;
}

async function runScenario(
  named: NamedScenario,
  options: ExploreOptions,
  coverage: Coverage,
): Promise<ScenarioResult> {
  const scenario = parseScenario(named.text);
  const stage = await makeStage(scenario);
  const result = await explore(stage, options);
  const { passed, injected } = stage.machine;
  coverage.add(stage.machine);
  const total = passed.reduce((sum, count) => sum + Number(count > 0), 0);
  const sites = { total, injected: injected.reduce((sum, count) => sum + count, 0) };
  const finding = await small(scenario, result.finding, options);
  const { policy, bound, nmi, nmiDepth, deaths: deathBound, learns } = options;
  const { schedules, complete, missProbability, accesses, states, nolockSteps, seconds } = result;
  const { deaths, losses } = result;
  return {
    ...{ name: named.name, about: named.about, policy, bound, nmi, nmiDepth, learned: learns },
    ...{ schedules, complete, missProbability, accesses, states, nolockSteps, sites },
    ...{ deathBound, deaths, losses, finding, seconds },
  };
}

async function small(
  scenario: Scenario,
  finding: ExploreFinding | null,
  options: ExploreOptions,
): Promise<ExploreFinding | null> {
  if (finding === null) return null;
  return (await shrink(scenario, finding, options)).finding;
}

/** Each family gets its part of the time that is left. */
async function runFamilies(
  { plan, shard = null, options, signal, onProgress }: CampaignOptions,
  coverage: Coverage,
): Promise<FamilyResult[]> {
  const { families, programsMs, programMs } = plan;
  const deadline = performance.now() + programsMs;
  const results: FamilyResult[] = [];
  let weights = families.reduce((sum, { weight }) => sum + weight, 0);
  const before = plan.scenarios.length === 0 ? 0 : 0.5;
  for (const [at, { family, programs, weight }] of families.entries()) {
    if (signal?.aborted === true) break;
    const left = Math.max(0, deadline - performance.now());
    const done = (run: number, share: number) =>
      before + ((1 - before) * (at + run / share)) / families.length;
    const result = await runFamily({
      ...{ family, programs, shard, programMs, coverage, signal },
      ...{ seed: options.seed ?? DEFAULT_EXPLORE.seed, budgetMs: (left * weight) / weights },
      onProgress: (run, share, name) => onProgress?.(done(run, share), name),
    });
    weights -= weight;
    results.push(result);
  }
  return results;
}
