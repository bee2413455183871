/**
 * Where in the sources an access comes from: a file, a line, and the function that this line is
 * in, which the optimiser may have copied into another.
 *
 * asc writes a source map beside a binary when it is asked to; the code it makes is the same.
 */
import type { SourcePlace } from "./sites.js";
import { accessOffsets } from "./offsets.js";

/** What a source map says about a byte of the binary. */
export interface MapEntry {
  readonly generatedColumn?: number;
  readonly originalSource?: string;
  /** From 0. */
  readonly originalLine?: number;
}

export interface SourceMapReader {
  findEntry(line: number, column: number): MapEntry | Record<string, never>;
}

/**
 * The file of the atomic accesses, and how the functions are named that it has left in a module. Of
 * a copy elsewhere only the instruction itself says that it is from there: what comes after it in
 * the same function is the caller's again.
 */
const ATOMICS = "assembly/sync/atomic.ts";
const OWN_ATOMICS = "assembly/sync/atomic/";

/** By name of a function: the place of each of its accesses, in their order. */
export type Places = ReadonlyMap<string, readonly (SourcePlace | null)[]>;

/**
 * @param bytes the binary that the map is of
 * @param names of all functions, imported ones first
 * @param textOf a source by the name that the map has for it
 */
export function readPlaces(
  bytes: Uint8Array,
  names: readonly string[],
  map: SourceMapReader,
  textOf: (file: string) => string,
): Places {
  const sources = new Map<string, readonly string[]>();
  const functionsOf = (file: string) => {
    const known = sources.get(file);
    if (known !== undefined) return known;
    const found = enclosing(textOf(file));
    sources.set(file, found);
    return found;
  };
  const placeOf = (name: string, offset: number, start: number): SourcePlace | null => {
    const isAtomics = name.startsWith(OWN_ATOMICS);
    for (let at = offset; at >= start; ) {
      const { originalSource: file, originalLine: line, generatedColumn } = map.findEntry(0, at);
      const isOwn = at === offset || isAtomics || file !== ATOMICS;
      if (file !== undefined && line !== undefined && isOwn) {
        return { file, line: line + 1, function: functionsOf(file)[line] ?? "" };
      }
      // Loads of fields have no place of their own, nor has an atomic access whose result nobody
      // takes; what was computed before them has, their address.
      at = Math.min(at, generatedColumn ?? at) - 1;
    }
    return null;
  };
  const { imported, functions } = accessOffsets(bytes);
  return new Map(
    functions.map(({ start, accesses }, index) => {
      const name = names[imported + index] ?? "";
      return [name, accesses.map((offset) => placeOf(name, offset, start))];
    }),
  );
}

/** By line of a source: the function it is in. */
function enclosing(text: string): string[] {
  let current = "";
  return text.split("\n").map((line) => {
    current = /^(?:export )?function (\w+)/.exec(line)?.[1] ?? current;
    return current;
  });
}
