/** A histogram in a cell of a table. */

const HEIGHTS = " ▁▂▃▄▅▆▇█";
const WIDTH_MAX = 14;

/** One letter a bar, the highest full; what is not empty is seen; bars are joined above `width`. */
export function bars(counts: readonly number[], width = WIDTH_MAX): string {
  const each = Math.max(1, Math.ceil(counts.length / width));
  const joined = Array.from({ length: Math.ceil(counts.length / each) }, (_, bar) =>
    counts.slice(bar * each, (bar + 1) * each).reduce((sum, count) => sum + count, 0),
  );
  const most = Math.max(1, ...joined);
  return joined.map((count) => HEIGHTS[Math.ceil((count / most) * (HEIGHTS.length - 1))]).join("");
}
