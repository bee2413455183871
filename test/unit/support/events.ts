/** Events and kinds by name, read from the source, so that a test names what it waits for. */
import { numbersIn, readSource } from "./counters.js";

const NUMBERS = new Map(
  ["trace", "lockdep"].flatMap((file) => [...numbersIn(readSource(`assembly/sync/${file}.ts`))]),
);

/** @returns the number of TRACE_* or LOCKDEP_* */
export function eventNumber(name: string): number {
  const number = NUMBERS.get(name);
  if (number === undefined) throw new Error(`expected a constant ${name}, got none`);
  return number;
}

/** Heap options: HEAP_* of assembly/base/config.ts. */
export const HEAP_RT = 0x1;
export const HEAP_NO_CMPXCHG = 0x2;
export const HEAP_RANDOMIZE = 0x4;
export const HEAP_HARDENED = 0x8;
export const HEAP_FAILSLAB = 0x10;
