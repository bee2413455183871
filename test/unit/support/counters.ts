/**
 * The counters of assembly/sync/stat.ts by name, read from the source itself, so that a test names
 * a counter as the allocator does and cannot drift from it.
 */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "../../..");

/** The text of a source file, by its path in the project. */
export function readSource(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** Every `export const NAME: u32 = VALUE;` of a source, in order; other constants are left out. */
export function numbersIn(source: string): ReadonlyMap<string, number> {
  const pattern = /^export const ([A-Z]\w*): (?:u32|i32|usize) = (-?(?:0x)?[\da-fA-F_]+);/gm;
  const found = [...source.matchAll(pattern)];
  return new Map(
    found.map(([, name = "", value = ""]) => [name, Number(value.replaceAll("_", ""))]),
  );
}

/** Number of each counter; its place is `stat_base + cpu * STAT_STRIDE + number * 8`. */
export const COUNTERS: ReadonlyMap<string, number> = new Map(
  [...numbersIn(readSource("assembly/sync/stat.ts"))].filter(([name]) => name !== "NR_STAT_ITEMS"),
);

/** Events by counter; counters that stayed where they were are left out. */
export type Counts = Readonly<Record<string, number>>;
