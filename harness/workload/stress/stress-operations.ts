/**
 * What a CPU of a stress calls: each operation of the load, by weight, from a plain task, an irq,
 * an NMI or inside a read-side section.
 *
 * An object is given up in the notes right before the call that frees it, and taken in right after
 * the one that allocated it. Frees go by turns through the checked calls of the library and through
 * the raw exports that other modules use.
 */
import { GFP_KERNEL, __GFP_ACCOUNT, __GFP_ZERO } from "../../heap/flags.js";
import { CACHE, CTOR, KIND_BITS, KMALLOC, LARGE } from "../verify/objects.js";
import { SIZE_MAX, randomSize } from "../verify/sizes.js";
import { IN_IRQ, IN_NMI, IN_READ_SECTION } from "./stress-board.js";
import type { StressCpu } from "./stress-cpu.js";
import type { OperationName } from "./kinds.js";
import { structural } from "./structural.js";

const BULK_MAX = 16;
const CLASS_MASK = (1 << KIND_BITS) - 1;
/** Whole pages, few mostly: a stamp over all of them takes its time. */
const LARGE_MAX = 16_384;
const LARGER_MAX = 65_536;
const LARGER_RARITY = 16;

type Operation = (cpu: StressCpu) => void;

/** Operations of any context, by weight, and the name under which each begins. */
const WEIGHTS: readonly (readonly [number, OperationName, Operation])[] = [
  [16, "kmalloc", allocKmalloc],
  [3, "kzalloc", allocZeroed],
  [3, "kcalloc", allocArray],
  [3, "kmallocNode", allocOnNode],
  [3, "alignedAlloc", allocAligned],
  [5, "krealloc", resize],
  [22, "kfree", freeSome],
  [3, "kmallocBulk", allocBulk],
  [3, "kfreeBulk", freeBulk],
  [7, "kmallocNolock", nolockAlloc],
  [10, "kfreeNolock", nolockFree],
  [12, "cacheAlloc", allocCache],
  [2, "cacheAllocBulk", allocCacheBulk],
  [4, "cacheAllocNolock", allocCacheNolock],
  [10, "kfree", freeSome],
  [2, "kmallocLarge", allocLarge],
  [2, "kfreeRcu", freeRcu],
  [3, "rcuRead", readPublished],
  [5, "check", checkSome],
  [1, "poll", poll],
];
const TABLE = WEIGHTS.flatMap(([weight, name, operation]) =>
  Array.from({ length: weight }, () => ({ name, operation })),
);

/** Operations between two choices of how many objects to own. */
const PHASE_OPERATIONS = 2048;
const TARGET_MAX = 1500;
/** One operation in so many changes what there is: caches, groups, CPUs. */
const STRUCTURAL_RARITY = 48;

/** One operation of the load, chosen at random. @throws FindingError if it found something */
export function step(cpu: StressCpu): void {
  const { random } = cpu;
  if (cpu.operations % PHASE_OPERATIONS === 0) cpu.target = random.below(TARGET_MAX);
  if (random.below(STRUCTURAL_RARITY) === 0) {
    structural(cpu);
    return;
  }
  const { name, operation } = TABLE[random.below(TABLE.length)] as (typeof TABLE)[number];
  const roll = random.next() >>> 28;
  const contexts = roll < 2 ? roll + 1 : roll === 2 ? IN_READ_SECTION : roll === 3 ? 6 : 0;
  cpu.run(name, contexts, () => inContexts(cpu, contexts, operation));
}

/** Run an operation inside a read-side section, an irq or an NMI, or inside two of them. */
function inContexts(cpu: StressCpu, contexts: number, operation: Operation): void {
  cpu.isTask = contexts === 0;
  if ((contexts & IN_READ_SECTION) !== 0) {
    cpu.count("inReadSection");
    cpu.cpu.rcuReadLock();
  }
  if ((contexts & IN_IRQ) !== 0) {
    cpu.count("inIrq");
    cpu.cpu.exports.irq_enter();
    operation(cpu);
    cpu.cpu.exports.irq_exit();
  } else if ((contexts & IN_NMI) !== 0) {
    cpu.count("inNmi");
    cpu.cpu.nmi(() => operation(cpu));
  } else operation(cpu);
  if ((contexts & IN_READ_SECTION) !== 0) cpu.cpu.rcuReadUnlock();
  cpu.isTask = true;
}

/** Whether to allocate, given what is owned: more often than not below the target. */
function wantsMore(cpu: StressCpu): boolean {
  const { count } = cpu.objects;
  if (count === 0) return true;
  if (!cpu.objects.hasRoom(BULK_MAX)) return false;
  return cpu.random.below(16) < (count < cpu.target ? 13 : 3);
}

/** Flags of an allocation: a quarter cleared, half charged. */
function randomGfp(cpu: StressCpu): number {
  const bits = cpu.random.next() >>> 28;
  return ((bits & 3) === 0 ? __GFP_ZERO : GFP_KERNEL) | ((bits & 4) === 0 ? __GFP_ACCOUNT : 0);
}

/** Take in what an allocation gave, if it did. */
function take(cpu: StressCpu, address: number, size: number, kind: number, isZero: boolean): void {
  cpu.noteResult(address);
  if (address === 0) cpu.count("ordinaryNull");
  else cpu.objects.add(address, size, kind, isZero);
}

function allocKmalloc(cpu: StressCpu): void {
  if (!wantsMore(cpu)) {
    freeSome(cpu);
    return;
  }
  const size = randomSize(cpu.random);
  const gfp = randomGfp(cpu);
  cpu.note("kmalloc", gfp, size);
  take(cpu, cpu.cpu.kmalloc(size, gfp), size, KMALLOC, (gfp & __GFP_ZERO) !== 0);
}

function allocZeroed(cpu: StressCpu): void {
  if (!wantsMore(cpu)) {
    freeSome(cpu);
    return;
  }
  const size = randomSize(cpu.random);
  cpu.note("kzalloc", 0, size);
  take(cpu, cpu.cpu.kzalloc(size), size, KMALLOC, true);
}

function allocArray(cpu: StressCpu): void {
  if (!wantsMore(cpu)) {
    freeSome(cpu);
    return;
  }
  const count = 1 + cpu.random.below(32);
  const size = 1 + cpu.random.below(64);
  cpu.note("kcalloc", count, size);
  take(cpu, cpu.cpu.kcalloc(count, size), count * size, KMALLOC, true);
}

function allocOnNode(cpu: StressCpu): void {
  if (!wantsMore(cpu)) {
    freeSome(cpu);
    return;
  }
  const size = randomSize(cpu.random);
  const gfp = randomGfp(cpu);
  cpu.note("kmallocNode", gfp, size);
  take(cpu, cpu.cpu.kmallocNode(size, gfp, 0), size, KMALLOC, (gfp & __GFP_ZERO) !== 0);
}

function allocAligned(cpu: StressCpu): void {
  if (!wantsMore(cpu)) {
    freeSome(cpu);
    return;
  }
  const align = 8 << cpu.random.below(10);
  const size = 1 + cpu.random.below(2048);
  cpu.note("alignedAlloc", align, size);
  const address = cpu.cpu.alignedAlloc(align, size);
  if (address % align !== 0) {
    cpu.report("misplaced", `expected an address aligned to ${align}, got ${address}`);
  }
  take(cpu, address, size, KMALLOC, false);
}

function allocLarge(cpu: StressCpu): void {
  if (!wantsMore(cpu)) {
    freeSome(cpu);
    return;
  }
  const most = cpu.random.below(LARGER_RARITY) === 0 ? LARGER_MAX : LARGE_MAX;
  const size = SIZE_MAX + 1 + cpu.random.below(most - SIZE_MAX - 1);
  const gfp = randomGfp(cpu) & __GFP_ACCOUNT;
  cpu.note("kmallocLarge", gfp, size);
  take(cpu, cpu.cpu.kmalloc(size, gfp), size, LARGE, false);
}

function allocBulk(cpu: StressCpu): void {
  if (!wantsMore(cpu)) {
    freeBulk(cpu);
    return;
  }
  const count = 1 + cpu.random.below(BULK_MAX);
  const size = randomSize(cpu.random);
  const gfp = randomGfp(cpu);
  cpu.note("kmallocBulk", count, size);
  takeAll(cpu, cpu.cpu.kmallocBulk(size, count, gfp), count, size, KMALLOC, gfp);
}

function takeAll(
  cpu: StressCpu,
  addresses: Uint32Array,
  count: number,
  size: number,
  kind: number,
  gfp: number,
): void {
  cpu.noteResult(addresses.length);
  if (addresses.length === 0) cpu.count("ordinaryNull");
  else if (addresses.length !== count) {
    cpu.report("counters", `expected ${count} objects or none, got ${addresses.length}`);
  }
  for (const address of addresses) {
    cpu.objects.add(address, size, kind, (gfp & __GFP_ZERO) !== 0);
  }
}

function nolockAlloc(cpu: StressCpu): void {
  if (!wantsMore(cpu)) {
    nolockFree(cpu);
    return;
  }
  const size = randomSize(cpu.random);
  const gfp = randomGfp(cpu);
  cpu.note("kmallocNolock", gfp, size);
  takeNolock(cpu, cpu.cpu.kmallocNolock(size, gfp), size, KMALLOC, (gfp & __GFP_ZERO) !== 0);
}

function takeNolock(
  cpu: StressCpu,
  address: number,
  size: number,
  kind: number,
  isZero: boolean,
): void {
  cpu.noteResult(address);
  cpu.count("nolockCalls");
  if (address === 0) cpu.count("nolockNull");
  else cpu.objects.add(address, size, kind, isZero);
}

function allocCache(cpu: StressCpu): void {
  const pinned = wantsMore(cpu) ? cpu.caches.pin(cpu.cpu, cpu.random, 1, cpu.isTask) : null;
  if (pinned === null) {
    freeSome(cpu);
    return;
  }
  const { slot, cache, hasCtor } = pinned;
  const gfp = hasCtor || cpu.random.below(4) !== 0 ? GFP_KERNEL : __GFP_ZERO;
  cpu.note("cacheAlloc", slot, cache.size);
  const address = cache.alloc(gfp);
  if (address === 0) cpu.caches.unpin(slot, 1);
  take(cpu, address, cache.size, kindOf(slot, hasCtor), gfp === __GFP_ZERO);
}

function allocCacheNolock(cpu: StressCpu): void {
  const pinned = wantsMore(cpu) ? cpu.caches.pin(cpu.cpu, cpu.random, 1, cpu.isTask) : null;
  if (pinned === null) {
    nolockFree(cpu);
    return;
  }
  const { slot, cache, hasCtor } = pinned;
  cpu.note("cacheAllocNolock", slot, cache.size);
  const address = cache.allocNolock();
  if (address === 0) cpu.caches.unpin(slot, 1);
  takeNolock(cpu, address, cache.size, kindOf(slot, hasCtor), false);
}

function allocCacheBulk(cpu: StressCpu): void {
  const count = 1 + cpu.random.below(BULK_MAX);
  const pinned = wantsMore(cpu) ? cpu.caches.pin(cpu.cpu, cpu.random, count, cpu.isTask) : null;
  if (pinned === null) {
    freeBulk(cpu);
    return;
  }
  const { slot, cache, hasCtor } = pinned;
  cpu.note("cacheAllocBulk", slot, count);
  const addresses = cache.allocBulk(count);
  if (addresses.length < count) cpu.caches.unpin(slot, count - addresses.length);
  takeAll(cpu, addresses, count, cache.size, kindOf(slot, hasCtor), GFP_KERNEL);
}

function kindOf(slot: number, hasCtor: boolean): number {
  return (slot << KIND_BITS) | (hasCtor ? CTOR : CACHE);
}

/** Any object by an ordinary call. */
function freeSome(cpu: StressCpu): void {
  const { objects } = cpu;
  if (objects.count === 0) return;
  freeAt(cpu, cpu.random.below(objects.count));
}

/** Free one entry by an ordinary call of its kind. */
export function freeAt(cpu: StressCpu, index: number): void {
  const { address, kind, size } = giveUp(cpu, index, "kfree");
  const isCache = isOfCache(kind);
  const cache = isCache ? cpu.caches.opened(kind >>> KIND_BITS) : null;
  if (cache !== null && cpu.random.below(2) === 0) {
    cpu.note("cacheFree", address, size);
    cache.free(address);
  } else {
    cpu.note("kfree", address, size);
    if (cpu.random.below(2) === 0) cpu.cpu.exports.kfree(address);
    else cpu.cpu.kfree(address);
  }
  if (isCache) cpu.caches.unpin(kind >>> KIND_BITS, 1);
}

/** Check an entry and forget it, right before it is freed. */
function giveUp(
  cpu: StressCpu,
  index: number,
  name: OperationName,
): { address: number; kind: number; size: number } {
  const { objects } = cpu;
  const { [index]: address = 0 } = objects.address;
  const { [index]: kind = 0 } = objects.kind;
  const { [index]: size = 0 } = objects.size;
  if (cpu.isForeign(objects.id[index] ?? 0)) cpu.count("crossFrees");
  cpu.recall(name, address, size);
  objects.release(index);
  return { address, kind, size };
}

function isOfCache(kind: number): boolean {
  return (kind & CLASS_MASK) >= CACHE;
}

function nolockFree(cpu: StressCpu): void {
  const { objects } = cpu;
  if (objects.count === 0) return;
  const index = cpu.random.below(objects.count);
  if (((objects.kind[index] ?? 0) & CLASS_MASK) === LARGE) {
    freeAt(cpu, index);
    return;
  }
  cpu.count("nolockCalls");
  const { address, kind, size } = giveUp(cpu, index, "kfreeNolock");
  const isCache = isOfCache(kind);
  const cache = isCache ? cpu.caches.opened(kind >>> KIND_BITS) : null;
  if (cache !== null && cpu.random.below(2) === 0) {
    cpu.note("cacheFreeNolock", address, size);
    cache.freeNolock(address);
  } else {
    cpu.note("kfreeNolock", address, size);
    if (cpu.random.below(2) === 0) cpu.cpu.exports.kfree_nolock(address);
    else cpu.cpu.kfreeNolock(address);
  }
  if (isCache) cpu.caches.unpin(kind >>> KIND_BITS, 1);
}

function freeBulk(cpu: StressCpu): void {
  const { objects, random } = cpu;
  const count = Math.min(objects.count, 1 + random.below(BULK_MAX));
  if (count === 0) return;
  const freed = Array.from({ length: count }, () =>
    giveUp(cpu, random.below(objects.count), "kfreeBulk"),
  );
  cpu.note("kfreeBulk", freed[0]?.address ?? 0, count);
  cpu.cpu.kfreeBulk(freed.map(({ address }) => address));
  for (const { kind } of freed) {
    if (isOfCache(kind)) cpu.caches.unpin(kind >>> KIND_BITS, 1);
  }
}

/** Free when no reader can hold it; what cannot be queued here stays this CPU's. */
function freeRcu(cpu: StressCpu): void {
  const { objects } = cpu;
  if (objects.count === 0) return;
  const index = cpu.random.below(objects.count);
  const { [index]: kind = 0 } = objects.kind;
  if ((kind & CLASS_MASK) === CTOR) {
    freeAt(cpu, index);
    return;
  }
  const { address, size } = giveUp(cpu, index, "kfreeRcu");
  cpu.note("kfreeRcu", address, size);
  const isQueued = cpu.cpu.exports.kfree_rcu(address);
  cpu.noteResult(isQueued ? 1 : 0);
  if (!isQueued) objects.add(address, size, kind, false);
  else if (isOfCache(kind)) cpu.caches.unpin(kind >>> KIND_BITS, 1);
}

/** Look at a published object, do something else, and look again before the section ends. */
function readPublished(cpu: StressCpu): void {
  cpu.cpu.rcuReadLock();
  const found = cpu.published.read(cpu.random);
  if (found !== null) {
    const { address, size, id } = found;
    cpu.note("rcuRead", address, size);
    cpu.objects.checkMoved(address, size, id);
    freeSome(cpu);
    cpu.objects.checkMoved(address, size, id);
    cpu.count("readsChecked");
  }
  cpu.cpu.rcuReadUnlock();
}

function resize(cpu: StressCpu): void {
  const { objects, random } = cpu;
  if (objects.count === 0) {
    allocKmalloc(cpu);
    return;
  }
  const index = random.below(objects.count);
  const { [index]: kind = 0 } = objects.kind;
  const { [index]: old = 0 } = objects.size;
  const { [index]: id = 0 } = objects.id;
  if ((kind & CLASS_MASK) !== KMALLOC) {
    freeAt(cpu, index);
    return;
  }
  const size = randomSize(random);
  const { address } = giveUp(cpu, index, "krealloc");
  cpu.note("krealloc", address, size);
  const moved = cpu.cpu.krealloc(address, size);
  cpu.noteResult(moved);
  if (moved === 0) {
    cpu.count("ordinaryNull");
    objects.checkMoved(address, old, id);
    objects.add(address, old, KMALLOC, false);
  } else {
    objects.checkMoved(moved, Math.min(old, size), id);
    objects.add(moved, size, KMALLOC, false);
  }
}

function checkSome(cpu: StressCpu): void {
  const { objects } = cpu;
  if (objects.count === 0) return;
  const index = cpu.random.below(objects.count);
  cpu.note("check", objects.address[index] ?? 0, objects.size[index] ?? 0);
  objects.check(index);
}

function poll(cpu: StressCpu): void {
  cpu.note("poll", 0, 0);
  cpu.cpu.poll();
}
