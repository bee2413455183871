/** What `slablab stress --kill` prints for people. No line is wider than 100 columns. */
import type { DeathResults, DeathRow } from "../../workload/deaths/deaths-run.js";
import { nameOf } from "../../workload/stress/stress-setup.js";
import { totalOf } from "./deaths-schema.js";
import { full, title, wrap } from "../common/page.js";
import { shortCount } from "./stress-text.js";
import { renderTable } from "../common/table.js";

/** The whole report. @param head where it ran */
export function deathsText(results: DeathResults, head: string): string {
  const cpus = results.rows[0]?.setup.cpus ?? 0;
  const workers = cpus === 1 ? "one Worker" : `${cpus} Workers, one heap an arm`;
  const parts = [head, title(`deaths: ${workers}`), table(results.rows), LEGEND];
  parts.push(title("verified"), wrap(verified(results)));
  for (const { setup, finding } of results.rows) {
    if (finding === null) continue;
    const { kind, message, cpu, operation, reproduce } = finding;
    parts.push(
      title(`finding: ${kind} in ${nameOf(setup)}, at the death of CPU ${cpu} after ${operation}`),
      wrap(message),
      `reproduce: ${reproduce}`,
    );
  }
  return `${parts.join("\n")}\n`;
}

function table(rows: readonly DeathRow[]): string {
  const head = [
    ...["arm", "ops", "deaths", "reaps", "left", "lost", "hand", "locks", "slabs", "pages"],
    ...["late", "val", "bad"],
  ];
  return renderTable({ head, rows: rows.map(cells) });
}

function cells({ setup, counts, finding }: DeathRow): string[] {
  const numbers = [
    ...[counts.operations, counts.deaths, counts.reaps, counts.inherited, counts.lost],
    ...[counts.inHand, counts.locks, counts.slabs, counts.pages, counts.objects],
    ...[counts.validations, Number(finding !== null)],
  ];
  return [nameOf(setup), ...numbers.map(shortCount)];
}

const LEGEND = wrap(
  "left: objects of the dead, each as its owner left it; lost: objects that nobody can have any " +
    "more; hand: the most that may be; locks, slabs, pages: what was taken back; late: " +
    "objects whose free was deferred; val: walks over the heap.",
);

function verified(results: DeathResults): string {
  const { deaths, reaps, inherited, lost, inHand, locks, validations } = totalOf(results);
  const bad = results.rows.filter(({ finding }) => finding !== null).length;
  return [
    `${results.interrupted ? "Interrupted: until then, " : ""}${full(deaths)} Workers were`,
    `terminated wherever they were, and ${full(reaps)} CPUs reaped while the others went on;`,
    `${full(locks)} locks were broken. The ${full(inherited)} objects that the dead owned were as`,
    `they had left them, and of the ${full(inHand)} in their hands ${full(lost)} are lost.`,
    `${full(validations)} walks over the whole heap checked every invariant. Findings: ${bad}.`,
  ].join(" ");
}
