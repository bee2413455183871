/** One file out of a tar archive (POSIX ustar), as npm writes them. */

const BLOCK_BYTES = 512;
const NAME_BYTES = 100;
/** Where its size stands in a header, in octal digits. */
const SIZE_START = 124;
const SIZE_END = 136;

/** @throws Error if there is no such file */
export function fileOfTar(tar: Uint8Array, path: string): Uint8Array {
  const text = new TextDecoder();
  for (let at = 0; at + BLOCK_BYTES <= tar.length; ) {
    const name = text.decode(tar.subarray(at, at + NAME_BYTES)).replace(/\0.*$/s, "");
    const size = Number.parseInt(text.decode(tar.subarray(at + SIZE_START, at + SIZE_END)), 8);
    if (name === "" || Number.isNaN(size)) break;
    const start = at + BLOCK_BYTES;
    if (name === path) return tar.subarray(start, start + size);
    at = start + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
  }
  throw new Error(`expected ${path} in the package, got none`);
}
