/** What loads write into objects and read back, byte for byte and nothing beyond. */

/** Fill `size` bytes at `p`, 4-byte aligned, with the bytes of `pattern`. */
export function write_content(p: usize, size: u32, pattern: u32): void {
  // memory.fill is a call into the engine, which costs more than a short loop.
  const end = p + size;
  for (; p + 4 <= end; p += 4) store<u32>(p, pattern);
  for (; p < end; p++) store<u8>(p, <u8>pattern);
}

/** @returns a sum over all `size` bytes at `p`, 4-byte aligned. */
export function read_content(p: usize, size: u32): u32 {
  const end = p + size;
  let sum: u32 = 0;
  for (; p + 4 <= end; p += 4) sum += load<u32>(p);
  for (; p < end; p++) sum += load<u8>(p);
  return sum;
}
