/**
 * What the instrumenter leaves beside a module: every access it put a hook in front of.
 *
 * A site is one instruction of the emitted binary. Its number is its place in `sites`, and what
 * `point(site, address)` gets. Plain data: it is a JSON file beside the module.
 */

/** What an access is. `relax` is an atomic load whose value nobody takes: a turn of a spin loop. */
export const SITE_KINDS = [
  ...(["load", "store", "atomicLoad", "atomicStore", "rmw", "cmpxchg", "relax"] as const),
  ...(["wait", "notify", "copy", "fill", "size", "grow"] as const),
] as const;
export type SiteKind = (typeof SITE_KINDS)[number];

export interface Site {
  /** The function of the emitted binary it is in: what was inlined there counts as its. */
  readonly function: string;
  readonly kind: SiteKind;
  /** Bytes; 0 where the access itself says how many (copy, fill) or it has none (size, grow). */
  readonly width: number;
  /** Place among the accesses of its function, from 0. */
  readonly index: number;
  /** It forms its address from `this_cpu` after the hook: one step on whatever CPU that is. */
  readonly isThisCpu: boolean;
  /**
   * A task that is moved to another CPU right before it loses nothing by that: it lies between the
   * load of a CPU's `freelist|tid` word and the this_cpu cmpxchg that refuses what another CPU's
   * tid was read for.
   */
  readonly survivesMove: boolean;
  /** Where the sources have it; null where nobody knows. */
  readonly place: SourcePlace | null;
}

export interface SourcePlace {
  /** From the project's folder. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** The function of the source, which may have been inlined into Site.function. */
  readonly function: string;
}

/** A call that a program of the machine can make. */
export interface CallSignature {
  readonly parameters: number;
  readonly hasResult: boolean;
}

export interface SiteTable {
  /** Format of this file. */
  readonly version: number;
  /** Hash of the binary that was instrumented: what schedule strings are bound to. */
  readonly build: string;
  readonly sites: readonly Site[];
  /** Exports that tasks may call: those whose parameters and result are 32-bit integers. */
  readonly calls: Readonly<Record<string, CallSignature>>;
  /** Exports that handlers may call, by operation number. */
  readonly handlerCalls: readonly string[];
}

export const SITE_TABLE_VERSION = 3;

/** The file: as SiteTable, but a name only once. */
interface SiteFile extends Omit<SiteTable, "sites"> {
  readonly names: readonly string[];
  /** Function, kind, width, index, marks; and a place's file, line and function, if known. */
  readonly sites: readonly (readonly number[])[];
}

/** Marks of a site in its file. */
const THIS_CPU = 1;
const SURVIVES_MOVE = 2;

/** @returns the text of the file beside a module */
export function formatSiteTable({ sites, ...rest }: SiteTable): string {
  const names: string[] = [];
  const numbers = new Map<string, number>();
  const numberOf = (name: string) => {
    const known = numbers.get(name);
    if (known !== undefined) return known;
    numbers.set(name, names.length);
    return names.push(name) - 1;
  };
  const rows = sites.map(({ function: name, kind, width, index, place, ...site }) => {
    const marks = (site.isThisCpu ? THIS_CPU : 0) | (site.survivesMove ? SURVIVES_MOVE : 0);
    const row = [numberOf(name), SITE_KINDS.indexOf(kind), width, index, marks];
    if (place === null) return row;
    return [...row, numberOf(place.file), place.line, numberOf(place.function)];
  });
  const file: SiteFile = { ...rest, names, sites: rows };
  return JSON.stringify(file);
}

/** @throws TypeError if it is of another version */
export function parseSiteTable(text: string): SiteTable {
  const { names, sites, ...rest } = JSON.parse(text) as SiteFile;
  if (rest.version !== SITE_TABLE_VERSION) {
    throw new TypeError(
      `the site table: expected version ${SITE_TABLE_VERSION}, got ${rest.version}; ` +
        "try npm run build, which writes both anew",
    );
  }
  const nameOf = (index = -1) => names[index] ?? "";
  const placeOf = ([file, line, inside]: readonly number[]) =>
    line === undefined ? null : { file: nameOf(file), line, function: nameOf(inside) };
  const all = sites.map(([name, kind = 0, width = 0, index = 0, marks = 0, ...at]) => ({
    ...{ function: nameOf(name), kind: SITE_KINDS[kind] ?? "load", width, index },
    isThisCpu: (marks & THIS_CPU) !== 0,
    survivesMove: (marks & SURVIVES_MOVE) !== 0,
    place: placeOf(at),
  }));
  return { ...rest, sites: all };
}

/** The line of a source; and its function, where it was inlined into `name`. */
export function describePlace(name: string, { file, line, function: inside }: SourcePlace): string {
  const at = `${file.replace(/^assembly\//, "")}:${line}`;
  return inside === "" || inside === name ? at : `${inside} ${at}`;
}

/** Exports that an NMI handler may call, where a module has them. */
export const HANDLER_CALLS = [
  ...["nmi_enter", "nmi_exit", "irq_enter", "irq_exit", "kmalloc_nolock", "kfree_nolock"],
  ...["kmem_cache_alloc_nolock", "kmem_cache_free_nolock", "kmalloc", "kfree", "poll"],
  ...["kmem_cache_alloc", "kmem_cache_free"],
] as const;

/** An access whose effect is a write, for whoever wants to know before it happens. */
export function isWrite(kind: SiteKind): boolean {
  return (
    kind === "store" ||
    kind === "atomicStore" ||
    kind === "rmw" ||
    kind === "cmpxchg" ||
    kind === "copy" ||
    kind === "fill"
  );
}

/** Whether the access is sequentially consistent. */
export function isAtomic(kind: SiteKind): boolean {
  return kind !== "load" && kind !== "store" && kind !== "copy" && kind !== "fill";
}
