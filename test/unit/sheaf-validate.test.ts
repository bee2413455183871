/**
 * Goal: validate() finds every kind of damage to sheaves. Method: as heap-validate.test.ts: a busy
 * heap, and copies of it that are damaged in one place.
 */
import { createHeap } from "slablab";
import { beforeAll, expect, test } from "vitest";
import { SHEAF_DAMAGE } from "./support/damage-sheaves.js";
import { type Snapshot, snapshots } from "./support/snapshot.js";

let snapshot: () => Snapshot;

beforeAll(async () => {
  const sizes = { cpus: 2, maximumBytes: 2 ** 25, maxCaches: 32 };
  const heap = await createHeap({ ...sizes, percpu: "sheaf", sheafCapacity: "kernel64" });
  const [zero, one] = [heap.cpu(), heap.cpu()];
  zero.kmemCacheOpen("kmalloc-64").prefillSheaf(5);
  const objects = Array.from({ length: 2500 }, () => zero.kmalloc(64));
  // More than a CPU keeps itself, so that the barn has some.
  for (const object of objects.slice(0, 2000)) one.kfree(object);
  for (const object of objects.slice(2000, 2310)) zero.kfree(object);
  // Sheaves that wait for a reader, that wait for a period, and one that is not full.
  one.rcuReadLock();
  for (let i = 0; i < 140; i++) zero.kfreeRcu(zero.kmalloc(64));
  expect(heap.validate()).toEqual([]);
  snapshot = snapshots(heap);
});

const plants = Object.entries(SHEAF_DAMAGE).flatMap(([law, all]) =>
  all.map(([name, plant]) => ({ law, name, plant })),
);

test.each(plants)("$law: $name", ({ law, plant }) => {
  const copy = snapshot();
  plant(copy);
  expect(copy.validate().map(({ invariant }) => invariant)).toContain(law);
});
