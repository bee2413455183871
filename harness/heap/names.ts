/**
 * Names of caches and groups: which are good, and how the wasm gets them.
 *
 * A name is text here and UTF-8 in the heap, where other threads find it by comparing; so it must
 * be the same again when it is read. Half a surrogate pair is not, nor is a byte order mark, which
 * decoders drop: two different names would be one in the heap, and neither could be opened.
 */
import { describe } from "./errors.js";
import type { HeapView } from "./view.js";

/** How the names of all caches begin that the heap makes for itself, now or when it needs them. */
const OWN_NAMES = "kmalloc-";

/** What would break the columns that names are printed in. */
const NO_COLUMN = /[\p{White_Space}\p{Cc}]/u;

/**
 * @returns the name in UTF-8
 * @throws TypeError, RangeError unless it is one that fits, survives, and keeps the columns of
 * reports
 */
export function checkName(view: HeapView, call: string, name: unknown): Uint8Array {
  const limit = view.table.constants.NAME_BYTES - 1;
  const message = `${call}: name: expected 1..${limit} bytes of UTF-8 without spaces`;
  if (typeof name !== "string") throw new TypeError(`${message}, got ${describe(name)}; pass one`);
  const hint = "try a name such as dentry or my-cache";
  const bytes = encodeName(name);
  if (bytes === null) {
    throw new RangeError(`${message}, got ${describe(name)}, which UTF-8 does not keep; ${hint}`);
  }
  if (bytes.length >= 1 && bytes.length <= limit && !NO_COLUMN.test(name)) return bytes;
  throw new RangeError(`${message}, got ${describe(name)} of ${bytes.length} bytes; ${hint}`);
}

/** The same for a cache that is to be made. @throws RangeError also for a name of the heap's own */
export function checkCacheName(view: HeapView, call: string, name: unknown): Uint8Array {
  const bytes = checkName(view, call, name);
  if (!String(name).startsWith(OWN_NAMES)) return bytes;
  throw new RangeError(
    `${call}: name: expected one that does not begin with ${OWN_NAMES}, as those of the heap's ` +
      `own caches do, got ${describe(name)}; try another, or open one of these with ` +
      "cpu.kmemCacheOpen(name)",
  );
}

/** A name in UTF-8, or null if it would not be the same when it is read again. */
export function encodeName(name: string): Uint8Array | null {
  try {
    const bytes = new TextEncoder().encode(name);
    return new TextDecoder().decode(bytes) === name ? bytes : null;
  } catch {
    // The encoder of a worklet (text.ts) refuses half a surrogate pair by itself.
    return null;
  }
}

/** The part of a CPU's state that this needs. */
interface Host {
  readonly area: number;
  readonly memory: WebAssembly.Memory;
  readonly view: HeapView;
}

/** Write a name to the bytes that belong to this CPU's host. @returns where they are */
export function writeName(state: Host, name: Uint8Array): number {
  const scratch = state.area + state.view.table.constants.CPU_SCRATCH;
  const target = new Uint8Array(state.memory.buffer, scratch, name.length + 1);
  target.set(name);
  target[name.length] = 0;
  return scratch;
}
