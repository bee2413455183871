/**
 * Which instructions of the model build were reached, and before which something was injected: a
 * bit each, so that the results of many runs can be united exactly.
 */
import type { Machine } from "./core/machine.js";
import type { SiteTable } from "./instrument/sites.js";
import { reasonFor } from "./unreached.js";

export interface UnreachedSite {
  readonly function: string;
  readonly kind: string;
  readonly reason: string;
}

/** Of the model build: all instructions with an access, those reached, those injected. */
export interface CoverageSummary {
  readonly total: number;
  readonly reached: number;
  readonly injected: number;
  readonly unreached: readonly UnreachedSite[];
  /** A bit for each instruction in hexadecimal digits, the first instruction in the lowest bit. */
  readonly reachedBits: string;
  readonly injectedBits: string;
}

export class Coverage {
  readonly #table: SiteTable;
  readonly #reached: Uint8Array;
  readonly #injected: Uint8Array;

  constructor(table: SiteTable) {
    this.#table = table;
    this.#reached = new Uint8Array(table.sites.length);
    this.#injected = new Uint8Array(table.sites.length);
  }

  /** What a machine passed; of another build it counts as nothing. */
  add({ module, passed, injected }: Machine): void {
    if (module.table.build !== this.#table.build) return;
    for (const [site, count] of passed.entries()) if (count > 0) this.#reached[site] = 1;
    for (const [site, count] of injected.entries()) if (count > 0) this.#injected[site] = 1;
  }

  summary(): CoverageSummary {
    const { sites } = this.#table;
    const unreached = sites
      .filter((_, site) => this.#reached[site] === 0)
      .map(({ function: name, kind }) => {
        return { function: name, kind, reason: reasonFor(name) };
      });
    return {
      total: sites.length,
      reached: countOf(this.#reached),
      injected: countOf(this.#injected),
      unreached,
      reachedBits: toDigits(this.#reached),
      injectedBits: toDigits(this.#injected),
    };
  }
}

/** What several runs of one build reached together. @param parts at least one */
export function unite(parts: readonly CoverageSummary[]): CoverageSummary {
  const [first] = parts;
  if (first === undefined) throw new RangeError("expected at least one run, got none");
  const { total } = first;
  const reached = united(parts.map(({ reachedBits }) => fromDigits(reachedBits, total)));
  const injected = united(parts.map(({ injectedBits }) => fromDigits(injectedBits, total)));
  // What nobody reached stands in every list; the first one says at which places.
  const own = fromDigits(first.reachedBits, total);
  const places = [...own.keys()].filter((site) => own[site] === 0);
  const unreached = first.unreached.filter((_, at) => reached[places[at] as number] === 0);
  return {
    ...{ total, reached: countOf(reached), injected: countOf(injected), unreached },
    ...{ reachedBits: toDigits(reached), injectedBits: toDigits(injected) },
  };
}

function united(all: readonly Uint8Array[]): Uint8Array {
  const [first = new Uint8Array(0)] = all;
  return first.map((_, site) => Number(all.some((flags) => flags[site] === 1)));
}

function countOf(flags: Uint8Array): number {
  return flags.reduce((sum, flag) => sum + flag, 0);
}

function toDigits(flags: Uint8Array): string {
  let text = "";
  for (let at = 0; at < flags.length; at += 4) {
    const bits = [0, 1, 2, 3].map((bit) => (flags[at + bit] ?? 0) << bit);
    text += bits.reduce((sum, bit) => sum | bit, 0).toString(16);
  }
  return text;
}

function fromDigits(text: string, total: number): Uint8Array {
  return Uint8Array.from({ length: total }, (_, site) => {
    const digit = Number.parseInt(text[site >>> 2] ?? "0", 16);
    return (digit >>> (site & 3)) & 1;
  });
}
