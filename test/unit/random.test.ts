/** Goal: a seed names a run. Method: repeat, vary, and look at crude statistics of the output. */
import { createRandom, SEED_MAX } from "slablab/internal/workload/random.js";
import { expect, test } from "vitest";

const take = (count: number, next: () => number) => Array.from({ length: count }, next);

test("the same seed and stream give the same numbers, other ones do not", () => {
  const first = take(16, createRandom(7, 1).uint32);
  expect(take(16, createRandom(7, 1).uint32)).toEqual(first);
  expect(take(16, createRandom(7, 2).uint32)).not.toEqual(first);
  expect(take(16, createRandom(8, 1).uint32)).not.toEqual(first);
});

test("the numbers of a seed never change: written down seeds stay valid", () => {
  expect(take(4, createRandom(0x51ab1ab).uint32)).toMatchInlineSnapshot(`
    [
      2987260194,
      790614639,
      3557686551,
      4016223109,
    ]
  `);
});

test("neighbouring seeds share no bits beyond chance", () => {
  const firsts = take(
    4096,
    (
      (seed) => () =>
        createRandom(seed++).uint32()
    )(0),
  );
  for (let bit = 0; bit < 32; bit++) {
    const ones = firsts.filter((value) => (value >>> bit) & 1).length;
    expect(ones, `bit ${bit}`).toBeGreaterThan(1850);
    expect(ones, `bit ${bit}`).toBeLessThan(2250);
  }
});

test("uniformInt includes both ends and nothing outside", () => {
  const random = createRandom(1);
  const seen = new Set(take(1000, () => random.uniformInt(3, 7)));
  expect([...seen].sort()).toEqual([3, 4, 5, 6, 7]);
});

test("shuffle permutes in place, typed arrays too, every order about equally often", () => {
  const random = createRandom(2);
  const counts = new Map<string, number>();
  for (let round = 0; round < 6000; round++) {
    const order = random.shuffle(Uint32Array.of(1, 2, 3)).join("");
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  expect(counts.size).toBe(6);
  for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
});

test("what is no seed is refused", () => {
  for (const seed of [-1, 1.5, Number.NaN, SEED_MAX + 1]) {
    expect(() => createRandom(seed)).toThrow("expected an integer in 0..4294967295");
  }
  expect(() => createRandom(1, -1)).toThrow("stream");
});
