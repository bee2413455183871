/**
 * One screen of slabtop: five lines of totals, a line per cache; columns as procps has them.
 *
 * A cache is active if it has a slab; its size is that of its slabs.
 */
import type { SlabInfo } from "../../heap/slabinfo.js";
import { left, right } from "../slabinfo/slabinfo-format.js";

export const SLABTOP_KEYS = ["a", "b", "c", "l", "v", "n", "o", "p", "s", "u"] as const;
export type SlabtopKey = (typeof SLABTOP_KEYS)[number];

/** What each key sorts by, descending; the name ascending. */
const VALUES: Readonly<Record<SlabtopKey, (info: SlabInfo) => number>> = {
  a: (info) => info.active_objs,
  b: (info) => info.objperslab,
  c: (info) => bytesOf(info),
  l: (info) => info.num_slabs,
  v: (info) => info.active_slabs,
  n: () => 0,
  o: (info) => info.num_objs,
  p: (info) => info.pagesperslab,
  s: (info) => info.objsize,
  u: (info) => usedPercent(info),
};

const PAGE_BYTES = 4096;
const HEAD = "  OBJS ACTIVE  USE OBJ SIZE  SLABS OBJ/SLAB CACHE SIZE NAME";

/** The lines of a screen; all caches. */
export function slabtopLines(infos: readonly SlabInfo[], key: SlabtopKey): string[] {
  return [...totals(infos), "", HEAD, ...sorted(infos, key).map(line)];
}

/** Caches in the order of a key; equal ones by name. */
export function sorted(infos: readonly SlabInfo[], key: SlabtopKey): SlabInfo[] {
  const value = VALUES[key];
  return [...infos].sort((a, b) => value(b) - value(a) || (a.name < b.name ? -1 : 1));
}

function totals(infos: readonly SlabInfo[]): string[] {
  const sum = (of: (info: SlabInfo) => number) => infos.reduce((all, info) => all + of(info), 0);
  const objects = sum((info) => info.num_objs);
  const bytes = sum((info) => info.num_objs * info.objsize);
  const sizes = infos.map((info) => info.objsize);
  const active = infos.filter((info) => info.num_slabs > 0).length;
  const activeBytes = sum((info) => info.active_objs * info.objsize);
  const kib = (value: number) => `${(value / 1024).toFixed(2)}K`;
  const pair = (one: number, all: number, show: (value: number) => string) =>
    `${show(one)} / ${show(all)} (${(all === 0 ? 0 : (one * 100) / all).toFixed(1)}%)`;
  const plain = (value: number) => `${value}`;
  const average = objects === 0 ? 0 : bytes / objects;
  const [low, high] = infos.length === 0 ? [0, 0] : [Math.min(...sizes), Math.max(...sizes)];
  return [
    [
      "Active / Total Objects (% used)",
      pair(
        sum((info) => info.active_objs),
        objects,
        plain,
      ),
    ],
    [
      "Active / Total Slabs (% used)",
      pair(
        sum((info) => info.active_slabs),
        sum((info) => info.num_slabs),
        plain,
      ),
    ],
    ["Active / Total Caches (% used)", pair(active, infos.length, plain)],
    ["Active / Total Size (% used)", pair(activeBytes, bytes, kib)],
    ["Minimum / Average / Maximum Object", `${kib(low)} / ${kib(average)} / ${kib(high)}`],
  ].map(([label = "", value]) => ` ${left(label, 35)}: ${value}`);
}

function line(info: SlabInfo): string {
  return [
    right(info.num_objs, 6),
    right(info.active_objs, 6),
    `${right(usedPercent(info), 3)}%`,
    `${right((info.objsize / 1024).toFixed(2), 7)}K`,
    right(info.num_slabs, 6),
    right(info.objperslab, 8),
    `${right(bytesOf(info) / 1024, 9)}K`,
    info.name,
  ].join(" ");
}

function bytesOf(info: SlabInfo): number {
  return info.num_slabs * info.pagesperslab * PAGE_BYTES;
}

function usedPercent(info: SlabInfo): number {
  return info.num_objs === 0 ? 0 : Math.floor((info.active_objs * 100) / info.num_objs);
}
