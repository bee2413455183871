/**
 * What `slablab mutants` prints for people: a line per mutant, a line per hunter, and of each
 * survivor what it is and why it is believed to live.
 */
import type { Hunter } from "./hunter.js";
import type { Mutant } from "./mutant.js";
import type { Shard } from "../machine/shard.js";
import type { MutantsDocument } from "./mutants-schema.js";
import { title, wrap } from "../report/common/page.js";
import { formatCount, renderTable } from "../report/common/table.js";

type Row = MutantsDocument["mutants"][number];

/** The whole report; `head` is the line that says where it ran. */
export function mutantsText(
  { mutants, survivors, interrupted, campaign }: MutantsDocument,
  hunters: readonly Hunter[],
  head: string,
  shard: Shard | null = null,
): string {
  const killed = mutants.filter((row) => row.killed).length;
  const note = interrupted ? " (interrupted)" : "";
  const verdict = `${killed} of ${mutants.length} mutants killed${note}`;
  const parts = [
    ...[head, ...partOf(campaign, shard), title("mutants"), table(mutants, hunters)],
    ...[title("hunters"), tiers(mutants, hunters), verdict],
    ...survivors.flatMap(({ name, file, what, why }) => [
      title(`survived: ${name} (assembly/${file})`),
      wrap(`${what}: ${why}`),
    ]),
  ];
  return `${parts.join("\n")}\n`;
}

function partOf({ merged, planned }: MutantsDocument["campaign"], shard: Shard | null): string[] {
  if (merged !== null) {
    const { shards, partial } = merged;
    const cut =
      partial.length === 0 ? "" : `; interrupted, and not complete: ${partial.join(", ")}`;
    return [wrap(`merged from ${shards} shards${cut}`)];
  }
  if (shard === null) return [];
  const { index, count } = shard;
  return [wrap(`shard ${index} of ${count}, the first being 0, of ${planned.length} mutants`)];
}

function table(rows: readonly Row[], hunters: readonly Hunter[]): string {
  const cells = rows.map(({ name, origin, by, schedules, seconds }) => [
    ...[name, origin, by ?? "nobody"],
    ...[`${formatCount(schedules)} ${unitOf(by, hunters)}`, `${seconds.toFixed(1)} s`],
  ]);
  return renderTable({ head: ["mutant", "origin", "killed by", "after", "in"], rows: cells });
}

function unitOf(by: string | null, hunters: readonly Hunter[]): string {
  return hunters.find(({ name }) => name === by)?.unit ?? "tries";
}

function tiers(rows: readonly Row[], hunters: readonly Hunter[]): string {
  const cells = hunters.map(({ name }) => {
    const mine = rows.filter(({ by }) => by === name);
    const seconds = mine.reduce((sum, row) => sum + row.seconds, 0);
    return [name, `${mine.length}`, `${seconds.toFixed(1)} s`];
  });
  return renderTable({ head: ["hunter", "killed", "in"], rows: cells });
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
