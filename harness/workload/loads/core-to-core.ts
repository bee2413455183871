/**
 * core-to-core: what one contended line costs here, the unit of every other number of contention.
 *
 * Model: `ping-pong`, two CPUs hand a word to each other by compare and exchange; with more, each
 * two have a line of their own, and one left over stands by. A CPU counts two operations for each
 * turn, there and back, so that its time for an operation is one way. `read-mostly/N`: all CPUs
 * but 0 read one line, and one in N operations of CPU 0 writes to it; `read-mostly/never` is the
 * same without writes. Needs no heap, so it only runs beside ours.
 *
 * Differs from core-to-core-latency: Workers are not pinned to cores, so there is no table of
 * pairs. A CPU whose partner is not running gives up after a bounded number of tries.
 */
import type { LoadDefinition } from "./definition.js";

/** About as long as two chunks take. */
const TRIES = 4096;
const GAPS = [1, 16, 256];

const COMMON = {
  flavours: ["fused"],
  cpusMin: 2,
  cpusMax: 256,
  liveBytes: () => 0,
  between: "none",
  renewSteps: 0,
} as const;

function readMostly(gap: number): LoadDefinition {
  return {
    ...COMMON,
    name: `core-to-core/read-mostly/${gap === 0 ? "never" : gap}`,
    prefix: "read_mostly",
    model: `all read a line that CPU 0 ${gap === 0 ? "never writes" : `writes 1 time in ${gap}`}`,
    unit: "atomic load, or a write of CPU 0",
    parameters: () => [{ name: "gap", value: gap }],
  };
}

export const coreToCore: readonly LoadDefinition[] = [
  {
    ...COMMON,
    name: "core-to-core/ping-pong",
    prefix: "ping_pong",
    model: "two CPUs hand a line to each other",
    unit: "one way of the line",
    parameters: () => [{ name: "tries", value: TRIES }],
  },
  readMostly(0),
  ...GAPS.map(readMostly),
];
