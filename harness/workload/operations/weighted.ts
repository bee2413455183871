/** Choosing at random, by weight. */
import type { Xorshift } from "../verify/xorshift.js";

/** What is chosen, and in how many of all draws: weights are whole numbers, whatever their sum. */
export type Weighted<Item> = readonly (readonly [weight: number, item: Item])[];

/** A function that draws one item, in one step. The sum of the weights is 1..2^16. */
export function drawing<Item>(rows: Weighted<Item>): (random: Xorshift) => Item {
  const table = rows.flatMap(([weight, item]) => Array.from({ length: weight }, () => item));
  return (random) => table[random.below(table.length)] as Item;
}
