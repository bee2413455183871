/**
 * The text of what slab_debug reports, as the kernel writes it.
 *
 * Written while the wasm waits, from the memory as it is: nothing is repaired before the report is
 * out. A report is one text, and so is each repair: `BUG cache (Not tainted): what`, a rule, INFO
 * lines and hex dumps; `FIX cache: what`. Ages are operations of the CPU that made the track.
 * Kernel: mm/slub.c slab_bug(), print_trailer(), print_track(), print_section(), slab_fix().
 */
import { PAGE_KINDS, SL_PARTIAL, SLAB_KMALLOC } from "./constants.js";
import { hex } from "./errors.js";
import { SLAB_RED_ZONE, SLAB_STORE_USER } from "./flags.js";
import type { CacheView, HeapView, PageView } from "./view.js";

/** What the wasm tells: assembly/base/host.ts, slab_report(). */
export interface SlabReport {
  readonly kind: number;
  readonly cache: number;
  readonly slab: number;
  readonly object: number;
  readonly from: number;
  readonly to: number;
  readonly value: number;
}

/** Bytes that were written over, by kind: assembly/sync/slab_report.ts. */
const BYTES: Readonly<Record<number, string>> = {
  1: "Left Redzone",
  2: "Right Redzone",
  3: "kmalloc Redzone",
  4: "Alignment padding",
  5: "Poison",
  6: "End Poison",
  7: "Object padding",
  8: "Slab padding",
};

/** What is wrong with an object or a slab. */
const BUGS: Readonly<Record<number, (report: SlabReport) => string>> = {
  16: () => "Freelist Pointer check fails",
  17: () => "Freechain corrupt",
  18: () => "Freepointer corrupt",
  19: () => "Object already free",
  32: () => "Freepointer corrupt",
  33: () => "Freelist cycle detected",
  34: ({ from, to }) => `Wrong number of objects. Found ${from} but should be ${to}`,
  35: ({ from, to }) => `Wrong object count. Counter is ${from} but counted were ${to}`,
  36: ({ from, to }) => `objects ${from} > max ${to}`,
  37: ({ from, to }) => `inuse ${from} > max ${to}`,
  38: () => "Slab disabled since SLUB metadata consistency check failed",
  39: ({ from }) => `Invalid object pointer ${hex(from)}`,
  40: ({ from, to }) => `Slab has ${from} allocated objects but ${to} are to be freed`,
  41: ({ from, to }) => `Bulk free expected ${to} objects but found ${from}`,
  42: () => "Objects remaining on __kmem_cache_shutdown()",
  44: ({ from, to }) => `${from} partial slabs counted but counter=${to}`,
};

const FIXES: Readonly<Record<number, (report: SlabReport) => string>> = {
  96: () => "Freelist cleared",
  97: () => "Number of objects adjusted",
  98: () => "Object count adjusted",
  99: () => "Marking all objects used",
  100: ({ object }) => `Object at ${hex(object)} not freed`,
};

const OBJECT_REMAINS = 43;
/** Added to a kind of bytes that are restored. */
const RESTORE = 64;
const TRACE_ALLOC = 128;
const TRACE_FREE = 129;

/** Whether a call of the host is the line of a cache with SLAB_TRACE: news, and no damage. */
export function isTraceKind(kind: number): boolean {
  return kind === TRACE_ALLOC || kind === TRACE_FREE;
}

const TRACK_NAMES = ["", "kmalloc", "kmem_cache_alloc", "kfree", "kmem_cache_free"];
const TRACK_NOLOCK = 0x10;
const TRACK_DEFERRED = 0x20;
const TRACK_BYTES = 16;

/** What reports call allocations that have no cache, and how many bytes of one they show. */
const LARGE = "kmalloc-large";
const LARGE_MAX = 256;

const RULE = "-".repeat(77);
const LINE_BYTES = 16;
/** No section is longer: a page. */
const SECTION_MAX = 4096;
/** Of a left red zone as wide as a large object is aligned, the end says it all. */
const LEFT_MAX = 64;

/** Write one report or repair, ending in a newline. */
export function writeReport(view: HeapView, report: SlabReport): string {
  view.refresh();
  if (report.cache === 0) return `${largeLines(view, report).join("\n")}\n`;
  const cache = view.cache(Math.max(0, view.cacheIndexOf(report.cache)));
  const slab = view.page(Math.max(0, view.pfnOf(report.slab)));
  return `${linesOf(view, cache, slab, report).join("\n")}\n`;
}

function linesOf(view: HeapView, cache: CacheView, slab: PageView, report: SlabReport): string[] {
  const { kind, object, from, to, value } = report;
  const last = hex(to - 1);
  const restored = BYTES[kind - RESTORE];
  if (restored !== undefined) {
    return [`FIX ${cache.name}: Restoring ${restored} ${hex(from)}-${last}=${hex(value)}`];
  }
  const fix = FIXES[kind];
  if (fix !== undefined) return [`FIX ${cache.name}: ${fix(report)}`];
  if (isTraceKind(kind)) return traceLines(view, cache, slab, report);
  if (kind === OBJECT_REMAINS) {
    const offset = object - slab.start;
    const tracks = trackLines(view, cache, object).slice(0, 1);
    return [`Object ${hex(object)} @offset=${offset}`, ...tracks];
  }
  const bytes = BYTES[kind];
  const bug =
    bytes === undefined ? (BUGS[kind]?.(report) ?? `report ${kind}`) : `${bytes} overwritten`;
  const lines = [...bugHeader(view, cache.name, bug), ""];
  if (bytes !== undefined) {
    const found = view.u8(from).toString(16).padStart(2, "0");
    const first = `First byte 0x${found} instead of ${hex(value)}`;
    lines.push(`INFO: ${hex(from)}-${last} @offset=${from - slab.start}. ${first}`);
  }
  if (object !== 0) lines.push(...trailer(view, cache, slab, object));
  else if (report.slab !== 0) lines.push(slabLine(slab));
  if (object === 0 && bytes !== undefined) lines.push("", ...section(view, "Padding", from, to));
  return lines;
}

/** Of a large allocation, or of a page that was one: there is no cache. */
function largeLines(view: HeapView, report: SlabReport): string[] {
  const { kind, object, from, to, value } = report;
  const range = `${hex(from)}-${hex(to - 1)}`;
  const restored = BYTES[kind - RESTORE];
  if (restored !== undefined) return [`FIX ${LARGE}: Restoring ${restored} ${range}=${hex(value)}`];
  const fix = FIXES[kind];
  if (fix !== undefined) return [`FIX ${LARGE}: ${fix(report)}`];
  const bytes = BYTES[kind];
  const bug =
    bytes === undefined ? (BUGS[kind]?.(report) ?? `report ${kind}`) : `${bytes} overwritten`;
  const lines = [...bugHeader(view, LARGE, bug), ""];
  const page = view.page(Math.max(0, view.pfnOf(report.slab)));
  if (bytes !== undefined) {
    const found = view.u8(from).toString(16).padStart(2, "0");
    const offset = from - page.start;
    lines.push(`INFO: ${range} @offset=${offset}. First byte 0x${found} instead of ${hex(value)}`);
  } else {
    lines.push(`INFO: Address ${hex(from)}`);
  }
  if (report.slab !== 0) {
    const kindName = PAGE_KINDS[page.kind] ?? `kind ${page.kind}`;
    lines.push(`INFO: Page ${hex(page.address)} pfn=${page.pfn} kind=${kindName}`);
  }
  if (object !== 0) lines.push(`INFO: Object ${hex(object)} size=${page.slabs}`);
  if (bytes !== undefined) {
    const start = Math.max(0, from - (from % LINE_BYTES) - LINE_BYTES);
    const end = Math.min(to, from + LARGE_MAX) + LINE_BYTES;
    lines.push("", ...section(view, object === 0 ? "Page" : "Redzone", start, end));
  }
  return lines;
}

/** `BUG cache (Not tainted): what` and the rule below it. */
export function bugHeader(view: HeapView, name: string, bug: string): string[] {
  const tainted = view.header().slab_errors === 0 ? "Not tainted" : "Tainted: G    B";
  return [`BUG ${name} (${tainted}): ${bug}`, RULE];
}

function traceLines(
  view: HeapView,
  cache: CacheView,
  slab: PageView,
  { kind, object }: SlabReport,
): string[] {
  const what = kind === TRACE_ALLOC ? "alloc" : "free";
  const counts = `inuse=${slab.inuse} fp=${hex(slab.freelist)}`;
  const line = `TRACE ${cache.name} ${what} ${hex(object)} ${counts}`;
  if (kind === TRACE_ALLOC) return [line];
  return [line, ...section(view, "Object", object, object + cache.object_size)];
}

/** What is known of an object: who had it, its slab, and the bytes in and around it. */
export function trailer(
  view: HeapView,
  cache: CacheView,
  slab: PageView,
  object: number,
): string[] {
  const fp = hex(view.freePointer(cache, object));
  const end = object + cache.object_size;
  const hasRedZone = (cache.flags & SLAB_RED_ZONE) !== 0;
  const pad = object + padStart(cache);
  const next = object + cache.size - cache.red_left_pad;
  const left = Math.min(cache.red_left_pad, LEFT_MAX);
  const before = Math.min(LINE_BYTES, object - slab.start);
  return [
    ...trackLines(view, cache, object),
    slabLine(slab),
    `INFO: Object ${hex(object)} @offset=${object - slab.start} fp=${fp}`,
    "",
    ...(hasRedZone
      ? section(view, "Redzone", object - left, object)
      : section(view, "Bytes b4", object - before, object)),
    ...section(view, "Object", object, end),
    ...(hasRedZone ? section(view, "Redzone", end, object + cache.inuse) : []),
    ...section(view, "Padding", pad, next),
  ];
}

function slabLine(slab: PageView): string {
  const counts = `objects=${slab.objects} used=${slab.inuse} fp=${hex(slab.freelist)}`;
  const flags = [
    ...(slab.frozen ? ["frozen"] : []),
    ...((slab.flags & SL_PARTIAL) !== 0 ? ["partial"] : []),
  ];
  return `INFO: Slab ${hex(slab.address)} ${counts} flags=${flags.join("|") || "none"}`;
}

/** Offset of what lies behind object and free pointer. */
function infoEnd(cache: CacheView): number {
  return cache.offset >= cache.inuse ? cache.inuse + 4 : cache.inuse;
}

function padStart(cache: CacheView): number {
  const isTracked = (cache.flags & SLAB_STORE_USER) !== 0;
  const hasSize = isTracked && (cache.flags & SLAB_KMALLOC) !== 0;
  return infoEnd(cache) + (isTracked ? 2 * TRACK_BYTES : 0) + (hasSize ? 4 : 0);
}

/** Who allocated the object, and who freed it last. */
function trackLines(view: HeapView, cache: CacheView, object: number): string[] {
  if ((cache.flags & SLAB_STORE_USER) === 0) return [];
  return ["Allocated", "Freed"].flatMap((what, index) => {
    const { op, cpu, pid, when } = view.struct(
      "track",
      object + infoEnd(cache) + index * TRACK_BYTES,
    );
    const name = TRACK_NAMES[op & 0xf];
    if (name === undefined || name === "" || cpu >= view.cpuCount) return [];
    const isDeferred = (op & TRACK_DEFERRED) !== 0;
    const suffix = isDeferred || (op & TRACK_NOLOCK) !== 0 ? "_nolock" : "";
    const age = (view.cpu(cpu).ops - when) >>> 0;
    const later = isDeferred ? " (deferred)" : "";
    return [`INFO: ${what} in ${name}${suffix}${later} age=${age} cpu=${cpu} pid=${pid}`];
  });
}

/** A hex dump, 16 bytes a line, with what of it is ASCII. */
function section(view: HeapView, label: string, from: number, to: number): string[] {
  const lines: string[] = [];
  const end = Math.min(to, from + SECTION_MAX);
  for (let at = from; at < end; at += LINE_BYTES) {
    const count = Math.min(LINE_BYTES, end - at);
    const bytes = Array.from({ length: count }, (_, index) => view.u8(at + index));
    const digits = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = bytes.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : "."));
    const address = `0x${at.toString(16).padStart(8, "0")}`;
    lines.push(
      `${label.padEnd(8)} ${address}: ${digits.padEnd(LINE_BYTES * 3 - 1)}  ${text.join("")}`,
    );
  }
  return lines;
}
