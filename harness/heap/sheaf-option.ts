/**
 * `sheafCapacity`: how many objects sheaves have room for, of a heap and of one of its caches; and
 * `sheafRefill`: who refills them.
 *
 * The heap says it in the upper half of its options' word, so that every CPU reads the same.
 */
import {
  HEAP_SHEAF_BYTES,
  HEAP_SHEAF_CAPACITY_SHIFT,
  HEAP_SHEAF_KERNEL32,
  HEAP_SHEAF_REFILL_WAITS,
  HEAP_SHEAVES,
  MAX_SHEAF_CAPACITY,
} from "./constants.js";
import { describe } from "./errors.js";

/** Rules by which sheaves of small objects get more of them. */
export const SHEAF_RULES = ["bytes", "kernel64", "kernel32"] as const;

/**
 * What `HeapOptions.sheafCapacity` takes: one of SHEAF_RULES, or a number for the sheaves of all
 * caches, 1..2044.
 */
export type SheafCapacity = (typeof SHEAF_RULES)[number] | number;

const EXPECTED = `${SHEAF_RULES.join(", ")} or an integer in 1..${MAX_SHEAF_CAPACITY}`;

/** @throws TypeError, RangeError for what is none, and for any in a heap that has no sheaves */
export function resolveSheafCapacity(
  value: SheafCapacity | undefined,
  hasSheaves: boolean,
): { sheafCapacity?: SheafCapacity } {
  if (value === undefined) return hasSheaves ? { sheafCapacity: SHEAF_RULES[0] } : {};
  const isRule = (SHEAF_RULES as readonly unknown[]).includes(value);
  if (!isRule && !(Number.isInteger(value) && isCapacity(value as number, 1))) {
    const message =
      `options.sheafCapacity: expected ${EXPECTED}, got ${describe(value)}; ` +
      `leave it out for ${SHEAF_RULES[0]}`;
    if (typeof value === "string" || typeof value === "number") throw new RangeError(message);
    throw new TypeError(message);
  }
  if (hasSheaves) return { sheafCapacity: value };
  throw new RangeError(
    'options.sheafCapacity: expected percpu: "sheaf" with it, got a heap without sheaves; ' +
      "leave one of the two out",
  );
}

/** Whether `value` is a capacity that can be asked for, `least` included. */
export function isCapacity(value: number, least: number): boolean {
  return value >= least && value <= MAX_SHEAF_CAPACITY;
}

/** What of it stands in `HeapHeader.options`. */
export function sheafCapacityBits(value: SheafCapacity | undefined): number {
  if (typeof value === "number") return value << HEAP_SHEAF_CAPACITY_SHIFT;
  if (value === "bytes") return HEAP_SHEAF_BYTES;
  return value === "kernel32" ? HEAP_SHEAF_KERNEL32 : 0;
}

/** The same read back. */
export function readSheafCapacity(bits: number): { sheafCapacity?: SheafCapacity } {
  if ((bits & HEAP_SHEAVES) === 0) return {};
  const number = bits >>> HEAP_SHEAF_CAPACITY_SHIFT;
  if (number !== 0) return { sheafCapacity: number };
  if ((bits & HEAP_SHEAF_BYTES) !== 0) return { sheafCapacity: "bytes" };
  return { sheafCapacity: (bits & HEAP_SHEAF_KERNEL32) === 0 ? "kernel64" : "kernel32" };
}

/** Who refills an empty sheaf from slabs. */
export const SHEAF_REFILLS = ["always", "mayWait"] as const;
/** What `HeapOptions.sheafRefill` takes: one of SHEAF_REFILLS. */
export type SheafRefill = (typeof SHEAF_REFILLS)[number];

/** @throws TypeError, RangeError for what is none, and for any in a heap that has no sheaves */
export function resolveSheafRefill(
  value: SheafRefill | undefined,
  hasSheaves: boolean,
): { sheafRefill?: SheafRefill } {
  if (value === undefined) return hasSheaves ? { sheafRefill: SHEAF_REFILLS[0] } : {};
  if (!(SHEAF_REFILLS as readonly unknown[]).includes(value)) {
    const message =
      `options.sheafRefill: expected one of ${SHEAF_REFILLS.join(", ")}, got ${describe(value)}; ` +
      `leave it out for ${SHEAF_REFILLS[0]}`;
    if (typeof value === "string") throw new RangeError(message);
    throw new TypeError(message);
  }
  if (hasSheaves) return { sheafRefill: value };
  throw new RangeError(
    'options.sheafRefill: expected percpu: "sheaf" with it, got a heap without sheaves; ' +
      "leave one of the two out",
  );
}

/** The same read back. */
export function readSheafRefill(bits: number): { sheafRefill?: SheafRefill } {
  if ((bits & HEAP_SHEAVES) === 0) return {};
  return { sheafRefill: (bits & HEAP_SHEAF_REFILL_WAITS) === 0 ? "always" : "mayWait" };
}

/** What is wrong with these bits, or null: a capacity that no option makes. */
export function sheafBitsFault(bits: number): string | null {
  const capacity = bits >>> HEAP_SHEAF_CAPACITY_SHIFT;
  const rule = bits & (HEAP_SHEAF_KERNEL32 | HEAP_SHEAF_BYTES);
  if ((bits & (HEAP_SHEAVES | HEAP_SHEAF_REFILL_WAITS)) === HEAP_SHEAF_REFILL_WAITS) {
    return "a rule for refills of sheaves in a heap without";
  }
  if (capacity === 0 && rule === 0) return null;
  if ((bits & HEAP_SHEAVES) === 0) return "a capacity of sheaves in a heap without";
  if (capacity !== 0 && rule !== 0) return "a capacity beside a rule for it";
  if (rule === (HEAP_SHEAF_KERNEL32 | HEAP_SHEAF_BYTES)) return "two rules for the capacity";
  return capacity <= MAX_SHEAF_CAPACITY ? null : `a capacity of ${capacity}`;
}
