/**
 * Stamps: what an object holds while somebody owns it, over its whole length.
 *
 * Word 0 is a serial that no other live object has; word i is the serial mixed with i. Two owners
 * of one byte, a lost write of the allocator into a live object, or an object that is shorter than
 * it claims all show when the stamp is checked. A stamp does not depend on the address, so it
 * survives krealloc().
 */
import type { Cpu } from "slablab";

const MIX = 0x9e3779b1;

export interface Stamper {
  /** Stamp `bytes` bytes at `object`, a multiple of 4. */
  stamp(object: number, bytes: number): void;
  /**
   * Check the first `bytes` bytes against the stamp.
   * @throws Error that says which word is wrong
   */
  check(object: number, bytes: number): void;
  /** Bytes checked so far. */
  checkedBytes(): number;
}

/** @param cpu for views of the memory @param owner 0..255, different on every CPU */
export function createStamper(cpu: Cpu, owner: number): Stamper {
  let serial = 0;
  let checked = 0;
  let words = cpu.view(4096, Uint32Array, 0);

  // One view of everything is kept as long as it reaches: a view per call is slower than the heap.
  const reach = (object: number, bytes: number): Uint32Array => {
    const end = (object + bytes) / 4;
    if (end > words.length) words = new Uint32Array(cpu.bytes(object, bytes).buffer);
    return words;
  };

  return {
    stamp(object, bytes) {
      const memory = reach(object, bytes);
      const at = object / 4;
      serial = (serial + 1) & 0xffffff;
      const first = ((owner << 24) | serial) >>> 0;
      for (let i = bytes / 4 - 1; i > 0; i--) memory[at + i] = first ^ Math.imul(i, MIX);
      memory[at] = first;
    },

    check(object, bytes) {
      const memory = reach(object, bytes);
      const at = object / 4;
      const first = memory[at] as number;
      for (let i = bytes / 4 - 1; i > 0; i--) {
        const expected = (first ^ Math.imul(i, MIX)) >>> 0;
        if (memory[at + i] !== expected) throwBroken(memory, object, bytes, i, expected);
      }
      // Whoever frees it twice, or frees what is no object, finds no stamp there.
      memory[at] = ~first;
      checked += bytes;
    },

    checkedBytes: () => checked,
  };
}

function throwBroken(
  memory: Uint32Array,
  object: number,
  bytes: number,
  index: number,
  expected: number,
): never {
  const hex = (value = 0) => `0x${value.toString(16)}`;
  const first = memory[object / 4];
  throw new Error(
    `stamp of ${hex(object)}, ${bytes} bytes, serial ${hex(first)}: expected ` +
      `${hex(expected)} in word ${index}, got ${hex(memory[object / 4 + index])}`,
  );
}
