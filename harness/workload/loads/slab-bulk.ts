/**
 * slab_bulk_test01, 02 and 03: the bulk interface (J. Brouer). Objects of 256 bytes, about an
 * sk_buff, in a cache of their own with SLAB_HWCACHE_ALIGN that all CPUs share.
 *
 * Model:
 * - 01: as many objects as named are allocated and freed: `bulk`, by one call each; `loop`, one by
 *   one, which is what the kernel falls back to; `reuse`, the same object each time: the fast path.
 * - 02: the same with one number: 16, and 32,768, the most it takes, whose slabs come from the
 *   node's list and go there.
 * - 03: `worst`, neighbours in an array of 64 lie in different slabs, so that a bulk free finds few
 *   objects of a slab together; `best`, 16 in a row come from one bucket of slabs. Each CPU holds
 *   512 objects in 16 buckets by a hash of their slab, as the original does by page.
 *
 * Differs: runs for a time instead of 10 M objects. In 03 sorting the objects into buckets and
 * arrays is timed too; `worst` and `best` do equally much of it, so their difference is the heap's.
 * The number at once is what is measured and does not scale.
 */
import type { LoadDefinition } from "./definition.js";

const SIZE = 256;
const BULKS = [1, 2, 3, 4, 8, 16, 30, 32, 34, 48, 64, 128, 158, 250];
/** Numbers that run unless others are asked for. */
const BULKS_USUAL = [16, 250];
const BULK_SINGLE = 16;
const BULK_MAX = 32_768;
const BULK_WORST = 64;
const HELD = 512;

/** As in assembly/workload/linked/slab_bulk.ts. */
const WAYS = ["bulk", "loop", "reuse"] as const;
type Way = (typeof WAYS)[number];

const COMMON = {
  flavours: ["fused"],
  cpusMin: 1,
  cpusMax: 256,
  between: "none",
  renewSteps: 0,
  unit: `allocation + free of ${SIZE} bytes`,
} as const;

const MODELS: Readonly<Record<Way, (bulk: number) => string>> = {
  bulk: (bulk) => `${bulk} objects by one call, and back by one`,
  loop: (bulk) => `${bulk} objects one by one, and back`,
  reuse: () => "the same object again and again",
};

function bulkTest(test: string, bulk: number, way: Way, isOptional: boolean): LoadDefinition {
  return {
    ...COMMON,
    name: `slab_bulk_test${test}/${way === "reuse" ? way : `${bulk}/${way}`}`,
    prefix: "slab_bulk",
    model: MODELS[way](bulk),
    parameters: () => [
      { name: "bulk", value: bulk },
      { name: "way", value: WAYS.indexOf(way) },
      { name: "size", value: SIZE },
    ],
    liveBytes: (_scale, cpus) => bulk * SIZE * cpus,
    isOptional,
  };
}

function worstTest(kind: "worst" | "best", way: "bulk" | "loop"): LoadDefinition {
  return {
    ...COMMON,
    name: `slab_bulk_test03/${kind}/${way}`,
    prefix: "slab_bulk03",
    model:
      kind === "worst"
        ? "neighbours in the array lie in different slabs"
        : "neighbours in the array mostly lie in one slab",
    parameters: () => [
      { name: "bulk", value: BULK_WORST },
      { name: "neighbours", value: kind === "worst" ? 1 : BULK_WORST / 4 },
      { name: "oneByOne", value: way === "loop" ? 1 : 0 },
      { name: "size", value: SIZE },
      { name: "held", value: HELD },
    ],
    liveBytes: (_scale, cpus) => HELD * SIZE * cpus,
  };
}

export const slabBulk: readonly LoadDefinition[] = [
  bulkTest("01", 1, "reuse", false),
  ...BULKS.flatMap((bulk) => {
    const isOptional = !BULKS_USUAL.includes(bulk);
    return [bulkTest("01", bulk, "bulk", isOptional), bulkTest("01", bulk, "loop", isOptional)];
  }),
  bulkTest("02", BULK_SINGLE, "bulk", true),
  bulkTest("02", BULK_MAX, "bulk", false),
  bulkTest("02", BULK_MAX, "loop", false),
  worstTest("worst", "bulk"),
  worstTest("worst", "loop"),
  worstTest("best", "bulk"),
  worstTest("best", "loop"),
];
