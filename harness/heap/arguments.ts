/**
 * The cold half of the argument checks of `Cpu` and `KmemCache`.
 *
 * The hot half is one comparison per argument at the call itself. When it fails, the function
 * here looks again at each argument and throws for the first bad one; none of them returns.
 */
import { isUnsigned } from "./abi.js";
import { describe, hex, throwNotInteger } from "./errors.js";
import { GFP_MASK, NUMA_NO_NODE } from "./flags.js";

/** @throws TypeError, RangeError unless `value` is an integer in 0..2^32-1 */
export function checkUnsigned(what: string, value: unknown): asserts value is number {
  if (!isUnsigned(value)) throwNotInteger(what, value);
}

/** @throws TypeError, RangeError unless `flags` has only GFP flags set */
export function checkFlags(what: string, flags: unknown, mask = GFP_MASK): void {
  checkUnsigned(what, flags);
  const unknown = flags & ~mask;
  if (unknown === 0) return;
  throw new RangeError(
    `${what}: expected flags among ${hex(mask)}, got ${hex(flags)}; ` +
      "or together the constants that slablab exports, such as __GFP_ZERO",
  );
}

/** Whether `flags` is a number with no other bits than those of `mask`. */
export function hasFlags(flags: unknown, mask: number): flags is number {
  return typeof flags === "number" && (flags & mask) === flags;
}

/** @throws TypeError, RangeError unless `node` is one of the heap's or NUMA_NO_NODE */
export function checkNode(what: string, node: number, nodeCount: number): void {
  if (node === NUMA_NO_NODE || (isUnsigned(node) && node < nodeCount)) return;
  throwNotInteger(what, node, NUMA_NO_NODE, nodeCount - 1);
}

/** Throw for the bad one of `size` and `flags`, one of which failed its check. */
export function refuseSize(call: string, size: unknown, flags: unknown): never {
  checkUnsigned(`${call}: size`, size);
  checkFlags(`${call}: flags`, flags);
  throw new TypeError(`${call}: expected numbers, got ${describe(size)} and ${describe(flags)}`);
}

/** Throw for a pointer that is no integer. */
export function refusePointer(call: string, pointer: unknown): never {
  return throwNotInteger(`${call}: pointer`, pointer);
}

/** @throws TypeError unless `value` is a function */
export function checkFunction(what: string, value: unknown): void {
  if (typeof value === "function") return;
  throw new TypeError(`${what}: expected a function, got ${describe(value)}; pass one`);
}

/** @throws TypeError for a key of `options` that is not in `known` */
export function checkKeys(what: string, options: object, known: readonly string[]): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`${what}: expected an object, got ${describe(options)}; leave it out`);
  }
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    throw new TypeError(
      `${what}.${key}: expected one of ${known.join(", ")}, got an unknown option; ` +
        "check the spelling",
    );
  }
}
