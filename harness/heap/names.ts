/** Names of caches and groups: which are good, and how the wasm gets them. */
import type { CpuState } from "./cpu-state.js";
import { describe } from "./errors.js";
import type { HeapView } from "./view.js";

/**
 * @returns the name in UTF-8
 * @throws TypeError, RangeError unless it is one that fits and keeps the columns of reports
 */
export function checkName(view: HeapView, call: string, name: unknown): Uint8Array {
  const limit = view.table.constants.NAME_BYTES - 1;
  const message = `${call}: name: expected 1..${limit} bytes of UTF-8 without spaces`;
  if (typeof name !== "string") throw new TypeError(`${message}, got ${describe(name)}; pass one`);
  const bytes = new TextEncoder().encode(name);
  // Control characters, space and DEL would break the columns that names are printed in.
  const isPlain = bytes.every((byte) => byte > 0x20 && byte !== 0x7f);
  if (bytes.length >= 1 && bytes.length <= limit && isPlain) return bytes;
  const got = `${describe(name)} of ${bytes.length} bytes`;
  throw new RangeError(`${message}, got ${got}; try a name such as dentry or my-cache`);
}

/** Write a name to the bytes that belong to this CPU's host. @returns where they are */
export function writeName(state: CpuState, name: Uint8Array): number {
  const scratch = state.area + state.view.table.constants.CPU_SCRATCH;
  const target = new Uint8Array(state.memory.buffer, scratch, name.length + 1);
  target.set(name);
  target[name.length] = 0;
  return scratch;
}
