/** xorshift32: a seed gives the same numbers everywhere. */
export class Random {
  #state: number;

  /** @param seed any 32-bit number; 0 is taken as 1 */
  constructor(seed: number) {
    this.#state = seed | 0 || 1;
    for (let i = 0; i < 8; i++) this.next();
  }

  /** 1 .. 2^32-1. */
  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x >>> 0;
  }

  /** 0 .. limit-1. */
  below(limit: number): number {
    return Math.floor((this.next() / 2 ** 32) * limit);
  }
}
