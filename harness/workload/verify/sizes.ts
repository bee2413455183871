/** Sizes of objects for a load that looks for bugs. */
import type { Xorshift } from "./xorshift.js";

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
