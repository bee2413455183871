/**
 * What `slablab explore` prints for people: a line per scenario, what was reached, how fast it
 * went, and for each finding the command that replays it.
 */
import type { BenchResults } from "../machine/bench.js";
import type { CampaignResults, ScenarioResult } from "../machine/campaign.js";
import { shortName } from "../machine/timeline/timeline.js";
import { full, title, wrap } from "./page.js";
import { renderTable } from "./table.js";

export function exploreText(
  results: CampaignResults,
  bench: BenchResults | null,
  head: string,
): string {
  const { scenarios } = results;
  const parts = [head];
  if (scenarios.length > 0) {
    parts.push(title("schedules"), table(scenarios), LEGEND);
    parts.push(title("reached"), wrap(reached(results)));
  }
  if (bench !== null) parts.push(title("speed"), wrap(speed(bench)));
  for (const { name, finding } of scenarios) {
    if (finding === null) continue;
    const { kind, message, operation, function: where, schedule } = finding;
    parts.push(
      title(`finding in ${name}: ${kind}`),
      wrap(`${message}, in ${operation}(), ${where}`),
    );
    parts.push(`  npx slablab replay '${schedule}'`);
  }
  return `${parts.join("\n")}\n`;
}

const LEGEND = wrap(
  "bound: preemptions in a schedule; die: tasks that may. all: every schedule within the bounds " +
    "was run, or one that differs from it in nothing that conflicts; with pct, the probability " +
    "to have missed a bug. " +
    "ends: different memories at the end, each judged. inj: instructions with a switch or an NMI " +
    "right before them, of those reached.",
);

function table(scenarios: readonly ScenarioResult[]): string {
  const head = [
    ...["scenario", "policy", "bound", "nmi", "die", "schedules", "all", "accesses", "ends"],
    ...["inj", "s", "bad"],
  ];
  const rows = scenarios.map((row) => [
    ...[row.name, row.policy, row.policy === "dfs" ? `${row.bound ?? "any"}` : "-"],
    ...[row.nmi === 0 ? "-" : `${row.nmi}`, row.deathBound === 0 ? "-" : `${row.deathBound}`],
    ...[full(row.schedules), proved(row), short(row.accesses)],
    ...[`${row.states}`, `${row.sites.injected}/${row.sites.total}`],
    ...[row.seconds.toFixed(1), `${Number(row.finding !== null)}`],
  ]);
  return renderTable({ head, rows });
}

function proved({ complete, missProbability }: ScenarioResult): string {
  if (missProbability !== null) return missProbability.toFixed(3);
  return complete ? "yes" : "no";
}

function short(value: number): string {
  return value < 1e6 ? `${Math.round(value / 1e3)}k` : `${(value / 1e6).toFixed(1)}M`;
}

function reached({ scenarios, sites }: CampaignResults): string {
  const schedules = scenarios.reduce((sum, row) => sum + row.schedules, 0);
  const nolock = Math.max(...scenarios.map(({ nolockSteps }) => nolockSteps));
  return (
    `${full(schedules)} schedules. Of the ${sites.total} instructions of the model build that ` +
    `access memory, ${sites.reached} were reached, and at ${sites.injected} something was ` +
    `injected. No nolock call needed more than ${nolock} accesses of its own.${died(scenarios)}`
  );
}

/** What the deaths cost, if there were any. */
function died(scenarios: readonly ScenarioResult[]): string {
  const deaths = scenarios.reduce((sum, row) => sum + row.deaths, 0);
  if (deaths === 0) return "";
  const sum = (reason: "argument" | "result" | "allowance") =>
    scenarios.reduce((all, { losses }) => all + losses[reason], 0);
  const functions = new Set(scenarios.flatMap(({ losses }) => Object.keys(losses.functions)));
  const where = functions.size === 0 ? "" : ` (${[...functions].map(shortName).join(", ")})`;
  return (
    ` ${full(deaths)} tasks died. Of the different ends, ${full(sum("argument"))} lost the ` +
    `object that an interrupted free was given, ${full(sum("result"))} the one that an ` +
    `interrupted allocation had, and ${full(sum("allowance"))} one more, where that is ` +
    `allowed${where}.`
  );
}

function speed(bench: BenchResults): string {
  return (
    `${full(bench.twoPushPerSecond)} schedules of two pushes a second; ` +
    `${full(bench.kmallocKfreePerSecond)} of a kmalloc/kfree scenario of ` +
    `${bench.kmallocKfreeAccesses} accesses, every judge on; ${bench.nsPerSwitch} ns a switch, ` +
    `${bench.nsPerAccess} ns an access without one.`
  );
}
