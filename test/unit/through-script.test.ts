/**
 * Goal: heaps that are called through JavaScript share no function, by which V8 would learn of one
 * from the others. Method: two heaps of plain functions that are counted.
 */
import { nextSource, throughScript } from "slablab/internal/workload/loads/through-script.js";
import { expect, test } from "vitest";

test("each heap gets functions that call it and no other, from a source of their own", () => {
  const calls: string[] = [];
  const [a, b] = ["a", "b"].map((name) =>
    throughScript({
      malloc: (size) => calls.push(`${name} malloc ${size}`),
      free: (p) => calls.push(`${name} free ${p}`),
    }),
  );
  expect(a?.malloc(8)).toBe(1);
  b?.free(16);
  b?.malloc(24);
  expect(calls).toEqual(["a malloc 8", "b free 16", "b malloc 24"]);
  expect(nextSource()).not.toBe(nextSource());
});
