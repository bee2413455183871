/**
 * Every operation of the API, done to the heap and to the model, and compared.
 *
 * Objects are chosen by number among those live at that moment, so that a shrunk run still means
 * something. `can` says whether an operation makes sense now.
 */
import {
  __GFP_ZERO,
  GFP_KERNEL,
  type KmemCacheOptions,
  NUMA_NO_NODE,
  SlabError,
  ZERO_SIZE_PTR,
} from "slablab";
import { expect } from "vitest";
import { CPUS, type Live, PlantedError, type Where, type World } from "./world.js";

/** Numbers a command is made of; each uses those it needs. */
export interface Numbers {
  readonly size: number;
  readonly pick: number;
  readonly count: number;
  readonly flag: boolean;
}

export interface Operation {
  /** Whether it may run in an NMI. */
  readonly anywhere: boolean;
  readonly can?: (world: Readonly<World>) => boolean;
  readonly run: (world: World, where: Where, numbers: Numbers) => void;
}

/** What kmallocNolock() gives at most. */
export const NOLOCK_MAX = 8192;
const isSmall = ({ bytes }: Live) => bytes <= NOLOCK_MAX;
const hasLive = (world: Readonly<World>) => world.live.length > 0;
const hasCache = (world: Readonly<World>) => world.caches.size > 0;

/** Take what an allocation returned into the model. */
function took(world: World, where: Where, pointer: number, size: number, isZeroed = false): void {
  if (pointer === 0) {
    expect(world.hasPlenty(size, where), `no memory for ${size} bytes`).toBe(false);
    return;
  }
  if (isZeroed) world.expectZero(pointer, size);
  world.add(pointer, size, where);
}

const allocations: Record<string, Operation> = {
  kmalloc: {
    anywhere: true,
    run(world, where, { size, flag }) {
      const flags = flag ? __GFP_ZERO : GFP_KERNEL;
      const pointer = world.at(where, () => world.cpu(where).kmalloc(size, flags));
      if (where.depth > 0 && size > NOLOCK_MAX) expect(pointer).toBe(0);
      took(world, where, pointer, size, flag);
    },
  },
  kmallocNode: {
    anywhere: true,
    run(world, where, { size, pick, flag }) {
      const cpu = world.cpu(where);
      const node = flag ? pick % world.heap.options.nodes : NUMA_NO_NODE;
      const pointer = world.at(where, () => cpu.kmallocNode(size, GFP_KERNEL, node));
      took(world, where, pointer, size);
    },
  },
  kzalloc: {
    anywhere: true,
    run(world, where, { size }) {
      took(
        world,
        where,
        world.at(where, () => world.cpu(where).kzalloc(size)),
        size,
        true,
      );
    },
  },
  kcalloc: {
    anywhere: true,
    run(world, where, { size, count }) {
      const pointer = world.at(where, () => world.cpu(where).kcalloc(count, size));
      took(world, where, pointer, size * count, true);
    },
  },
  kmallocNolock: {
    anywhere: true,
    run(world, where, { size, flag }) {
      const flags = flag ? __GFP_ZERO : GFP_KERNEL;
      const pointer = world.at(where, () => world.cpu(where).kmallocNolock(size, flags));
      if (size > NOLOCK_MAX) expect(pointer).toBe(0);
      if (pointer !== 0 && flag) world.expectZero(pointer, size);
      if (pointer !== 0) world.add(pointer, size, where);
    },
  },
  alignedAlloc: {
    anywhere: true,
    run(world, where, { size, pick }) {
      const align = 2 ** (pick % 17);
      const pointer = world.at(where, () => world.cpu(where).alignedAlloc(align, size));
      if (pointer !== ZERO_SIZE_PTR) expect(pointer % align).toBe(0);
      took(world, where, pointer, size);
    },
  },
  kmallocBulk: {
    anywhere: true,
    run(world, where, { size, count, flag }) {
      const flags = flag ? __GFP_ZERO : GFP_KERNEL;
      const pointers = world.at(where, () => world.cpu(where).kmallocBulk(size, count, flags));
      expect([0, count]).toContain(pointers.length);
      for (const pointer of pointers) {
        if (flag) world.expectZero(pointer, size);
        world.add(pointer, size, where);
      }
      if (pointers.length === 0 && count > 0) {
        expect(world.hasPlenty(size * count, where)).toBe(false);
      }
    },
  },
  krealloc: {
    anywhere: true,
    can: hasLive,
    run(world, where, { size, pick }) {
      const range = world.remove(pick, ({ cache }) => cache === null);
      if (range === undefined) return;
      const { pointer, bytes, stamp } = range;
      const moved = world.at(where, () => world.cpu(where).krealloc(pointer, size));
      if (moved === 0) {
        expect(world.hasPlenty(size, where)).toBe(false);
        world.live.push(range);
        world.check(range);
        return;
      }
      if (where.depth > 0) world.holdBack(range);
      if (size === 0) expect(moved).toBe(ZERO_SIZE_PTR);
      else if (size <= bytes) expect(moved, "what fits stays").toBe(pointer);
      else world.check({ pointer: moved, bytes: Math.min(bytes, NOLOCK_MAX), stamp, cache: null });
      world.add(moved, size, where);
    },
  },
};

/** Free `range` by `work`, in the context of `where`. */
function free(world: World, where: Where, range: Live | undefined, work: (range: Live) => void) {
  if (range === undefined) return;
  world.at(where, () => work(range));
  world.holdBack(range);
}

const frees: Record<string, Operation> = {
  kfree: {
    anywhere: true,
    can: hasLive,
    run(world, where, { pick }) {
      free(world, where, world.remove(pick), ({ pointer }) => world.cpu(where).kfree(pointer));
    },
  },
  kfreeNolock: {
    anywhere: true,
    can: hasLive,
    run(world, where, { pick }) {
      const range = world.remove(pick, isSmall);
      free(world, where, range, ({ pointer }) => world.cpu(where).kfreeNolock(pointer));
    },
  },
  kfreeMoved: {
    anywhere: true,
    can: hasLive,
    run(world, where, { pick, count }) {
      const cpu = world.cpu(where);
      free(world, where, world.remove(pick, isSmall), ({ pointer }) => {
        // As if the task were moved between looking the list up and adding to it.
        cpu.exports.migrate_next_defer(count % CPUS);
        cpu.kfreeNolock(pointer);
        // Not deferred: the wish is taken back, or a later free would be moved.
        cpu.exports.migrate_next_defer(where.cpu);
      });
    },
  },
  kfreeBulk: {
    anywhere: true,
    can: hasLive,
    run(world, where, { pick, count }) {
      const ranges = Array.from({ length: count }, () => world.remove(pick)).filter(
        (range): range is Live => range !== undefined,
      );
      const pointers = [0, ...ranges.map(({ pointer }) => pointer), ZERO_SIZE_PTR];
      world.at(where, () => world.cpu(where).kfreeBulk(pointers));
      for (const range of ranges) world.holdBack(range);
    },
  },
  freeTwice: {
    anywhere: true,
    can: hasLive,
    run(world, where, { pick, flag }) {
      const range = world.remove(pick, isSmall);
      if (range === undefined) return;
      const cpu = world.cpu(where);
      const release = (pointer: number) => (flag ? cpu.kfree(pointer) : cpu.kfreeNolock(pointer));
      world.at(where, () => {
        release(range.pointer);
        expect(() => release(range.pointer)).toThrow(SlabError);
      });
      world.holdBack(range);
    },
  },
  freeWrong: {
    anywhere: true,
    can: hasLive,
    run(world, where, { pick }) {
      const range = world.live[pick % world.live.length];
      if (range === undefined) return;
      const cpu = world.cpu(where);
      const offset = 1 + (pick % (range.bytes - 1));
      world.at(where, () => {
        expect(() => cpu.kfree(range.pointer + offset), "inside an object").toThrow(SlabError);
        expect(() => cpu.kfreeNolock(range.pointer + offset)).toThrow(SlabError);
        expect(() => cpu.kfree(8 * (1 + (pick % 100)) + 64), "below the heap").toThrow(SlabError);
      });
    },
  },
};

const caches: Record<string, Operation> = {
  createCache: {
    anywhere: false,
    can: (world) => world.caches.size < 4,
    run(world, where, { size: wanted, pick, flag }) {
      const size = 1 + (wanted % 5000);
      const align = pick % 3 === 0 ? 2 ** (pick % 10) : 0;
      const name = `model-${pick % 97}`;
      const cpu = world.cpu(where);
      const options = { name, size, align, ...(flag ? { ctor: world.construct(size) } : {}) };
      if (world.caches.has(name)) {
        expect(() => cpu.kmemCacheCreate(options)).toThrow(RangeError);
        return;
      }
      const door = createOrRunOut(world, where, options);
      if (door === undefined) return;
      const doors = new Map([[where.cpu, door]]);
      world.caches.set(name, { name, size, align, isConstructed: flag, doors });
    },
  },
  cacheAlloc: {
    anywhere: true,
    can: hasCache,
    run: (world, where, numbers) => cacheAlloc(world, where, numbers, false),
  },
  cacheAllocBulk: {
    anywhere: true,
    can: hasCache,
    run: (world, where, numbers) => cacheAlloc(world, where, numbers, true),
  },
  cacheFree: {
    anywhere: true,
    can: (world) => hasCache(world) && hasLive(world),
    run(world, where, { pick, flag, count }) {
      const cache = world.pickCache(pick);
      if (cache === undefined) return;
      const door = world.door(cache, where);
      const isOurs = ({ cache: name }: Live) => name === cache.name;
      const foreign = world.live.find((range) => !isOurs(range));
      if (foreign !== undefined) expect(() => door.free(foreign.pointer)).toThrow(SlabError);
      if (count > 12) {
        const ranges = Array.from({ length: count }, () => world.remove(pick, isOurs));
        const known = ranges.filter((range): range is Live => range !== undefined);
        world.at(where, () => door.freeBulk(known.map(({ pointer }) => pointer)));
        for (const range of known) world.holdBack(range);
        return;
      }
      const release = ({ pointer }: Live) =>
        flag && isSmall({ pointer, bytes: cache.size, stamp: 0, cache: null })
          ? door.freeNolock(pointer)
          : door.free(pointer);
      free(world, where, world.remove(pick, isOurs), release);
    },
  },
  destroyCache: {
    anywhere: false,
    can: hasCache,
    run(world, where, { pick }) {
      const cache = world.pickCache(pick);
      if (cache === undefined) return;
      const left = world.live.filter(({ cache: name }) => name === cache.name);
      const result = world.door(cache, where).destroy();
      const objects = left.map(({ pointer }) => pointer).sort((a, b) => a - b);
      expect({ ...result, objects: [...result.objects].sort((a, b) => a - b) }).toEqual({
        released: left.length === 0,
        remaining: left.length,
        objects,
        sheaves: 0,
      });
      if (result.released) world.caches.delete(cache.name);
    },
  },
};

/** @returns the new cache, or undefined where its counters found no memory. */
function createOrRunOut(world: World, where: Where, options: KmemCacheOptions) {
  try {
    return world.cpu(where).kmemCacheCreate(options);
  } catch (error) {
    expect(String(error)).toContain("expected memory");
    expect(world.hasPlenty(4096, where)).toBe(false);
    return undefined;
  }
}

function cacheAlloc(world: World, where: Where, numbers: Numbers, isBulk: boolean): void {
  const cache = world.pickCache(numbers.pick);
  if (cache === undefined) return;
  const door = world.door(cache, where);
  const flags = numbers.flag && !cache.isConstructed ? __GFP_ZERO : GFP_KERNEL;
  const allocate = (): readonly number[] => {
    if (isBulk) return [...door.allocBulk(numbers.count, flags)];
    const isNolock = numbers.count % 2 === 0;
    const object = isNolock ? door.allocNolock(flags) : door.alloc(flags);
    return object === 0 ? [] : [object];
  };
  let objects: readonly number[] = [];
  try {
    objects = world.at(where, allocate);
  } catch (error) {
    if (!(error instanceof PlantedError)) throw error;
    return;
  }
  expect([0, isBulk ? numbers.count : 1]).toContain(objects.length);
  for (const object of objects) {
    if (flags === __GFP_ZERO) world.expectZero(object, cache.size);
    world.add(object, cache.size, where, cache.name);
  }
}

const others: Record<string, Operation> = {
  shrink: {
    anywhere: false,
    can: hasCache,
    run(world, where, { pick }) {
      const cache = world.pickCache(pick);
      if (cache !== undefined) world.door(cache, where).shrink();
    },
  },
  poll: {
    anywhere: true,
    run: (world, where) => world.at(where, () => world.cpu(where).poll()),
  },
  barrier: {
    anywhere: false,
    run(world, where) {
      world.cpu(where).exports.defer_free_barrier();
      world.nothingHeldBack();
    },
  },
  offline: {
    anywhere: false,
    run(world, where) {
      world.cpu(where).offline();
      world.cpus[where.cpu] = world.attach(where.cpu);
      for (const { doors } of world.caches.values()) doors.delete(where.cpu);
    },
  },
  validate: {
    anywhere: false,
    run(world) {
      world.checkAll();
      expect(world.heap.validate()).toEqual([]);
    },
  },
  planThrow: {
    anywhere: false,
    run(world) {
      world.isThrowing = true;
    },
  },
};

/** What a constructor may do in the middle of an allocation. */
export const REENTRIES: Readonly<Record<string, Operation>> = {
  kmalloc: allocations["kmalloc"] as Operation,
  kmallocNolock: allocations["kmallocNolock"] as Operation,
  kmallocBulk: allocations["kmallocBulk"] as Operation,
  kfree: frees["kfree"] as Operation,
  kfreeNolock: frees["kfreeNolock"] as Operation,
  kfreeBulk: frees["kfreeBulk"] as Operation,
  cacheAlloc: caches["cacheAlloc"] as Operation,
  cacheFree: caches["cacheFree"] as Operation,
  poll: others["poll"] as Operation,
};

export const OPERATIONS: Readonly<Record<string, Operation>> = {
  ...allocations,
  ...frees,
  ...caches,
  ...others,
};
