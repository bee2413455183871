/**
 * Q0-cache, Q37-stats: whether the constants of each cache can be those of a cache.
 *
 * A slab is cut into objects by them, so slabs of a cache that fails here are not looked into.
 */
import { CACHE_LIVE, PG_TABLE } from "../constants.js";
import { hex } from "../errors.js";
import { SLAB_DEBUG_FLAGS, SLAB_RED_ZONE } from "../flags.js";
import type { CacheView } from "../view.js";
import type { Inspection } from "./inspection.js";

/** kmalloc-8k is aligned to its size. */
const LARGEST_ALIGN = 8192;

/** @returns the sound caches by address. */
export function checkCaches(inspection: Inspection): Map<number, CacheView> {
  const sound = new Map<number, CacheView>();
  const names = new Map<string, CacheView>();
  for (const cache of inspection.view.caches()) {
    const before = inspection.findings.length;
    checkCache(inspection, cache);
    const twin = names.get(cache.name);
    if (twin !== undefined) {
      report(inspection, cache, `cache ${twin.index} has the same name`);
    }
    names.set(cache.name, cache);
    if (inspection.findings.length === before) sound.set(cache.address, cache);
    checkStats(inspection, cache);
  }
  return sound;
}

function checkCache(inspection: Inspection, cache: CacheView): void {
  const { view } = inspection;
  const { PAGE_SHIFT, MAX_PAGE_ORDER } = view.table.constants;
  const expect = (holds: boolean, message: string) => {
    if (!holds) report(inspection, cache, message);
  };
  const index = view.u32(cache.address + view.table.offsets.kmem_cache.index);
  expect(index === cache.index, `index should be ${cache.index}, is ${index}`);
  expect(cache.state === CACHE_LIVE, `there is no state ${cache.state}`);
  expect(cache.name !== "", "the name should not be empty");
  const isAlign = cache.align >= 1 && cache.align <= LARGEST_ALIGN && isPowerOfTwo(cache.align);
  expect(isAlign, `align should be a power of two, is ${cache.align}`);
  expect(
    cache.object_size >= 1 && cache.object_size <= cache.inuse && cache.inuse <= cache.size,
    `object_size ${cache.object_size}, inuse ${cache.inuse}, size ${cache.size} should not fall`,
  );
  expect(
    !isAlign || cache.size % cache.align === 0,
    `size should be a multiple of align ${cache.align}, is ${cache.size}`,
  );
  expect(
    cache.offset % 4 === 0 && cache.offset + 4 <= cache.size,
    `the free pointer should lie in the object of ${cache.size} bytes, lies at ${cache.offset}`,
  );
  const isDebug = (cache.flags & SLAB_DEBUG_FLAGS) !== 0;
  const pad = (cache.flags & SLAB_RED_ZONE) === 0 ? 0 : Math.max(4, cache.align);
  expect(
    cache.red_left_pad === pad && cache.offset + 4 <= cache.size - pad,
    `red_left_pad should be ${pad}, is ${cache.red_left_pad}`,
  );
  expect(
    !isDebug || (cache.cpu_partial === 0 && cache.cpu_partial_slabs === 0),
    `cpu_partial should be 0 with slab_debug, is ${cache.cpu_partial}`,
  );
  const reciprocal = (2n ** 44n + BigInt(cache.size) - 1n) / BigInt(Math.max(1, cache.size));
  const found = BigInt(view.u64(cache.address + view.table.offsets.kmem_cache.reciprocal_size));
  expect(found === reciprocal, `reciprocal_size should be ${reciprocal}, is ${found}`);
  checkShape("oo", cache.order, cache.objects);
  checkShape("min", cache.minOrder, cache.minObjects);

  function checkShape(field: string, order: number, objects: number): void {
    const room = Math.floor(2 ** (PAGE_SHIFT + order) / Math.max(1, cache.size));
    expect(
      order <= MAX_PAGE_ORDER && objects >= 1 && objects <= room,
      `${field} should be 1..${room} objects in order ${order}, is ${objects}`,
    );
  }
}

function checkStats(inspection: Inspection, cache: CacheView): void {
  const { view } = inspection;
  const { stat_base: start } = cache;
  const end = start + view.cpuCount * view.table.constants.STAT_STRIDE;
  const pfn = view.pfnAt(start);
  const isTable = pfn >= 0 && view.pfnAt(end - 1) >= 0 && view.kind(pfn) === PG_TABLE;
  if (isTable && start % 64 === 0) return;
  const message = `stat_base should start a table page, is ${hex(start)}`;
  inspection.report("Q37-stats", `cache ${cache.name}`, cache.address, message);
}

function report(inspection: Inspection, cache: CacheView, message: string): void {
  inspection.report("Q0-cache", `cache ${cache.index} (${cache.name})`, cache.address, message);
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && (value & (value - 1)) === 0;
}
