/**
 * What a heap has written, the same for every heap: 4 KiB pages of its memory that are not all
 * zero. A memory begins as zeroes and takes none of the machine until it is written, so this is
 * what a heap costs as long as nobody writes zeroes over a whole page.
 */
const PAGE_BYTES = 4096;
const PAGE_WORDS = PAGE_BYTES / 4;

/** Context: any; a page that is being written meanwhile may or may not count. */
export function pagesWritten(memory: WebAssembly.Memory): number {
  const words = new Int32Array(memory.buffer);
  let pages = 0;
  for (let start = 0; start < words.length; start += PAGE_WORDS) {
    if (!isZero(words, start)) pages++;
  }
  return pages;
}

function isZero(words: Int32Array, start: number): boolean {
  for (let at = start; at < start + PAGE_WORDS; at++) {
    if (words[at] !== 0) return false;
  }
  return true;
}
