/**
 * Finds the heap in a memory that somebody handed over.
 *
 * A header lies at the start of a page and begins with the magic, its own address and the ABI
 * version; these three never move, so a heap of any version is recognised.
 */
import { BOOT_READY } from "./constants.js";
import type { FieldTable } from "./fields.js";

/** "SLABLAB" and a version byte, little endian, as two words. */
const MAGIC = [0x42414c53, 0x0142414c] as const;
const SELF_WORD = 2;
const ABI_VERSION_WORD = 3;

export type FoundHeap =
  | { readonly state: "ready" | "booting"; readonly base: number }
  | { readonly state: "foreign"; readonly base: number; readonly abiVersion: number }
  | { readonly state: "none" };

/** Look for a header in all of `buffer`; a heap of another ABI version is "foreign". */
export function findHeap(buffer: ArrayBufferLike, table: FieldTable): FoundHeap {
  const pageWords = 2 ** table.constants.PAGE_SHIFT / 4;
  const words = new Uint32Array(buffer, 0, Math.floor(buffer.byteLength / 4));
  // Page 0 is the null page.
  for (let at = pageWords; at < words.length; at += pageWords) {
    if (words[at] !== MAGIC[0] || words[at + 1] !== MAGIC[1]) continue;
    const base = at * 4;
    if (words[at + SELF_WORD] !== base) continue;
    const abiVersion = words[at + ABI_VERSION_WORD] ?? 0;
    if (abiVersion !== table.constants.ABI_VERSION) return { state: "foreign", base, abiVersion };
    const boot = words[at + table.offsets.heap_header.boot / 4];
    return { state: boot === BOOT_READY ? "ready" : "booting", base };
  }
  return { state: "none" };
}
