/**
 * A generator for inner loops: xorshift32 (Marsaglia 2003), a nanosecond a number.
 *
 * It is seeded from the harness's own generator, so that a seed and a stream name a run; its
 * statistical weaknesses do not matter to a fuzz.
 */
import { createRandom } from "../random.js";

export class Xorshift {
  #state: number;

  /** @param seed 0..2^32-1, @param stream 0..65535 */
  constructor(seed: number, stream: number) {
    this.#state = createRandom(seed, stream).uint32() | 1;
  }

  /** The next number, 1..2^32-1. */
  next(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return state >>> 0;
  }

  /** A number in 0..limit-1. @param limit 1..2^16 */
  below(limit: number): number {
    return ((this.next() >>> 16) * limit) >>> 16;
  }
}
