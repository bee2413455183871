/**
 * The numbers 0..count-1 in an order that a seed names, without a list of them: a Feistel network
 * over the next even power of two, applied again while it leaves the range.
 */
const ROUNDS = 4;

export class Permutation {
  readonly #count: number;
  readonly #half: number;
  readonly #keys: readonly number[];

  /** @param count 1..2^30 @param seed any 32-bit number */
  constructor(count: number, seed: number) {
    this.#count = count;
    const bits = Math.max(2, Math.ceil(Math.log2(Math.max(2, count))));
    this.#half = Math.ceil(bits / 2);
    this.#keys = Array.from({ length: ROUNDS }, (_, round) => mix(seed + round * 0x9e3779b9));
  }

  /** @param place 0..count-1 @returns the number at that place */
  at(place: number): number {
    let number = place;
    do number = this.#once(number);
    while (number >= this.#count);
    return number;
  }

  #once(number: number): number {
    const mask = (1 << this.#half) - 1;
    let [left, right] = [number >>> this.#half, number & mask];
    for (const key of this.#keys) {
      [left, right] = [right, left ^ (mix(right ^ key) & mask)];
    }
    return left * 2 ** this.#half + right;
  }
}

/** The finaliser of MurmurHash3. */
function mix(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
