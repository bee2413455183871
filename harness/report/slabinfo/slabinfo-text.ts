/**
 * Which pages of slabinfo its flags ask for, and in which order they are printed.
 *
 * As in the kernel's tool -X wins over -T and both over the tables, -r and -a stand for a table.
 */
import type { SlabCache } from "./slabinfo-caches.js";
import { cacheLines, type SortKey, sortCaches } from "./slabinfo-lines.js";
import { reportLines } from "./slabinfo-report.js";
import { totalsLines } from "./slabinfo-totals.js";

export interface SlabinfoLayout {
  readonly page: "lines" | "report" | "totals" | "xtotals" | "aliases";
  readonly sort: SortKey;
  readonly activity: boolean;
  readonly zero: boolean;
  readonly asBytes: boolean;
  /** As many caches; null: all, or one for each table of -X. */
  readonly lines: number | null;
}

/** The whole output, with a final newline. */
export function slabinfoText(caches: readonly SlabCache[], layout: SlabinfoLayout): string {
  return `${pageLines(caches, layout).join("\n")}\n`;
}

function pageLines(caches: readonly SlabCache[], layout: SlabinfoLayout): string[] {
  switch (layout.page) {
    case "aliases":
      return ["No aliases: Slablab does not merge caches."];
    case "totals":
      return totalsLines(caches, layout.asBytes);
    case "xtotals":
      return extendedLines(caches, layout);
    case "report":
      return reports(caches, layout);
    case "lines":
      return cacheLines(caches, layout);
  }
}

function reports(caches: readonly SlabCache[], { sort, zero, lines }: SlabinfoLayout): string[] {
  const shown = sortCaches(caches, sort).filter(({ slabs }) => slabs > 0 || zero);
  const pages = shown.slice(0, lines ?? shown.length).map(reportLines);
  if (pages.length === 0) return ["No cache has a slab; -z shows the others."];
  return pages.flatMap((page, place) => (place === 0 ? page : ["", ...page]));
}

function extendedLines(caches: readonly SlabCache[], layout: SlabinfoLayout): string[] {
  const tables: readonly (readonly [string, SortKey])[] = [
    ["Slabs sorted by size", "size"],
    ["Slabs sorted by loss", "loss"],
    ["Slabs sorted by number of partial slabs", "partial"],
  ];
  const options = { ...layout, activity: false, asBytes: true, lines: layout.lines ?? 1 };
  return [
    ...totalsLines(caches, true),
    ...tables.flatMap(([title, sort]) => [
      "",
      title,
      "-".repeat(title.length),
      ...cacheLines(caches, { ...options, sort }),
    ]),
  ];
}
