/**
 * Seeded randomness: the same seed and stream give the same numbers on every runtime.
 *
 * Every random decision of the harness comes from here, so that a run is named by its seed. A
 * `stream` separates consumers that share one seed (CPU 0, CPU 1, the bootstrap): it is part of the
 * generator's 128-bit starting state, whose cycle is so long that two streams do not meet.
 */
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plusFromState } from "pure-rand/generator/xoroshiro128plus";

export interface Random {
  /** A uniform integer in 0..2^32-1. */
  uint32(): number;
  /** A uniform integer in `from`..`to`, both included. */
  uniformInt(from: number, to: number): number;
  /** A uniform number in 0 (included) .. 1 (excluded), with 32 random bits. */
  uniformFloat(): number;
  /** Permutes `items` in place, every order being equally likely, and returns it. */
  shuffle<T extends { length: number; [index: number]: unknown }>(items: T): T;
}

/** Seeds are 32-bit, so that one fits on a command line and in one word of the heap. */
export const SEED_MAX = 0xffff_ffff;

/** Neighbouring seeds start in similar states; these many numbers are dropped to part them. */
const WARM_UP_COUNT = 32;

/** @throws RangeError if `seed` is not an integer in 0..2^32-1 or `stream` not one in 0..65535. */
export function createRandom(seed: number, stream = 0): Random {
  if (!Number.isInteger(seed) || seed < 0 || seed > SEED_MAX) {
    throw new RangeError(
      `seed: expected an integer in 0..${SEED_MAX}, got ${seed}; try seed >>> 0`,
    );
  }
  if (!Number.isInteger(stream) || stream < 0 || stream > 0xffff) {
    throw new RangeError(
      `stream: expected an integer in 0..65535, got ${stream}; try a CPU number`,
    );
  }
  // Never all zero, the one state it could not leave: seed and ~seed are not zero together.
  const generator = xoroshiro128plusFromState([~stream, ~seed, seed | 0, stream]);
  for (let count = 0; count < WARM_UP_COUNT; count++) generator.next();

  const uint32 = () => generator.next() >>> 0;
  return {
    uint32,
    uniformInt: (from, to) => uniformInt(generator, from, to),
    uniformFloat: () => uint32() / 2 ** 32,
    shuffle(items) {
      const cells: { length: number; [index: number]: unknown } = items;
      for (let last = cells.length - 1; last > 0; last--) {
        const other = uniformInt(generator, 0, last);
        const moved = cells[last];
        cells[last] = cells[other];
        cells[other] = moved;
      }
      return items;
    },
  };
}
