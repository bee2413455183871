/**
 * Goal: every instruction of the allocator that touches memory has had an NMI or a switch right
 * before it, but for those that cannot be reached, each with a reason that is true of it. Method:
 * scenarios that cover the rest among them; `explore --all` runs many more. They take a minute, so
 * only SLABLAB_DEEP=1 runs them all; without it, reasons are held against the table of sites.
 */
import { DEFAULT_EXPLORE, explore } from "slablab/internal/machine/explore.js";
import { loadMachineModule } from "slablab/internal/machine/core/module.js";
import { SCENARIOS } from "slablab/internal/machine/scenarios/named.js";
import { parseScenario } from "slablab/internal/machine/scenarios/scenario.js";
import { makeStage } from "slablab/internal/machine/scenarios/stage.js";
import { NO_REASON, REASONS, RECOVERY, reasonFor } from "slablab/internal/machine/unreached.js";
import { expect, test } from "vitest";
import { isDeep } from "../support/tier.js";
import { COVER, LONG } from "./support/cover.js";

async function injectedSites(): Promise<Set<number>> {
  const sites = new Set<number>();
  for (const name of COVER) {
    const named = SCENARIOS.find((each) => each.name === name);
    if (named === undefined) throw new Error(`expected a scenario called ${name}, got none`);
    const stage = await makeStage(parseScenario(named.text));
    const { finding, complete } = await explore(stage, { ...DEFAULT_EXPLORE, ...named.options });
    expect({ name, finding, complete }).toEqual({ name, finding: null, complete: true });
    for (const [site, count] of stage.machine.injected.entries()) if (count > 0) sites.add(site);
  }
  return sites;
}

/** By function. */
function countsOf(all: readonly { readonly function: string; readonly sites: number }[]) {
  const counts = new Map<string, number>();
  for (const { function: name, sites } of all) counts.set(name, (counts.get(name) ?? 0) + sites);
  return Object.fromEntries([...counts].sort());
}

test.runIf(isDeep)(
  "every instruction is injected at, or has its reason; none is stale",
  async () => {
    const { table } = await loadMachineModule("model");
    const injected = await injectedSites();
    const left = table.sites.filter(
      ({ function: name }, site) => !injected.has(site) && !name.startsWith(RECOVERY),
    );
    // A reason is for a number of instructions: no more hide behind it, and no fewer are left.
    const found = countsOf(left.map((site) => ({ function: site.function, sites: 1 })));
    expect(found).toEqual(countsOf([...REASONS, ...LONG]));
  },
);

test("what takes too long for this test is a scenario of explore --all", () => {
  const names = SCENARIOS.map(({ name }) => name);
  for (const { scenario } of LONG) expect(names).toContain(scenario);
});

test("a reason is for instructions that its function has", async () => {
  const { table } = await loadMachineModule("model");
  const has = countsOf(table.sites.map((site) => ({ function: site.function, sites: 1 })));
  for (const [name, sites] of Object.entries(countsOf([...REASONS, ...LONG]))) {
    expect(has[name], name).toBeGreaterThanOrEqual(sites);
  }
});

test("a function without a reason gets none", () => {
  expect(reasonFor("assembly/slab/free/slab_free")).toBe(NO_REASON);
});
