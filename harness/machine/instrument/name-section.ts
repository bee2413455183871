/**
 * Names for a binary that has none: optimised builds leave the name section out, but their text
 * form, written in the same run, names every function in the same order.
 */

/** Names of a text module's functions, imported ones first: function index to name. */
export function functionNames(wat: string): string[] {
  const imported = [...wat.matchAll(/^ \(import .*\(func \$([^\s)]+)/gm)];
  const defined = [...wat.matchAll(/^ \(func \$([^\s)]+)/gm)];
  return [...imported, ...defined].map(([, name = ""]) => name);
}

/** `bytes` with a name section that calls function i `names[i]`. */
export function withNames(bytes: Uint8Array, names: readonly string[]): Uint8Array {
  const entries = names.flatMap((name, index) => [...unsignedLeb(index), ...text(name)]);
  const functions = [...unsignedLeb(names.length), ...entries];
  const FUNCTION_NAMES = 1;
  const section = [...text("name"), FUNCTION_NAMES, ...unsignedLeb(functions.length), ...functions];
  const CUSTOM = 0;
  return Uint8Array.from([...bytes, CUSTOM, ...unsignedLeb(section.length), ...section]);
}

function text(value: string): number[] {
  const bytes = new TextEncoder().encode(value);
  return [...unsignedLeb(bytes.length), ...bytes];
}

function unsignedLeb(value: number): number[] {
  const low = value & 0x7f;
  const rest = value >>> 7;
  return rest === 0 ? [low] : [low | 0x80, ...unsignedLeb(rest)];
}
