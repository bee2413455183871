/**
 * `slabDebug` in the kernel's syntax: `letters[,cache...][;letters[,cache...]]...`
 *
 * What comes out are records, one per cache name or beginning, that the allocator compares with the
 * name of each cache it makes. They are written into the memory before the heap is, because its own
 * kmalloc caches are the first it makes.
 * Kernel: mm/slub.c parse_slub_debug_flags(), setup_slub_debug().
 */
import { SLAB_FAILSLAB, SLAB_KEEP_ORDER } from "./constants.js";
import { describe } from "./errors.js";
import type { FieldTable } from "./fields.js";
import {
  SLAB_CONSISTENCY_CHECKS,
  SLAB_POISON,
  SLAB_RED_ZONE,
  SLAB_STORE_USER,
  SLAB_TRACE,
} from "./flags.js";
import { encodeName } from "./names.js";
import type { WasmMemory } from "./wasm-types.js";

export interface SlabDebugRecord {
  /** SLAB_* */
  readonly flags: number;
  /** A cache's name, the beginning of names with `*` at its end, or "": all that none names. */
  readonly pattern: string;
}

const LETTERS: ReadonlyMap<string, number> = new Map([
  ["F", SLAB_CONSISTENCY_CHECKS],
  ["Z", SLAB_RED_ZONE],
  ["P", SLAB_POISON],
  ["U", SLAB_STORE_USER],
  ["T", SLAB_TRACE],
  ["A", SLAB_FAILSLAB],
  ["O", SLAB_KEEP_ORDER],
]);
/** What no letters at all mean. */
const ALL = SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER;
/** As the kmalloc caches have them in their names. */
const KMALLOC_SIZES = [
  ...["8", "16", "32", "64", "96", "128", "192", "256", "512", "1k", "2k", "4k", "8k"],
];
/** What allocations above those sizes go by; they have no cache. */
const LARGE = "kmalloc-large";
/** As many as the allocator has room for, and bytes of a name. */
const RECORDS_MAX = 16;
const NAME_MAX = 31;

/**
 * Parse the option.
 *
 * @param text with or without `slab_debug=` or `slub_debug=` in front
 * @throws TypeError if it is no string; RangeError for a letter, a name or a comma too many
 */
export function parseSlabDebug(text: unknown): SlabDebugRecord[] {
  if (typeof text !== "string") {
    throw new TypeError(
      `options.slabDebug: expected a string as of slab_debug=, got ${describe(text)}; ` +
        'try "FZPU", or leave it out',
    );
  }
  const value = text.replace(/^sl[au]b_debug(=|$)/, "");
  const blocks = value.split(";").map((block) => parseBlock(block, value));
  // As in the kernel, O is said once and holds for all.
  const keepOrder = blocks.some(({ flags }) => (flags & SLAB_KEEP_ORDER) !== 0);
  const extra = keepOrder ? SLAB_KEEP_ORDER : 0;
  const named = blocks.flatMap(({ flags, names }) =>
    names.map((pattern) => ({ flags: flags | extra, pattern })),
  );
  const all = blocks.filter(({ names }) => names.length === 0).at(-1);
  const records = all === undefined ? named : [...named, { flags: all.flags | extra, pattern: "" }];
  if (records.length <= RECORDS_MAX) return records;
  return refuse(`at most ${RECORDS_MAX} names`, `${records.length}`, "name several with a *");
}

function parseBlock(block: string, value: string): { flags: number; names: string[] } {
  const [letters = "", ...names] = block.split(",");
  if (block === "" && value !== "") {
    refuse("letters between semicolons", describe(value), "leave the semicolon out");
  }
  for (const name of names) checkName(name);
  return { flags: parseLetters(letters), names };
}

function parseLetters(letters: string): number {
  if (letters === "") return ALL;
  if (letters === "-") return 0;
  let flags = 0;
  for (const letter of letters) {
    const flag = LETTERS.get(letter.toUpperCase());
    if (flag === undefined) {
      const known = [...LETTERS.keys()].join(", ");
      const got = letter === letters ? describe(letter) : `"${letter}" in ${describe(letters)}`;
      return refuse(`letters among ${known}, or - alone`, got, 'try "FZPU"');
    }
    flags |= flag;
  }
  return flags;
}

function checkName(name: string): void {
  const bytes = encodeName(name);
  const isPlain = bytes?.every((byte) => byte > 0x20 && byte !== 0x7f);
  const star = name.indexOf("*");
  const starIsLast = star < 0 || star === name.length - 1;
  if (bytes !== null && bytes.length >= 1 && bytes.length <= NAME_MAX && isPlain && starIsLast) {
    checkKmalloc(name);
    return;
  }
  const expected = `names of 1..${NAME_MAX} bytes, with a * at most at the end, after each comma`;
  refuse(expected, describe(name), 'try "FZ,kmalloc-64" or "U,kmalloc-*"');
}

/** Users' caches come later, and have any name; those of kmalloc() are known now. */
function checkKmalloc(name: string): void {
  if (!name.startsWith("kmalloc-")) return;
  const all = KMALLOC_SIZES.flatMap((size) => [`kmalloc-${size}`, `kmalloc-cg-${size}`]);
  all.push(LARGE);
  const isKnown = name.endsWith("*")
    ? all.some((each) => each.startsWith(name.slice(0, -1)))
    : all.includes(name);
  if (isKnown) return;
  const sizes = KMALLOC_SIZES.join(", ");
  refuse(
    `a kmalloc cache, of the sizes ${sizes} or large`,
    describe(name),
    'try "kmalloc-64" or "kmalloc-*"',
  );
}

function refuse(expected: string, got: string, hint: string): never {
  throw new RangeError(`options.slabDebug: expected ${expected}, got ${got}; ${hint}`);
}

/**
 * Write the records where the allocator will look for them.
 *
 * @param base where the heap's header is going to be: nothing is there yet
 */
export function writeSlabDebug(
  memory: WasmMemory,
  table: FieldTable,
  base: number,
  records: readonly SlabDebugRecord[],
): void {
  const { SLAB_DEBUG_RECORDS, SLAB_DEBUG_RECORD_BYTES } = table.constants;
  const start = base + SLAB_DEBUG_RECORDS;
  const end = start + RECORDS_MAX * SLAB_DEBUG_RECORD_BYTES;
  const missing = end - memory.buffer.byteLength;
  if (missing > 0) {
    try {
      memory.grow(Math.ceil(missing / 65536));
    } catch {
      // Then the tables have no room either, which the allocator says.
      return;
    }
  }
  const words = new DataView(memory.buffer);
  records.forEach(({ flags, pattern }, index) => {
    const at = start + index * SLAB_DEBUG_RECORD_BYTES;
    words.setUint32(at, flags, true);
    new Uint8Array(memory.buffer, at + 4).set(new TextEncoder().encode(pattern));
  });
  const { nr_debug_records, large_debug_flags } = table.offsets.heap_header;
  words.setUint32(base + nr_debug_records, records.length, true);
  words.setUint32(base + large_debug_flags, flagsOf(LARGE, records), true);
}

/** What the records have for a cache: kmem_cache_flags() of the allocator. */
function flagsOf(name: string, records: readonly SlabDebugRecord[]): number {
  const named = records.find(({ pattern }) =>
    pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name,
  );
  const global = records.findLast(({ pattern }) => pattern === "");
  return (named ?? global)?.flags ?? 0;
}
