/**
 * SlabError: a pointer that may not be freed, told the way the kernel tells it.
 *
 * The wasm refuses before it changes anything and leaves a record in the CPU's area (bug_*); the
 * report is written from that record and the page descriptors.
 * Kernel: mm/slub.c slab_bug(), print_slab_info(), print_trailer(), free_consistency_checks().
 */
import {
  PAGE_KINDS,
  PG_LARGE,
  PG_NONE,
  REFUSED_DOUBLE,
  REFUSED_FOREIGN,
  REFUSED_FREE_PAGE,
  REFUSED_INTERIOR,
  REFUSED_LARGE_NOLOCK,
  REFUSED_WILD,
} from "./constants.js";
import { hex } from "./errors.js";
import { SLAB_DEBUG_FLAGS } from "./flags.js";
import { bugHeader, trailer } from "./slab-report.js";
import type { CacheView, HeapView, PageView } from "./view.js";
import { slabAt } from "./walk.js";

/** A pointer was refused; the heap is unchanged. */
export class SlabError extends Error {
  /** Always this; survives minifiers. */
  override readonly name = "SlabError";
  /** The kernel's text: `BUG kmalloc-64: ...` and what is known of the slab and the object. */
  readonly report: string;

  constructor(message: string, report: string) {
    super(message);
    this.report = report;
  }
}

/** What was refused, by whom and why. */
export interface Refusal {
  /** The call as its caller wrote it: `cpu.kfree`. */
  readonly call: string;
  readonly pointer: number;
  /** REFUSED_*. */
  readonly code: number;
  /** The cache it was given to; null where any would do. */
  readonly wanted: string | null;
}

interface Words {
  /** After `BUG cache: `. */
  readonly bug: string;
  readonly expected: string;
  readonly got: string;
  readonly hint: string;
}

/** Write the error for a refusal, reading the heap as it is now. */
export function makeSlabError(view: HeapView, refusal: Refusal): SlabError {
  view.refresh();
  const found = slabAt(view, refusal.pointer);
  const words = wordsOf(view, refusal, found);
  const { call, pointer } = refusal;
  const { expected, got, hint } = words;
  const message = `${call}(${hex(pointer)}): expected ${expected}, got ${got}; ${hint}`;
  const name = found?.cache.name ?? "kmalloc";
  const lines = [`BUG ${name}: ${words.bug}`, "-".repeat(77)];
  if (found !== null && (found.cache.flags & SLAB_DEBUG_FLAGS) !== 0) {
    const object = startOf(view, pointer, found);
    lines.splice(0, 2, ...bugHeader(view, name, words.bug), "");
    lines.push(...trailer(view, found.cache, found.slab, object));
  } else if (found === null) {
    lines.push(...describePage(view, pointer));
  } else {
    lines.push(describeSlab(found.slab), describeObject(view, pointer, found));
  }
  return new SlabError(message, `${lines.join("\n")}\n`);
}

function insideOf(what: string, start: number): Pick<Words, "got" | "hint"> {
  return { got: `one inside ${what}`, hint: `try ${hex(start)}` };
}

/**
 * Where the large allocation begins that an address behind its first page is in; null: in none. The
 * allocator knows the first pages of blocks alone, and does not look for one on behalf of an error.
 */
function largeAround(view: HeapView, pointer: number): number | null {
  const pageBytes = 2 ** view.table.constants.PAGE_SHIFT;
  const { first_pfn } = view.header();
  for (let pfn = Math.floor(pointer / pageBytes) - 1; pfn >= first_pfn; pfn--) {
    const kind = view.kind(pfn);
    if (kind === PG_NONE) continue;
    const { start, order, nr_pages } = view.page(pfn);
    const end = start + (nr_pages !== 0 ? nr_pages : 2 ** order) * pageBytes;
    return kind === PG_LARGE && pointer < end ? start : null;
  }
  return null;
}

function wordsOf(
  view: HeapView,
  { pointer, code, wanted }: Refusal,
  found: { slab: PageView; cache: CacheView } | null,
): Words {
  const invalid = `Invalid object pointer ${hex(pointer)}`;
  const start = "the address that an allocation returned";
  switch (code) {
    case REFUSED_WILD:
      return {
        bug: invalid,
        expected: start,
        got: "one outside the heap's pages",
        hint: "check that it came from this heap and not from another",
      };
    case REFUSED_FREE_PAGE: {
      const large = largeAround(view, pointer);
      if (large !== null)
        return { bug: invalid, expected: start, ...insideOf("a large allocation", large) };
      return {
        bug: invalid,
        expected: start,
        got: "one in a page that holds no allocation",
        hint: "look for a free that came before",
      };
    }
    case REFUSED_INTERIOR:
      return {
        bug: invalid,
        expected: start,
        ...insideOf(
          found === null ? "a large allocation" : "an object",
          startOf(view, pointer, found),
        ),
      };
    case REFUSED_FOREIGN: {
      const owner = found?.cache.name;
      const mine = wanted ?? "that cache";
      return {
        bug: `Wrong slab cache. ${mine} but object is from ${owner ?? "no cache"}`,
        expected: `an object of ${mine}`,
        got: owner === undefined ? "no object of any cache" : `one of ${owner}`,
        hint: "free it to the cache it came from, or with kfree()",
      };
    }
    case REFUSED_DOUBLE:
      return {
        bug: "Object already free",
        expected: "an object in use",
        got: "one that is free already",
        hint: 'look for the first free, with build: "debug" for older ones',
      };
    case REFUSED_LARGE_NOLOCK:
      return {
        bug: `Large allocation ${hex(pointer)} freed without waiting`,
        expected: "an object of at most 8192 bytes",
        got: "a large allocation",
        hint: "try kfree() where waiting is allowed",
      };
    default:
      return { bug: invalid, expected: start, got: `refusal ${code}`, hint: "report this" };
  }
}

/** Where the object or large allocation that `pointer` points into begins. */
function startOf(
  view: HeapView,
  pointer: number,
  found: { slab: PageView; cache: CacheView } | null,
): number {
  if (found !== null) {
    const { start } = found.slab;
    const size = Math.max(1, found.cache.size);
    return pointer - ((pointer - start) % size) + found.cache.red_left_pad;
  }
  // A large allocation is a block; its first page is the nearest below that heads one.
  let pfn = view.pfnAt(pointer);
  while (pfn > 0 && view.kind(pfn) === 0) pfn--;
  return Math.max(0, pfn) * 2 ** view.table.constants.PAGE_SHIFT;
}

function describePage(view: HeapView, pointer: number): string[] {
  const pfn = view.pfnAt(pointer);
  if (pfn < 0) return [`INFO: ${hex(pointer)} is outside the heap's pages`];
  const page = view.page(pfn);
  const kind = PAGE_KINDS[page.kind] ?? `kind ${page.kind}`;
  return [`INFO: Page ${hex(page.address)} pfn=${pfn} kind=${kind} order=${page.order}`];
}

function describeSlab(slab: PageView): string {
  const flags = `${slab.frozen ? "frozen" : ""}${slab.flags === 0 ? "" : " partial"}`.trim();
  const counts = `objects=${slab.objects} used=${slab.inuse} fp=${hex(slab.freelist)}`;
  return `INFO: Slab ${hex(slab.address)} ${counts} flags=${flags === "" ? "none" : flags}`;
}

function describeObject(
  view: HeapView,
  pointer: number,
  found: { slab: PageView; cache: CacheView },
): string {
  const object = startOf(view, pointer, found);
  const offset = object - found.slab.start;
  const fp = view.freePointer(found.cache, object);
  return `INFO: Object ${hex(object)} @offset=${offset} fp=${hex(fp)}`;
}
