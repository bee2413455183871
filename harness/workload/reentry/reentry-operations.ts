/**
 * What the fuzz calls: ordinary operations from a task, an irq or an NMI, and nolock operations
 * from inside trace points.
 *
 * Between a call and what is noted about it nothing can nest, so the notes are exact: an object is
 * given up in the notes right before the call that frees it, and taken in right after the one that
 * allocated it.
 */
import { GFP_KERNEL, NUMA_NO_NODE, __GFP_ACCOUNT, __GFP_ZERO } from "../../heap/flags.js";
import type { FuzzCpu, UserCache } from "./reentry-cpu.js";
import { CACHE, CTOR, KMALLOC, LARGE } from "../verify/objects.js";
import { SIZE_MAX, randomSize } from "../verify/sizes.js";

const BULK_MAX = 16;

type Operation = (cpu: FuzzCpu) => void;

/** Operations that a plain load repeats, by weight. */
const WEIGHTS: readonly (readonly [number, Operation])[] = [
  [26, allocKmalloc],
  [26, freeSome],
  [10, allocCache],
  [10, freeSome],
  [6, nolockAlloc],
  [6, nolockFree],
  [4, resize],
  [2, allocBulk],
  [2, freeBulk],
  [6, checkSome],
  [1, allocLarge],
  [1, poll],
];
const TABLE = WEIGHTS.flatMap(([weight, operation]) =>
  Array.from({ length: weight }, () => operation),
);

/** Operations between two choices of how many objects to own. */
const PHASE_OPERATIONS = 2048;
const TARGET_MAX = 1500;

/** One operation of the load, chosen at random. */
export function step(cpu: FuzzCpu): void {
  const { random, tally, exports } = cpu;
  if (tally.operations % PHASE_OPERATIONS === 0) startPhase(cpu);
  tally.operations++;
  const context = random.next() >>> 28;
  const operation = TABLE[random.below(TABLE.length)] as Operation;
  if (context === 0) {
    exports.irq_enter();
    operation(cpu);
    exports.irq_exit();
  } else if (context === 1) {
    exports.nmi_enter();
    operation(cpu);
    exports.nmi_exit();
  } else operation(cpu);
}

/** Fill and empty by turns, so that slabs come and go; now and then shrink a cache. */
function startPhase(cpu: FuzzCpu): void {
  cpu.target = cpu.random.below(TARGET_MAX);
  if (cpu.random.below(4) !== 0 || cpu.plain.address === 0) return;
  const cache = cpu.random.below(2) === 0 ? cpu.plain : cpu.constructed;
  cpu.exports.kmem_cache_shrink(pointer(cache));
}

/** What a trace point calls: one or two nolock operations, half of the time as an NMI. */
export function reenter(cpu: FuzzCpu): void {
  const { random, exports } = cpu;
  const bits = random.next() >>> 16;
  const isNmi = (bits & 1) !== 0;
  if (isNmi) {
    cpu.tally.reentriesAsNmi++;
    exports.nmi_enter();
  }
  nest(cpu);
  if ((bits & 2) !== 0) nest(cpu);
  if (isNmi) exports.nmi_exit();
}

/** Ordinary calls are among them: from here they have to behave as their nolock twins. */
function nest(cpu: FuzzCpu): void {
  const isOrdinary = cpu.random.below(8) === 0;
  if (wantsMore(cpu)) {
    if (isOrdinary) allocKmalloc(cpu);
    else nolockAlloc(cpu);
  } else if (isOrdinary) freeSome(cpu);
  else nolockFree(cpu);
}

/** Whether to allocate, given what is owned: more often than not below the target. */
function wantsMore(cpu: FuzzCpu): boolean {
  const { count } = cpu.objects;
  if (count === 0) return true;
  if (!cpu.objects.hasRoom(BULK_MAX)) return false;
  return cpu.random.below(16) < (count < cpu.target ? 13 : 3);
}

/** Flags of an allocation: a quarter cleared, half charged, which means nothing without a group. */
function randomGfp(cpu: FuzzCpu): number {
  const bits = cpu.random.next() >>> 28;
  return ((bits & 3) === 0 ? __GFP_ZERO : GFP_KERNEL) | ((bits & 4) === 0 ? __GFP_ACCOUNT : 0);
}

function allocKmalloc(cpu: FuzzCpu): void {
  if (!wantsMore(cpu)) {
    freeSome(cpu);
    return;
  }
  const size = randomSize(cpu.random);
  const gfp = randomGfp(cpu);
  const address = cpu.exports.kmalloc(size, gfp) >>> 0;
  if (address === 0) cpu.tally.ordinaryNull++;
  else cpu.objects.add(address, size, KMALLOC, (gfp & __GFP_ZERO) !== 0);
}

function allocLarge(cpu: FuzzCpu): void {
  if (!wantsMore(cpu) || cpu.exports.preempt_count() !== 0) {
    freeSome(cpu);
    return;
  }
  const size = SIZE_MAX + 1 + cpu.random.below(65536 - SIZE_MAX - 1);
  const address = cpu.exports.kmalloc(size, 0) >>> 0;
  if (address === 0) cpu.tally.ordinaryNull++;
  else cpu.objects.add(address, size, LARGE, false);
}

function randomCache(cpu: FuzzCpu): UserCache {
  return cpu.random.below(2) === 0 ? cpu.plain : cpu.constructed;
}

function allocCache(cpu: FuzzCpu): void {
  if (!wantsMore(cpu)) {
    freeSome(cpu);
    return;
  }
  const cache = randomCache(cpu);
  const isPlain = cache === cpu.plain;
  const gfp = isPlain ? randomGfp(cpu) : GFP_KERNEL;
  const address = cpu.exports.kmem_cache_alloc(cache.address, gfp) >>> 0;
  if (address === 0) cpu.tally.ordinaryNull++;
  else addOf(cpu, cache, address, gfp);
}

function addOf(cpu: FuzzCpu, cache: UserCache, address: number, gfp: number): void {
  const kind = cache === cpu.plain ? CACHE : CTOR;
  cpu.objects.add(address, cache.sizeBytes, kind, (gfp & __GFP_ZERO) !== 0);
}

function nolockAlloc(cpu: FuzzCpu): void {
  if (!cpu.objects.hasRoom(BULK_MAX)) {
    nolockFree(cpu);
    return;
  }
  const roll = cpu.random.below(4);
  const { exports, objects, tally } = cpu;
  let address: number;
  if (roll > 1) {
    const size = randomSize(cpu.random);
    const gfp = randomGfp(cpu);
    address = exports.kmalloc_nolock(size, gfp, NUMA_NO_NODE) >>> 0;
    if (address !== 0) objects.add(address, size, KMALLOC, (gfp & __GFP_ZERO) !== 0);
  } else {
    const cache = roll === 0 ? cpu.plain : cpu.constructed;
    address = exports.kmem_cache_alloc_nolock(cache.address, 0, NUMA_NO_NODE) >>> 0;
    if (address !== 0) addOf(cpu, cache, address, 0);
  }
  if (address === 0) tally.nolockNull++;
  else tally.nolockOk++;
}

/** Any object by the ordinary call of its kind. */
function freeSome(cpu: FuzzCpu): void {
  const { objects } = cpu;
  if (objects.count === 0) return;
  freeAt(cpu, cpu.random.below(objects.count));
}

/** Free one entry by an ordinary call. */
export function freeAt(cpu: FuzzCpu, index: number): void {
  const { objects, exports } = cpu;
  const address = objects.address[index] as number;
  const kind = objects.kind[index] as number;
  objects.release(index);
  if (kind === CACHE) exports.kmem_cache_free(cpu.plain.address, address);
  else if (kind === CTOR) exports.kmem_cache_free(cpu.constructed.address, address);
  else exports.kfree(address);
}

function nolockFree(cpu: FuzzCpu): void {
  const { objects, exports } = cpu;
  if (objects.count === 0) return;
  const index = cpu.random.below(objects.count);
  if (objects.kind[index] === LARGE) return;
  const address = objects.address[index] as number;
  objects.release(index);
  exports.kfree_nolock(address);
}

function resize(cpu: FuzzCpu): void {
  const { objects, exports, random } = cpu;
  if (objects.count === 0) {
    allocKmalloc(cpu);
    return;
  }
  const index = random.below(objects.count);
  const kind = objects.kind[index] as number;
  if (kind !== KMALLOC) {
    freeAt(cpu, index);
    return;
  }
  const address = objects.address[index] as number;
  const old = objects.size[index] as number;
  const id = objects.id[index] as number;
  const size = randomSize(cpu.random);
  objects.release(index);
  const moved = exports.krealloc(address, size, GFP_KERNEL) >>> 0;
  if (moved === 0) {
    cpu.tally.ordinaryNull++;
    objects.checkMoved(address, old, id);
    objects.add(address, old, KMALLOC, false);
  } else {
    objects.checkMoved(moved, Math.min(old, size), id);
    objects.add(moved, size, KMALLOC, false);
  }
}

function allocBulk(cpu: FuzzCpu): void {
  if (!wantsMore(cpu)) {
    freeBulk(cpu);
    return;
  }
  const { exports, objects, random, array } = cpu;
  const count = 1 + random.below(BULK_MAX);
  const isCache = random.below(2) === 0;
  const size = isCache ? cpu.plain.sizeBytes : randomSize(cpu.random);
  const gfp = randomGfp(cpu);
  const done = isCache
    ? exports.kmem_cache_alloc_bulk(cpu.plain.address, gfp, count, array)
    : exports.kmalloc_bulk(size, gfp, count, array);
  if (done === 0) {
    cpu.tally.ordinaryNull++;
    return;
  }
  if (done !== count) cpu.report("counters", `expected ${count} objects or none, got ${done}`);
  for (let i = 0; i < done; i++) {
    const address = objects.word(array + i * 4) >>> 0;
    objects.add(address, size, isCache ? CACHE : KMALLOC, (gfp & __GFP_ZERO) !== 0);
  }
}

function freeBulk(cpu: FuzzCpu): void {
  const { exports, objects, random, array } = cpu;
  const count = Math.min(objects.count, 1 + random.below(BULK_MAX));
  if (count === 0) return;
  for (let i = 0; i < count; i++) {
    const index = random.below(objects.count);
    const address = objects.address[index] as number;
    objects.release(index);
    objects.setWord(array + i * 4, address);
  }
  exports.kfree_bulk(count, array);
}

function checkSome(cpu: FuzzCpu): void {
  const { objects } = cpu;
  if (objects.count > 0) objects.check(cpu.random.below(objects.count));
}

function poll(cpu: FuzzCpu): void {
  cpu.exports.poll();
}

/** The bindings call a pointer to a struct an object; it is an address like all others. */
export function pointer(cache: UserCache): never {
  return cache.address as never;
}
