/** Sizes of objects for a load that looks for bugs. */
import type { Xorshift } from "../verify/xorshift.js";

/** The largest size that a slab holds; above it are whole pages. */
export const SIZE_MAX = 8192;

/** Small sizes mostly, every bucket now and then, and sizes at the edges of buckets. */
export function randomSize(random: Xorshift): number {
  const roll = random.next();
  const bits = roll & 0xff;
  if (bits < 160) return 1 + ((roll >>> 8) & 0xff);
  if (bits < 230) return 1 + ((roll >>> 8) & 0x7ff);
  if (bits < 240) return Math.min(SIZE_MAX, 8 << ((roll >>> 8) % 11));
  return 1 + ((roll >>> 8) & (SIZE_MAX - 1));
}

/** Whole pages, few mostly: a stamp over all of them takes its time. */
const LARGE_MAX = 16_384;
const LARGER_MAX = 65_536;
const LARGER_RARITY = 16;

/** Sizes of whole pages. */
export function randomLargeSize(random: Xorshift): number {
  const most = random.below(LARGER_RARITY) === 0 ? LARGER_MAX : LARGE_MAX;
  return SIZE_MAX + 1 + random.below(most - SIZE_MAX - 1);
}

/**
 * As programs': 1 byte to 8 KiB, each power of two half as likely as the one below.
 *
 * @param sixteenth 1..16 @param bits 32 random bits
 */
export function programSize(sixteenth: number, bits: number): number {
  return sixteenth * 2 ** Math.clz32((bits >>> 0) | (1 << 22));
}
