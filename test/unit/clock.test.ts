/** Goal: the resolution is measured, whatever the clock does. Method: clocks made for the test. */
import { measureResolutionNs, systemClock } from "slablab/internal/measure/common/clock.js";
import { expect, test } from "vitest";

/** A clock that returns the given readings and then stays at the last one. */
function scriptedClock(readings: readonly number[]) {
  let next = 0;
  return { nowNs: () => readings[Math.min(next++, readings.length - 1)] as number };
}

test("the resolution is the smallest step between two readings", () => {
  expect(measureResolutionNs(scriptedClock([0, 0, 500, 500, 700, 5700]))).toBe(200);
});

test("a clock that stands still has no resolution instead of hanging", () => {
  expect(measureResolutionNs({ nowNs: () => 5 })).toBe(Number.POSITIVE_INFINITY);
});

test("the system clock moves forward by less than a tenth of a millisecond", () => {
  const resolutionNs = measureResolutionNs(systemClock);
  expect(resolutionNs).toBeGreaterThan(0);
  expect(resolutionNs).toBeLessThan(100_000);
});
