/**
 * Undo log: the old value of every word that a schedule writes, so that the next begins where this
 * one began. Costs what was written, not what the memory holds.
 */
const INITIAL_ENTRIES = 4096;

export class UndoLog {
  readonly #words: Int32Array;
  #index = new Int32Array(INITIAL_ENTRIES);
  #old = new Int32Array(INITIAL_ENTRIES);
  #count = 0;
  readonly #seen: Int32Array;
  #round = 0;

  constructor(words: Int32Array) {
    this.#words = words;
    this.#seen = new Int32Array(words.length);
  }

  /** The word `index` (address / 4) is about to change. */
  log(index: number): void {
    const at = this.#count;
    if (at === this.#index.length) this.#grow();
    this.#index[at] = index;
    this.#old[at] = this.#words[index] as number;
    this.#count = at + 1;
  }

  #grow(): void {
    const bigger = (from: Int32Array<ArrayBuffer>) => {
      const to = new Int32Array(from.length * 2);
      to.set(from);
      return to;
    };
    this.#index = bigger(this.#index);
    this.#old = bigger(this.#old);
  }

  /** `bytes` from `address` on are about to change. */
  logRange(address: number, bytes: number): void {
    if (bytes === 0) return;
    const end = (address + bytes - 1) >>> 2;
    for (let index = address >>> 2; index <= end; index++) this.log(index);
  }

  /**
   * A hash over the words that differ from the start, in any order: two schedules with the same
   * hash left the same memory, but for a chance of 2^-53.
   */
  hash(): number {
    this.#round++;
    const [seen, words] = [this.#seen, this.#words];
    let low = 0;
    let high = 0;
    for (let at = this.#count - 1; at >= 0; at--) {
      const index = this.#index[at] as number;
      if (seen[index] === this.#round) continue;
      seen[index] = this.#round;
      // Entries are met from the last to the first: the first of a word holds its value at start.
      const mixed = mix(Math.imul(index, 0x9e3779b1) ^ (words[index] as number));
      low = (low + mixed) | 0;
      high = (high + mix(mixed ^ index)) | 0;
    }
    return (high >>> 11) * 2 ** 32 + (low >>> 0);
  }

  /** Put everything back. */
  restore(): void {
    const [index, old, words] = [this.#index, this.#old, this.#words];
    for (let at = this.#count - 1; at >= 0; at--) words[index[at] as number] = old[at] as number;
    this.#count = 0;
  }
}

function mix(value: number): number {
  let x = value ^ (value >>> 16);
  x = Math.imul(x, 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  return x ^ (x >>> 16);
}
