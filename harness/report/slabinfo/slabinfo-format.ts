/** Columns of the kernel tools: numbers to the right, names to the left, nothing truncated. */

/** `text` at the right of `width` columns. */
export function right(value: number | string, width: number): string {
  return `${value}`.padStart(width);
}

/** `text` at the left of `width` columns. */
export function left(text: string, width: number): string {
  return text.padEnd(width);
}

/**
 * A size as slabinfo shows it: above 1000 with one digit after the point, cut off, and K, M or G,
 * which here are powers of 1000.
 */
export function storeSize(value: number, asBytes: boolean): string {
  const unit = asBytes ? undefined : UNITS.find(({ above }) => value > above);
  if (unit === undefined) return `${value}`;
  return `${(Math.floor((value * 10) / unit.above) / 10).toFixed(1)}${unit.letter}`;
}

const UNITS = [
  { above: 1e9, letter: "G" },
  { above: 1e6, letter: "M" },
  { above: 1e3, letter: "K" },
] as const;
