/**
 * Goal: every instruction of the allocator that touches memory has had an NMI or a switch right
 * before it, but for those that cannot be reached, each with a reason that is true of it. Method:
 * scenarios that cover the rest among them; `explore --all` runs many more.
 */
import { DEFAULT_EXPLORE, explore } from "slablab/internal/machine/explore.js";
import { loadMachineModule } from "slablab/internal/machine/core/module.js";
import { SCENARIOS } from "slablab/internal/machine/scenarios/named.js";
import { parseScenario } from "slablab/internal/machine/scenarios/scenario.js";
import { makeStage } from "slablab/internal/machine/scenarios/stage.js";
import { NO_REASON, REASONS, reasonFor } from "slablab/internal/machine/unreached.js";
import { expect, test } from "vitest";
import { COVER } from "./support/cover.js";

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

test("every instruction is injected at, or has its reason, and no reason is stale", async () => {
  const { table } = await loadMachineModule("model");
  const injected = await injectedSites();
  const left = table.sites.filter((_, site) => !injected.has(site));
  const without = left.filter((site) => reasonFor(site) === NO_REASON);
  expect(without.map(({ function: name, kind, index }) => `${name} ${kind} ${index}`)).toEqual([]);
  const counts = REASONS.map(({ function: name, kinds }) => ({
    function: name,
    sites: left.filter((site) => name.test(site.function) && kinds.includes(site.kind)).length,
  }));
  expect(counts).toEqual(REASONS.map(({ function: name, sites }) => ({ function: name, sites })));
}, 300_000);
