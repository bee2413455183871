/**
 * Goal: validate() finds every kind of damage, names the law that is broken, and survives all.
 * Method: one busy heap in which every structure is in use; each plant damages a copy of it in one
 * place and must be reported under the right law. Random damage must never throw or hang.
 */
import { __GFP_ACCOUNT, createHeap, type Heap } from "slablab";
import { INVARIANTS } from "slablab/internal/heap/validate/invariants.js";
import { beforeAll, describe, expect, test } from "vitest";
import { isWhole } from "../support/tier.js";
import { MEMCG_DAMAGE } from "./support/damage-memcg.js";
import { PAGE_DAMAGE, RESERVE_BYTES } from "./support/damage-pages.js";
import { SHEAF_DAMAGE } from "./support/damage-sheaves.js";
import { SLAB_DAMAGE } from "./support/damage-slabs.js";
import type { Plant } from "./support/places.js";
import { type Snapshot, snapshots } from "./support/snapshot.js";

let heap: Heap;
let snapshot: () => Snapshot;
/** Objects in use, for damage that must *not* be found. */
const live: number[] = [];

beforeAll(async () => {
  const reserveBytes = RESERVE_BYTES;
  const sizes = { cpus: 3, maximumBytes: 2 ** 25, maxCaches: 32, reserveBytes };
  heap = await createHeap({ ...sizes, percpu: "slab" });
  const [zero, one, two] = [heap.cpu(), heap.cpu(), heap.cpu()];
  live.push(...zero.kmallocBulk(64, 64 * 20), ...zero.kmallocBulk(300, 50), zero.kmalloc(50_000));
  live.push(...one.kmallocBulk(64, 10), ...one.kmallocBulk(8, 700), one.kmalloc(2 ** 23));
  // Charged to a group by two CPUs; the stock of neither is empty.
  for (const cpu of [zero, one]) {
    cpu.memcg = cpu.id === 0 ? zero.memcgCreate({ name: "g", limitBytes: 2 ** 20 }) : zero.memcg;
    live.push(...cpu.kmallocBulk(100, 5, __GFP_ACCOUNT), cpu.kmalloc(9000, __GFP_ACCOUNT));
    cpu.kfree(cpu.kmalloc(100, __GFP_ACCOUNT));
  }
  // One object of each full slab, freed remotely: percpu partial slabs, then node partial slabs.
  for (let slab = 1; slab < 14; slab++) one.kfree(live[slab * 64 + slab] ?? 0);
  one.kfree(live[64 * 1 + 20] ?? 0);
  // Deferred, and not drained: a nolock free reaches no safe point.
  for (const at of [16, 17, 18]) one.kfreeNolock(live[at * 64] ?? 0);
  // Empty slabs on the node's list, left behind by a CPU that went.
  two.kfreeBulk(two.kmallocBulk(1000, 100));
  two.offline();
  zero.kfree(zero.kmalloc(2 ** 14));
  const freed = [16 * 64, 17 * 64, 18 * 64, 64 + 20];
  for (let slab = 1; slab < 14; slab++) freed.push(slab * 64 + slab);
  for (const index of freed.sort((a, b) => b - a)) live.splice(index, 1);
  snapshot = snapshots(heap);
});

const PLANTS: Readonly<Record<string, readonly Plant[]>> = {
  ...PAGE_DAMAGE,
  ...SLAB_DAMAGE,
  ...MEMCG_DAMAGE,
};

test("the busy heap is sound, and so is a copy of it", () => {
  expect(heap.validate()).toEqual([]);
  expect(snapshot().validate()).toEqual([]);
});

test("every law but that of the checker itself has a plant", () => {
  const laws = Object.keys(INVARIANTS).filter((id) => id !== "Q0-checker");
  // Those of sheaves are planted in a heap that has some: sheaf-validate.test.ts.
  const planted = new Set([...Object.keys(PLANTS), ...Object.keys(SHEAF_DAMAGE)]);
  expect([...planted].sort()).toEqual(laws.sort());
});

describe.each(Object.entries(PLANTS))("%s is reported for", (id, plants) => {
  test.each(plants)("%s", (_name, damage) => {
    const copy = snapshot();
    damage(copy);
    const findings = copy.validate();
    expect(findings.map(({ invariant }) => invariant)).toContain(id);
    for (const finding of findings) {
      expect(finding.where).not.toBe("");
      expect(finding.message).not.toMatch(/undefined|NaN|\[object/);
      expect(Number.isInteger(finding.address)).toBe(true);
    }
  });
});

describe("any damage", () => {
  test("to the bytes of live objects is none of the checker's business", () => {
    const copy = snapshot();
    const bytes = new Uint8Array(copy.words.buffer);
    for (const object of live) bytes.fill(0xa5, object, object + 8);
    expect(copy.validate()).toEqual([]);
  });

  test("too many findings are counted, not kept", () => {
    const copy = snapshot();
    const { mem_map, first_pfn, end_pfn } = copy.view.header();
    copy.words.fill(0xffffffff, (mem_map + first_pfn * 64) / 4, (mem_map + end_pfn * 64) / 4);
    const findings = copy.validate();
    expect(findings.length).toBeLessThan(1100);
    expect(findings.at(-1)).toMatchObject({ invariant: "Q0-checker" });
    expect(findings.at(-1)?.message).toMatch(/^\d+ more findings were dropped$/);
  });

  test("random words in random places never make it throw or hang", () => {
    let state = 0x51ab1ab;
    const random = (limit: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      return Math.floor(((state >>> 8) / 2 ** 24) * limit);
    };
    const { base } = snapshot().view;
    const { mem_map, end_pfn } = snapshot().view.header();
    const regions = [
      [base, base + 8192 + 32 * 256],
      [base + 8192 + 32 * 256, mem_map],
      [mem_map, mem_map + end_pfn * 64],
      [base, end_pfn * 4096],
    ] as const;
    const values = [0, 1, 0xffffffff, 64, mem_map, base, 2 ** 31];
    let found = 0;
    const turns = isWhole ? 150 : 48;
    for (let turn = 0; turn < turns; turn++) {
      const copy = snapshot();
      const [from, to] = regions[turn % regions.length] ?? [0, 0];
      for (let count = 0; count <= turn % 8; count++) {
        const address = from + random((to - from) / 4) * 4;
        copy.set(address, values[random(values.length)] ?? 0);
      }
      const findings = copy.validate();
      if (findings.length > 0) found++;
      expect(findings.map(({ invariant }) => invariant)).not.toContain("Q0-checker");
    }
    expect(found).toBeGreaterThan(turns / 8);
  });

  test("a heap of zeros or of noise is reported, not walked", () => {
    for (const fill of [0, 0xffffffff, 0x1000]) {
      const copy = snapshot();
      copy.words.fill(fill, copy.view.base / 4);
      expect(copy.validate().map(({ invariant }) => invariant)).toContain("Q0-header");
    }
  });
});
