/**
 * What `slablab mutants` prints for people: a line per mutant, a line per hunter, and of each
 * survivor what it is and why it is believed to live.
 */
import type { Fate, MutantsResults } from "../machine/mutants/campaign.js";
import type { Hunter } from "../machine/mutants/hunter.js";
import type { Mutant } from "../machine/mutants/mutant.js";
import { title, wrap } from "./page.js";
import { formatCount, renderTable } from "./table.js";

/** The whole report; `head` is the line that says where it ran. */
export function mutantsText(
  { fates, interrupted }: MutantsResults,
  hunters: readonly Hunter[],
  head: string,
): string {
  const survivors = fates.filter(({ by }) => by === null);
  const killed = fates.length - survivors.length;
  const note = interrupted ? " (interrupted)" : "";
  const verdict = `${killed} of ${fates.length} mutants killed${note}`;
  const parts = [
    ...[head, title("mutants"), table(fates, hunters)],
    ...[title("hunters"), tiers(fates, hunters), verdict],
    ...survivors.flatMap(survivorLines),
  ];
  return `${parts.join("\n")}\n`;
}

function table(fates: readonly Fate[], hunters: readonly Hunter[]): string {
  const rows = fates.map(({ mutant, by, schedules, seconds }) => [
    ...[mutant.name, mutant.origin, by ?? "nobody"],
    ...[`${formatCount(schedules)} ${unitOf(by, hunters)}`, `${seconds.toFixed(1)} s`],
  ]);
  return renderTable({ head: ["mutant", "origin", "killed by", "after", "in"], rows });
}

function unitOf(by: string | null, hunters: readonly Hunter[]): string {
  return hunters.find(({ name }) => name === by)?.unit ?? "tries";
}

function tiers(fates: readonly Fate[], hunters: readonly Hunter[]): string {
  const rows = hunters.map(({ name }) => {
    const mine = fates.filter(({ by }) => by === name);
    const seconds = mine.reduce((sum, fate) => sum + fate.seconds, 0);
    return [name, `${mine.length}`, `${seconds.toFixed(1)} s`];
  });
  return renderTable({ head: ["hunter", "killed", "in"], rows });
}

function survivorLines({ mutant, what }: Fate): string[] {
  const { name, file } = mutant;
  return [title(`survived: ${name} (assembly/${file})`), wrap(`${mutant.what}: ${what}`)];
}

/** `--list`: what there is, group by group. */
export function mutantsList(mutants: readonly Mutant[]): string {
  const groups = [...new Set(mutants.map(({ group }) => group))];
  const parts = groups.map((group) => {
    const rows = mutants
      .filter((mutant) => mutant.group === group)
      .map(({ name, origin, file }) => [name, origin, `assembly/${file}`]);
    return `${title(group)}\n${renderTable({ head: ["mutant", "origin", "file"], rows })}`;
  });
  return `${parts.join("\n").trimStart()}\n`;
}
