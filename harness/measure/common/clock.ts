/**
 * The clock that measurements are given, and how fine it really is.
 *
 * Nothing else in the harness reads the time: whoever measures takes a `Clock`, so that a test can
 * hand in one it controls. Readings are monotonic nanoseconds from an arbitrary origin. The
 * resolution is measured, not assumed: a browser page that is not cross-origin isolated steps by
 * 100 µs, an isolated one by 5 µs, Node by tens of nanoseconds.
 */

export interface Clock {
  /** Monotonic nanoseconds from an arbitrary origin; only differences mean anything. */
  nowNs(): number;
}

const NS_PER_MS = 1e6;

/** The runtime's own monotonic clock. */
export const systemClock: Clock = { nowNs: () => performance.now() * NS_PER_MS };

/** Steps looked at; enough to meet the smallest one even if some readings are interrupted. */
const STEP_COUNT = 64;
/** Readings that may pass without a step: a clock that stands still must not hang the caller. */
const READING_LIMIT = 5_000_000;

/**
 * Measures the smallest step that `clock` makes, in nanoseconds.
 *
 * @returns `Infinity` if it never moved: nothing can be timed with such a clock.
 */
export function measureResolutionNs(clock: Clock): number {
  let smallestNs = Number.POSITIVE_INFINITY;
  let previousNs = clock.nowNs();
  let stepCount = 0;
  for (let reading = 0; reading < READING_LIMIT && stepCount < STEP_COUNT; reading++) {
    const nowNs = clock.nowNs();
    if (nowNs === previousNs) continue;
    smallestNs = Math.min(smallestNs, nowNs - previousNs);
    previousNs = nowNs;
    stepCount++;
  }
  return smallestNs;
}
