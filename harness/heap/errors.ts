/**
 * The errors this library throws, and how it words them: expected, got, what to try.
 *
 * Everything here is the cold half of a check that is made elsewhere. `SlabError`, for objects
 * that are not what the caller thinks, has a file of its own.
 */

/** Something this version does not do yet. The message says what, and what to use meanwhile. */
export class UnsupportedError extends Error {
  /** Always this; survives minifiers. */
  override readonly name = "UnsupportedError";
}

/** `0x` and lower-case hexadecimal digits: how every message here writes an address. */
export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

/** What came, short enough for a sentence: `"64"`, `-1`, `1.5`, `NaN`, `null`, `an array`. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case "string":
      return value.length > 40 ? `"${value.slice(0, 37)}..."` : `"${value}"`;
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "bigint":
      return `${value}n`;
    case "function":
      return "a function";
    case "object":
      if (value === null) return "null";
      return Array.isArray(value) ? "an array" : `an object (${tagOf(value)})`;
    default:
      return String(value);
  }
}

/** The class a value says it is of: `WebAssembly.Memory`, `Uint8Array`; the same in all realms. */
export function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

/**
 * Throw for a value that is no integer in `minimum..maximum`: a TypeError if it is no number at
 * all, a RangeError if it is the wrong one.
 *
 * @param what the argument by its name, such as `size` or `options.cpus`
 */
export function throwNotInteger(
  what: string,
  value: unknown,
  minimum = 0,
  maximum = 2 ** 32 - 1,
): never {
  const range = maximum === 2 ** 32 - 1 ? `${minimum}..2^32-1` : `${minimum}..${maximum}`;
  const message = `${what}: expected an integer in ${range}, got ${describe(value)}`;
  if (typeof value !== "number") throw new TypeError(`${message}; ${hintForType(value)}`);
  throw new RangeError(`${message}; ${hintForNumber(value)}`);
}

function hintForType(value: unknown): string {
  if (value === undefined) return "pass it";
  if (typeof value === "string" || typeof value === "bigint") return "try Number(value)";
  return "pass a number";
}

function hintForNumber(value: number): string {
  if (Number.isNaN(value)) return "check the arithmetic it came from";
  if (!Number.isInteger(value)) return "try Math.ceil(value)";
  return value < 0 ? "try value >>> 0 if it is an address" : "pass a value in that range";
}
