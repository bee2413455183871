/**
 * What `slablab fuzz` prints for people: a line per setup, what was verified, and for each finding
 * the command that finds it again. No line of a table is wider than 100 columns.
 */
import type { CampaignResults, CampaignRow } from "../../workload/reentry/reentry-campaign.js";
import { featureNames } from "../../workload/reentry/reentry-setup.js";
import type { Tally } from "../../workload/reentry/reentry-tally.js";
import { full, title, wrap } from "../common/page.js";
import { renderTable } from "../common/table.js";

/** The whole report; `head` is the line that says where it ran. */
export function fuzzText(results: CampaignResults, head: string): string {
  const cpus = [...new Set(results.rows.map(({ setup }) => setup.cpus))];
  const tables = cpus.flatMap((count) => {
    const rows = results.rows.filter(({ setup }) => setup.cpus === count);
    return [
      title(count === 1 ? "one CPU, in this thread" : `${count} Workers, one heap`),
      table(rows),
    ];
  });
  const parts = [head, ...tables, LEGEND, title("verified"), wrap(verified(results))];
  return `${[...parts, ...findingLines(results)].join("\n")}\n`;
}

function table(rows: readonly CampaignRow[]): string {
  const head = [
    ...["arm", "with", "ops", "in1", "in2", "in3", "ok", "NULL", "busy"],
    ...["wait", "long", "end", "chk", "bad"],
  ];
  return renderTable({ head, rows: rows.map(cells) });
}

function cells({ setup, tally, findings }: CampaignRow): string[] {
  const [one, two, three] = tally.reentries;
  const counts = [
    ...[tally.operations, one, two, three, tally.nolockOk, tally.nolockNull],
    ...[tally.busyFirst, tally.deferred, tally.longest, tally.longestAtEnd, tally.objectsChecked],
  ];
  const features = featureNames(setup).map(shortName);
  const named = [setup.arm, features.length === 0 ? "plain" : features.join("+")];
  return [...named, ...counts.map(shortCount), `${findings.length}`];
}

function shortName(name: string): string {
  return name.startsWith("slab_debug") ? "debug" : (SHORT[name] ?? name);
}

const SHORT: Readonly<Record<string, string>> = {
  noCmpxchg: "nocx",
  hardened: "h",
  randomize: "r",
};

/** `950`, `12k`, `1.2M`: three digits are enough for a table of counts. */
function shortCount(count: number): string {
  if (count < 10_000) return `${count}`;
  if (count < 1e6) return `${Math.round(count / 1e3)}k`;
  return `${(count / 1e6).toFixed(1)}M`;
}

const LEGEND = [
  "with: h, r: hardened, shuffled freelists; debug: debug caches; memcg: a control group, often",
  "full; ops: operations; in: re-entries from trace points, at depth 1, 2, 3; ok, NULL: what",
  "nolock allocations gave; busy: the lock of their bucket was held; wait: objects that were",
  "deferred; long: the longest list taken during the load, end: that was left to its end; chk:",
  "checks of whole objects; bad: findings",
].join("\n");

function verified({ rows, total, interrupted }: CampaignResults): string {
  const reentries = total.reentries.reduce((sum, count) => sum + count, 0);
  const bad = rows.reduce((sum, { findings }) => sum + findings.length, 0);
  const setups = `${full(rows.length)} ${rows.length === 1 ? "setup" : "setups"}`;
  const cut = interrupted ? "Interrupted: until then, " : "";
  const clean = bad === 0 ? "" : " that ended without a finding";
  const verdict = bad === 0 ? "No finding." : `${bad} findings.`;
  return [
    `${cut}${full(total.operations)} operations in ${setups}, re-entered`,
    `${full(reentries)} times (${full(total.reentriesAsNmi)} as NMI, the others as a kprobe) at`,
    `${full(total.events)} trace points. ${full(total.objectsChecked)} objects held their owner's`,
    `stamp over their whole size, no byte had two owners, ${full(total.validations)} walks over`,
    `the whole heap checked every invariant, and each setup${clean} gave back every slab with`,
    `counters that add up. kmalloc_nolock() found its bucket busy ${full(total.busyFirst)} times,`,
    `and the next one too ${full(total.busySecond)} times. ${full(total.deferred)} objects had to`,
    `wait, ${distribution(total)}; ${full(total.drained)} were drained. ${verdict}`,
  ].join(" ");
}

/** How long lists were when they were taken: the patch's author saw single digits. */
function distribution({ lengths, drains, longest, longestAtEnd }: Tally): string {
  if (drains === 0) return "and no list was taken";
  const short = lengths.slice(0, 3).reduce((sum, count) => sum + count, 0);
  const share = ((short * 100) / drains).toFixed(1);
  const most = Math.max(longest, longestAtEnd);
  return `on ${full(drains)} lists, ${share} % of them shorter than 8, the longest ${full(most)}`;
}

function findingLines({ rows }: CampaignResults): string[] {
  return rows.flatMap(({ setup, findings }) =>
    findings.flatMap(({ kind, message, reproduce }) => [
      title(`finding: ${kind} in ${[setup.arm, ...featureNames(setup)].join(" ")}`),
      wrap(message),
      `reproduce: ${reproduce}`,
    ]),
  );
}
