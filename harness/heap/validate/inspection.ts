/**
 * What one validation knows and has found so far; the checks beside this file share it.
 *
 * The page walk fills in the slabs and the blocks; the list walks then mark what they meet, so
 * that whatever is met twice or never shows. Everything is linear in the size of the heap.
 */
import { PAGE_KINDS } from "../constants.js";
import { hex } from "../errors.js";
import type { CacheView, HeapView, PageView } from "../view.js";
import { objectIndex } from "../walk.js";
import type { Finding, InvariantId } from "./invariants.js";

/** Findings beyond this many are counted, not kept: one broken counter can break every slab. */
const FINDINGS_MAX = 1000;

/** Where an object was met. */
export type Place =
  | "slab freelist"
  | "cpu freelist"
  | "detached freelist"
  | "deferred list"
  | "rcu queue"
  | "rcu sheaf"
  | "sheaf";
const PLACES: readonly Place[] = [
  "slab freelist",
  "cpu freelist",
  "detached freelist",
  "deferred list",
  "rcu queue",
  "rcu sheaf",
  "sheaf",
];

/** The law that says what a place may hold; for freelists O5. */
const LAWS_OF_PLACES: Partial<Record<Place, InvariantId>> = {
  "deferred list": "A23-deferred",
  "rcu sheaf": "O43-rcu-sheaves",
  sheaf: "O40-sheaves",
};

const WAITING = [1 + PLACES.indexOf("rcu queue"), 1 + PLACES.indexOf("rcu sheaf")];

/** @returns whether a mark says that an object waits for a grace period: charged until then */
export function isMarkedForReaders(mark: number | undefined): boolean {
  return mark !== undefined && WAITING.includes(mark);
}

/** Where a slab was met. */
export interface Home {
  readonly kind: "node list" | "percpu partial list" | "full list" | "cpu slab" | "deferred slabs";
  /** The CPU or node it is of. */
  readonly of: number;
}

export interface SlabRecord {
  readonly page: PageView;
  readonly cache: CacheView;
  readonly homes: Home[];
  /** Objects met on the slab's own freelist, and anywhere. */
  freeCount: number;
  marked: number;
  /** For each object 0, or 1 + the index in PLACES of where it was met. */
  readonly marks: Uint8Array;
}

export class Inspection {
  readonly view: HeapView;
  readonly findings: Finding[] = [];
  /** Every slab of a known cache, by address of its descriptor. */
  readonly slabs = new Map<number, SlabRecord>();
  /** Free blocks, pcp blocks and deferred blocks by first page: order. Lists take entries out. */
  readonly buddies = new Map<number, number>();
  readonly pcpBlocks = new Map<number, number>();
  readonly deferredBlocks = new Map<number, number>();
  /** Large allocations that are charged to a group. */
  readonly chargedPages: PageView[] = [];
  /** First pages of blocks that wait for a grace period. */
  readonly rcuBlocks = new Set<number>();
  /** Pages of each zone that belong to the heap, holes not included. */
  readonly zonePages: number[];
  #dropped = 0;

  constructor(view: HeapView) {
    this.view = view;
    this.zonePages = Array.from({ length: view.nodeCount }, () => 0);
  }

  report(invariant: InvariantId, where: string, address: number, message: string): void {
    if (this.findings.length < FINDINGS_MAX) {
      this.findings.push({ invariant, where, address, message });
    } else {
      this.#dropped++;
    }
  }

  /** The findings, with a word about those that were too many. */
  result(): Finding[] {
    if (this.#dropped === 0) return this.findings;
    const message = `${this.#dropped} more findings were dropped`;
    return [...this.findings, { invariant: "Q0-checker", where: "heap", address: 0, message }];
  }

  /** Node of a page frame: its 4 MiB block's number modulo the number of nodes. */
  nodeOf(pfn: number): number {
    const block = Math.floor(pfn / 2 ** this.view.table.constants.MAX_PAGE_ORDER);
    return block % Math.max(1, this.view.nodeCount);
  }

  /**
   * Note that `object` of `slab` was met in `place`, and report it if it cannot be there.
   *
   * @returns false if it was met before, or is no object of the slab
   */
  mark(slab: SlabRecord, object: number, place: Place): boolean {
    const index = objectIndex(slab.cache, slab.page, object);
    if (index < 0) {
      const message = `the ${place} holds ${hex(object)}, which is no object of this slab`;
      this.report(LAWS_OF_PLACES[place] ?? "O5-freelist", describeSlab(slab), object, message);
      return false;
    }
    const before = slab.marks[index] ?? 0;
    if (before === 0) {
      slab.marks[index] = 1 + PLACES.indexOf(place);
      slab.marked++;
      return true;
    }
    const other = PLACES[before - 1] ?? "slab freelist";
    const also = other === place ? "the same list again" : `the ${other}`;
    const message = `object ${hex(object)} is on the ${place} and on ${also}`;
    this.report(invariantOfPair(place, other), describeSlab(slab), object, message);
    return false;
  }
}

function invariantOfPair(a: Place, b: Place): InvariantId {
  const pair = [a, b];
  if (a === b && (a === "sheaf" || a === "rcu sheaf")) return "Q1-census";
  if (a === b) return a === "deferred list" ? "A23-deferred" : "O5-freelist";
  if (pair.includes("slab freelist") && pair.includes("cpu freelist")) return "O6-disjoint";
  return "Q1-census";
}

/** `page 1044 (kmalloc-64)`. */
export function describeSlab(slab: SlabRecord): string {
  return `page ${slab.page.pfn} (${slab.cache.name})`;
}

/** `page 1044 (buddy)`. */
export function describePage(page: PageView): string {
  return `page ${page.pfn} (${PAGE_KINDS[page.kind] ?? `kind ${page.kind}`})`;
}
