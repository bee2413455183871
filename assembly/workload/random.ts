/** Random numbers for loads: cheap, seeded, the same in every run of a seed. */

/** @returns the state after `x`, which is 32 random bits too (xorshift32, Marsaglia 2003). */
export function xorshift32(x: u32): u32 {
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return x;
}

/** @returns a state to start from; never 0, where xorshift stands still. */
export function random_start(seed: u32): u32 {
  // The multiplier parts seeds that differ in few bits.
  const mixed = (seed + 1) * 0x9e37_79b1;
  return mixed === 0 ? 1 : mixed;
}

/** @returns a number below `bound` from 32 random bits, by the upper half of a product. */
export function scale_below(random: u32, bound: u32): u32 {
  return <u32>((<u64>random * bound) >> 32);
}
