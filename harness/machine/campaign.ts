/** Scenarios one after the other, and what they reached together. */
import type { SiteTable } from "./instrument/sites.js";
import { loadMachineModule } from "./core/module.js";
import { DEFAULT_EXPLORE, type ExploreFinding, type ExploreOptions, explore } from "./explore.js";
import { makeStage } from "./scenarios/stage.js";
import { type Scenario, parseScenario } from "./scenarios/scenario.js";
import type { NamedScenario } from "./scenarios/named.js";
import { shrink } from "./shrink.js";
import { reasonFor } from "./unreached.js";

export interface ScenarioResult {
  readonly name: string;
  readonly about: string;
  readonly policy: string;
  /** Preemptions in a schedule; null: any number. */
  readonly bound: number | null;
  /** NMIs on each task. */
  readonly nmi: number;
  readonly nmiDepth: number;
  readonly learned: boolean;
  readonly schedules: number;
  /** Every schedule within the bounds was run, or was like one that was. */
  readonly complete: boolean;
  readonly missProbability: number | null;
  readonly accesses: number;
  /** Different memories at the end. */
  readonly states: number;
  /** The most accesses that a nolock call made by itself. */
  readonly nolockSteps: number;
  /** Instructions that were reached, and those with a switch or an NMI right before them. */
  readonly sites: { readonly total: number; readonly injected: number };
  readonly finding: ExploreFinding | null;
  readonly seconds: number;
}

export interface UnreachedSite {
  readonly function: string;
  readonly kind: string;
  readonly reason: string;
}

export interface CampaignResults {
  readonly scenarios: readonly ScenarioResult[];
  /** Of the model build: all instructions with an access, those reached, those injected. */
  readonly sites: {
    readonly total: number;
    readonly reached: number;
    readonly injected: number;
    readonly unreached: readonly UnreachedSite[];
  };
  readonly interrupted: boolean;
}

export interface CampaignOptions {
  readonly scenarios: readonly NamedScenario[];
  /** What the command line says; wins over the scenario's own. */
  readonly options: Partial<ExploreOptions>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, name: string) => void;
}

export async function runCampaign(campaign: CampaignOptions): Promise<CampaignResults> {
  const { scenarios, signal } = campaign;
  const model = await loadMachineModule("model");
  const reached = new Uint8Array(model.table.sites.length);
  const injected = new Uint8Array(model.table.sites.length);
  const results: ScenarioResult[] = [];
  for (const [at, named] of scenarios.entries()) {
    if (signal?.aborted === true) break;
    campaign.onProgress?.(at, named.name);
    const options = { ...DEFAULT_EXPLORE, ...named.options, ...campaign.options, signal };
    const scenario = parseScenario(named.text);
    const stage = await makeStage(scenario);
    const result = await explore(stage, options);
    const { passed, injected: at1 } = stage.machine;
    if (scenario.build === "model") {
      for (const [site, count] of passed.entries()) if (count > 0) reached[site] = 1;
      for (const [site, count] of at1.entries()) if (count > 0) injected[site] = 1;
    }
    const total = passed.reduce((sum, count) => sum + Number(count > 0), 0);
    const sites = { total, injected: at1.reduce((sum, count) => sum + count, 0) };
    const finding = await small(scenario, result.finding, options);
    const { policy, bound, nmi, nmiDepth, learns } = options;
    const { schedules, complete, missProbability, accesses, states, nolockSteps, seconds } = result;
    results.push({
      ...{ name: named.name, about: named.about, policy, bound, nmi, nmiDepth, learned: learns },
      ...{ schedules, complete, missProbability, accesses, states, nolockSteps, sites },
      ...{ finding, seconds },
    });
  }
  const sites = summary(model.table, reached, injected);
  return { scenarios: results, sites, interrupted: signal?.aborted === true };
}

async function small(
  scenario: Scenario,
  finding: ExploreFinding | null,
  options: ExploreOptions,
): Promise<ExploreFinding | null> {
  if (finding === null) return null;
  return (await shrink(scenario, finding, options)).finding;
}

function summary(
  { sites }: SiteTable,
  reached: Uint8Array,
  injected: Uint8Array,
): CampaignResults["sites"] {
  const count = (flags: Uint8Array) => flags.reduce((sum, flag) => sum + flag, 0);
  const unreached = sites
    .filter((_, site) => reached[site] === 0)
    .map(({ function: name, kind }) => ({ function: name, kind, reason: reasonFor(name) }));
  return { total: sites.length, reached: count(reached), injected: count(injected), unreached };
}
