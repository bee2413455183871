/**
 * Goal: slabs have the kernel's shape to the digit, because the shape decides how often each slow
 * path runs. Method: golden vectors for the thirteen buckets and six CPU counts, and for any other
 * size a second implementation of the rule, written from its description.
 */
import { createRandom } from "slablab/internal/workload/random.js";
import { describe, expect, test } from "vitest";
import { type Build, MIB, PAGE, TestHeap } from "./support/heap.js";

const CPU_COUNTS = [1, 2, 4, 8, 16, 64] as const;

interface Golden {
  readonly size: number;
  /** order/objects for each of CPU_COUNTS; one entry: the same for all. */
  readonly shapes: readonly string[];
  readonly cpuPartial: number;
  readonly cpuPartialSlabsAt4: number;
  readonly minPartial: number;
}

const golden = (
  size: number,
  shapes: string,
  cpuPartial: number,
  cpuPartialSlabsAt4: number,
  minPartial: number,
): Golden => ({ size, shapes: shapes.split(" "), cpuPartial, cpuPartialSlabsAt4, minPartial });

const GOLDEN: readonly Golden[] = [
  golden(8, "0/512", 120, 1, 5),
  golden(16, "0/256", 120, 1, 5),
  golden(32, "0/128", 120, 2, 5),
  golden(64, "0/64", 120, 4, 5),
  golden(96, "0/42", 120, 6, 5),
  golden(128, "0/32", 120, 8, 5),
  golden(192, "0/21 0/21 0/21 0/21 1/42 1/42", 120, 12, 5),
  golden(256, "0/16 0/16 0/16 1/32 1/32 1/32", 52, 7, 5),
  golden(512, "0/8 1/16 1/16 2/32 2/32 2/32", 52, 7, 5),
  golden(1024, "1/8 2/16 2/16 3/32 3/32 3/32", 24, 3, 5),
  golden(2048, "2/8 3/16 3/16 3/16 3/16 3/16", 24, 3, 5),
  golden(4096, "3/8", 6, 2, 6),
  golden(8192, "3/4", 6, 3, 6),
];

const nameOf = (size: number) => `kmalloc-${size < 1024 ? size : `${size / 1024}k`}`;

describe.each<Build>(["stats", "debug"])("in the build %s", (build) => {
  test.each(CPU_COUNTS)("every bucket has the kernel's order and objects at %i CPUs", (cpus) => {
    const heap = new TestHeap({ build, cpus });
    const column = CPU_COUNTS.indexOf(cpus);
    const found = GOLDEN.map(({ size }) => {
      const { order, objects } = heap.cache(nameOf(size));
      return `${size}: ${order}/${objects}`;
    });
    expect(found).toEqual(
      GOLDEN.map(({ size, shapes }) => `${size}: ${shapes[column] ?? shapes[0]}`),
    );
  });
});

test("every bucket keeps the kernel's number of partial slabs, at every CPU count", () => {
  for (const cpus of CPU_COUNTS) {
    const heap = new TestHeap({ cpus });
    for (const { size, cpuPartial, minPartial, cpuPartialSlabsAt4 } of GOLDEN) {
      const cache = heap.cache(nameOf(size));
      const where = `${cache.name} at ${cpus} CPUs`;
      expect(cache.cpu_partial, `cpu_partial of ${where}`).toBe(cpuPartial);
      expect(cache.min_partial, `min_partial of ${where}`).toBe(minPartial);
      const slabs = Math.ceil((2 * cpuPartial) / cache.objects);
      expect(cache.cpu_partial_slabs, `cpu_partial_slabs of ${where}`).toBe(slabs);
      if (cpus === 4) expect(cache.cpu_partial_slabs, where).toBe(cpuPartialSlabsAt4);
    }
  }
});

test("the thirteen buckets are all the caches of a new heap, under the kernel's names", () => {
  const heap = new TestHeap();
  const names = [...heap.view.caches()].map(({ name }) => name);
  expect(names.sort()).toEqual(GOLDEN.map(({ size }) => nameOf(size)).sort());
});

// ------------------------------------------------------------------- any other size

const fls = (value: number) => 32 - Math.clz32(value);
const orderOf = (bytes: number) => fls(Math.ceil(bytes / PAGE) - 1);

/** calculate_order() from its description: slub_max_order 3, slub_min_objects 0. */
function expectedOrder(size: number, cpus: number): number {
  const mostObjects = Math.max(1, Math.floor((PAGE << 3) / size));
  const minObjects = Math.min(4 * (fls(cpus) + 1), mostObjects);
  for (const fraction of [16, 8, 4, 2]) {
    for (let order = orderOf(minObjects * size); order <= 3; order++) {
      const bytes = PAGE << order;
      if (bytes % size <= Math.floor(bytes / fraction)) return order;
    }
  }
  return orderOf(size);
}

function expectedShape(objectSize: number, align: number, cpus: number) {
  const unit = Math.max(8, align);
  const size = Math.ceil(objectSize / unit) * unit;
  const order = expectedOrder(size, cpus);
  const objects = Math.floor((PAGE << order) / size);
  const cpuPartial = size >= PAGE ? 6 : size >= 1024 ? 24 : size >= 256 ? 52 : 120;
  return {
    size,
    order,
    objects,
    minOrder: orderOf(size),
    minObjects: Math.floor((PAGE << orderOf(size)) / size),
    min_partial: Math.min(10, Math.max(5, Math.floor(Math.log2(size) / 2))),
    cpu_partial: cpuPartial,
    cpu_partial_slabs: Math.ceil((2 * cpuPartial) / objects),
    // In the middle of the object, on a word, out of the way of small overruns.
    offset: Math.floor(objectSize / 2 / 4) * 4,
    object_size: objectSize,
  };
}

test.each([1, 3, 64])("a cache of any size has the shape the rule gives, at %i CPUs", (cpus) => {
  const seed = 0x51ab + cpus;
  const random = createRandom(seed);
  const heap = new TestHeap({ cpus });
  const cpu = heap.cpu(0);
  const edges = [8, 9, 12, 100, 700, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE, 32768, 32769, 4 * MIB];
  // Sizes of every magnitude: as many of 16 bytes as of a mebibyte.
  const drawn = Array.from({ length: 120 }, () =>
    random.uniformInt(8, 2 ** random.uniformInt(4, 22)),
  );
  for (const objectSize of [...edges, ...drawn]) {
    const align = random.uniformInt(0, 3) === 0 ? 2 ** random.uniformInt(0, 12) : 0;
    const cache = cpu.createCache("probe", objectSize, { align });
    const replay = `size ${objectSize}, align ${align}, ${cpus} CPUs, seed ${seed}`;
    expect(cache, replay).toMatchObject(expectedShape(objectSize, align, cpus));
    expect(cpu.destroyCache(cache), replay).toBe(0);
  }
});

test("the free pointer of constructed objects lies behind them", () => {
  for (const build of ["release", "debug"] as const) {
    const cpu = new TestHeap({ build }).cpu(0);
    for (const objectSize of [1, 4, 7, 8, 24, 100]) {
      const name = `constructed-${objectSize}`;
      const cache = cpu.createCache(name, objectSize, { ctor: () => {} });
      expect(cache.inuse, name).toBe(Math.ceil(objectSize / 4) * 4);
      expect(cache.offset, name).toBe(cache.inuse);
      expect(cache.size, name).toBeGreaterThanOrEqual(cache.inuse + 4);
    }
  }
});

test("SLAB_HWCACHE_ALIGN keeps each object in as few cache lines as can be", () => {
  const cpu = new TestHeap().cpu(0);
  // Halved while the object fits twice: 64 for 33 bytes and more, 32 for 17 to 32, and so on.
  for (const [size, align] of [
    [8, 8],
    [9, 16],
    [16, 16],
    [17, 32],
    [33, 64],
    [100, 64],
  ] as const) {
    const cache = cpu.createCache(`aligned-${size}`, size, { flags: 1 });
    expect(cache.align, `size ${size}`).toBe(align);
    expect(cache.size % align, `size ${size}`).toBe(0);
  }
});
