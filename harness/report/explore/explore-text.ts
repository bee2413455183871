/**
 * What `slablab explore` prints for people: a line per scenario and per family of generated
 * programs, what was reached, how fast it went, and for each finding the command that replays it.
 */
import type { Shard } from "../../machine/shard.js";
import { shortName } from "../../machine/timeline/timeline.js";
import type { ExploreDocument } from "./explore-schema.js";
import { full, title, wrap } from "../common/page.js";
import { renderTable } from "../common/table.js";

type ScenarioRow = ExploreDocument["scenarios"][number];
type FamilyRow = ExploreDocument["generated"][number];
type Bench = NonNullable<ExploreDocument["bench"]>;

/** @param head the line that says where it ran */
export function exploreText(
  results: ExploreDocument,
  head: string,
  shard: Shard | null = null,
): string {
  const { scenarios, generated, learning, bench, findings } = results;
  const parts = [head, ...whole(results, shard)];
  if (scenarios.length > 0) parts.push(title("schedules"), table(scenarios), LEGEND);
  if (generated.length > 0) {
    parts.push(title("generated programs"), families(generated), FAMILY_LEGEND);
  }
  if (learning.length > 0) parts.push(title("learned conflicts"), ...learning.map(proof));
  if (scenarios.length + generated.length > 0) {
    parts.push(title("reached"), wrap(reached(results)));
    const open = incomplete(results);
    if (open.length > 0) parts.push(title("not complete"), wrap(names(open)));
  }
  if (bench !== null) parts.push(title("speed"), wrap(speed(bench)));
  for (const {
    scenario,
    kind,
    message,
    operation,
    function: where,
    source,
    schedule,
  } of findings) {
    parts.push(
      title(`finding in ${scenario}: ${kind}`),
      wrap(`${message}, in ${operation}(), ${where} ${source}`.trimEnd()),
    );
    parts.push(`  npx slablab replay '${schedule}'`);
  }
  return `${parts.join("\n")}\n`;
}

/** What part of what this is, if it is not all of it. */
function whole({ campaign, interrupted }: ExploreDocument, shard: Shard | null): string[] {
  const { merged } = campaign;
  if (merged !== null) {
    const { shards, partial } = merged;
    const cut =
      partial.length === 0 ? "" : `; interrupted, and not complete: ${partial.join(", ")}`;
    return [wrap(`merged from ${shards} shards${cut}`)];
  }
  const cut = interrupted ? "interrupted: " : "";
  const some = shard === null ? "" : `shard ${shard.index} of ${shard.count}, the first being 0`;
  if (cut === "" && some === "") return [];
  return [wrap(`${cut}${some === "" ? "what was explored so far" : some}`)];
}

const LEGEND = wrap(
  "bound: preemptions in a schedule; die: tasks that may. all: every schedule within the bounds " +
    "was run, or one that differs from it in nothing that conflicts; with pct, the probability " +
    "to have missed a bug. ends: different memories at the end, each judged. inj: instructions " +
    "with a switch, an NMI or a death right before them, of those reached.",
);

const FAMILY_LEGEND = wrap(
  "run: programs that were run, of those in the campaign, of all there are. all: how many with " +
    "every schedule within each number of preemptions; with pct, the highest probability to have " +
    "missed a bug.",
);

function table(scenarios: readonly ScenarioRow[]): string {
  const head = [
    ...["scenario", "policy", "bound", "nmi", "die", "schedules", "all", "accesses", "ends"],
    ...["inj", "s", "bad"],
  ];
  const rows = scenarios.map((row) => [
    ...[row.name, row.policy, row.policy === "dfs" ? `${row.bound ?? "any"}` : "-"],
    ...[row.nmi === 0 ? "-" : `${row.nmi}`, row.deathBound === 0 ? "-" : `${row.deathBound}`],
    ...[full(row.schedules), proved(row), short(row.accesses)],
    ...[`${row.states}`, `${row.sites.injected}/${row.sites.total}`],
    ...[row.seconds.toFixed(1), `${row.findings}`],
  ]);
  return renderTable({ head, rows });
}

function proved({ complete, missProbability }: ScenarioRow): string {
  if (missProbability !== null) return probability(missProbability);
  return complete ? "yes" : "no";
}

/** Never rounded up to certainty. */
function probability(value: number): string {
  return value > 0.999 ? ">0.999" : value.toFixed(3);
}

function families(rows: readonly FamilyRow[]): string {
  const head = ["family", "nmi", "run", "of", "of all", "all", "schedules", "s", "bad"];
  const cells = rows.map((row) => [
    ...[row.family, row.nmi === 0 ? "-" : `${row.nmi}`, full(row.run), full(row.planned)],
    ...[full(row.total), within(row), full(row.schedules)],
    ...[row.seconds.toFixed(1), `${row.findings}`],
  ]);
  return renderTable({ head, rows: cells });
}

/** `12 (0), 9 (1)`: so many within so many preemptions. */
function within({ complete, missProbability }: FamilyRow): string {
  if (missProbability !== null) return probability(missProbability);
  const [only] = complete;
  if (complete.length === 1 && only !== undefined) return full(only.programs);
  return complete.map(({ bound, programs }) => `${full(programs)} (${bound})`).join(", ");
}

function proof(row: ExploreDocument["learning"][number]): string {
  const { scenario, complete, same, states, statesWithout, schedules, schedulesWithout } = row;
  const verdict = !complete
    ? "not complete, so nothing is shown"
    : same
      ? `the same ${states} memories`
      : `${states} memories with learning, ${statesWithout} without: LEARNING LEAVES SOMETHING OUT`;
  const counts = `${full(schedules)} schedules with learning, ${full(schedulesWithout)} without`;
  return `  ${scenario}\n${wrap(`${counts}: ${verdict}`)}`;
}

/** What did not end in its time, by name. */
function incomplete({ scenarios, generated }: ExploreDocument): string[] {
  const rows = scenarios.filter((row) => row.policy === "dfs" && !row.complete);
  return [...rows.map(({ name }) => name), ...generated.flatMap((row) => row.incomplete)];
}

const NAMES_MAX = 20;

function names(all: readonly string[]): string {
  const some = all.slice(0, NAMES_MAX).join(", ");
  const more = all.length - NAMES_MAX;
  return more <= 0 ? some : `${some} and ${full(more)} more; --json has them all`;
}

function short(value: number): string {
  return value < 1e6 ? `${Math.round(value / 1e3)}k` : `${(value / 1e6).toFixed(1)}M`;
}

function reached({ scenarios, generated, sites }: ExploreDocument): string {
  const rows = [...scenarios, ...generated];
  const schedules = rows.reduce((sum, row) => sum + row.schedules, 0);
  const nolock = Math.max(...rows.map(({ nolockSteps }) => nolockSteps));
  return (
    `${full(schedules)} schedules. Of the ${sites.total} instructions of the model build that ` +
    `access memory, ${sites.reached} were reached, and at ${sites.injected} something was ` +
    `injected. No nolock call needed more than ${nolock} accesses of its own.${died(scenarios)}`
  );
}

/** What the deaths cost, if there were any. */
function died(scenarios: readonly ScenarioRow[]): string {
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

function speed(bench: Bench): string {
  return (
    `${full(bench.twoPushPerSecond)} schedules of two pushes a second; ` +
    `${full(bench.kmallocKfreePerSecond)} of a kmalloc/kfree scenario of ` +
    `${bench.kmallocKfreeAccesses} accesses, every judge on; ${bench.nsPerSwitch} ns a switch, ` +
    `${bench.nsPerAccess} ns an access without one.`
  );
}
