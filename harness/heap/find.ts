/**
 * Finds the heap in a memory that somebody handed over.
 *
 * A header lies at the start of a page and begins with the magic, its own address and the ABI
 * version; these three never move, so a heap of any version is recognised. It is one page above a
 * multiple of the step that the size of the reserve below it gives, 64 of which make a doubling:
 * so whoever was not told the address looks at a few hundred words in 4 GiB, and not into every
 * page of what other modules only reserved, which the system would have to supply.
 */
import { BOOT_READY } from "./constants.js";
import type { FieldTable } from "./fields.js";

/** "SLABLAB" and a version byte, little endian, as two words. */
export const MAGIC = [0x42414c53, 0x0142414c] as const;
const MAGIC_BYTES = 8;
const SELF = 8;
const ABI_VERSION = 12;
/** Bytes from the start of a header that finding it reads. */
const HEAD_BYTES = 64;
/** Steps that a doubling of the reserve has: `heap_base_for()` in assembly/base/layout.ts. */
const STEPS = 64;

export type FoundHeap =
  | { readonly state: "ready" | "booting"; readonly base: number }
  | { readonly state: "foreign"; readonly base: number; readonly abiVersion: number }
  | { readonly state: "none" };

/**
 * Look for a header; a heap of another ABI version is "foreign".
 *
 * @param base where it is, as `handle.base` says; left out: wherever one can be
 */
export function findHeap(buffer: ArrayBufferLike, table: FieldTable, base?: number): FoundHeap {
  const memory = new DataView(buffer);
  if (base !== undefined) return headerAt(memory, table, base) ?? { state: "none" };
  for (const at of headerAddresses(table, buffer.byteLength)) {
    const found = headerAt(memory, table, at);
    if (found !== null) return found;
  }
  return { state: "none" };
}

/** The heap whose header is at `base`; null: there is none. */
function headerAt(memory: DataView, table: FieldTable, base: number): FoundHeap | null {
  if (base + HEAD_BYTES > memory.byteLength) return null;
  const word = (offset: number) => memory.getUint32(base + offset, true);
  const isHeader = word(0) === MAGIC[0] && word(MAGIC_BYTES / 2) === MAGIC[1];
  if (!isHeader || word(SELF) !== base) return null;
  const abiVersion = word(ABI_VERSION);
  if (abiVersion !== table.constants.ABI_VERSION) return { state: "foreign", base, abiVersion };
  const boot = word(table.offsets.heap_header.boot);
  return { state: boot === BOOT_READY ? "ready" : "booting", base };
}

/** Where a heap that leaves `reserveBytes` below it has its header: `heap_base_for()`. */
export function headerAddress(table: FieldTable, reserveBytes: number): number {
  const step = stepOf(table, reserveBytes);
  return Math.ceil(reserveBytes / step) * step + 2 ** table.constants.PAGE_SHIFT;
}

/** Every address below `byteLength` that a header can have, in order. */
export function* headerAddresses(table: FieldTable, byteLength: number): Generator<number> {
  const page = 2 ** table.constants.PAGE_SHIFT;
  for (let end = 0; end + page < byteLength; end += stepOf(table, end)) yield end + page;
}

function stepOf(table: FieldTable, reserveBytes: number): number {
  const highest = 2 ** (31 - Math.clz32(reserveBytes | 1));
  return Math.max(2 ** table.constants.PAGE_SHIFT, highest / STEPS);
}
