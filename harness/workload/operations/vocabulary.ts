/**
 * The operations that random loads are made of; each load draws from them by weights of its own.
 *
 * An object is given up in the notes right before the call that frees it, and taken in right after
 * the one that allocated it. Between a call and its note nothing can nest, so the notes are exact.
 */
import { GFP_KERNEL, __GFP_ACCOUNT, __GFP_ZERO } from "../../heap/flags.js";
import { KIND_BITS, KMALLOC, LARGE, isOfCache, kindClass } from "../verify/objects.js";
import type { Actor, CallName } from "./actor.js";
import { randomLargeSize, randomSize } from "./sizes.js";

/** Objects of a bulk call, at most. */
export const BULK_MAX = 16;
/** Operations between two choices of how many objects to own: slabs come and go by turns. */
export const PHASE_OPERATIONS = 2048;
const TARGET_MAX = 1500;

/** How many objects to own during the next phase. */
export function randomTarget({ random }: Actor): number {
  return random.below(TARGET_MAX);
}

/** Whether to allocate, given what is owned: more often than not below the target. */
export function wantsMore({ objects, random, target }: Actor): boolean {
  const { count } = objects;
  if (count === 0) return true;
  if (!objects.hasRoom(BULK_MAX)) return false;
  return random.below(16) < (count < target ? 13 : 3);
}

/** Flags of an allocation: a quarter cleared, half charged, which means nothing without a group. */
export function randomGfp({ random }: Actor): number {
  const bits = random.next() >>> 28;
  return ((bits & 3) === 0 ? __GFP_ZERO : GFP_KERNEL) | ((bits & 4) === 0 ? __GFP_ACCOUNT : 0);
}

// ----------------------------------------------------------------------------- allocation

/** Take in what an ordinary allocation gave, if it did. */
export function take(actor: Actor, address: number, size: number, kind: number, gfp: number): void {
  actor.noteAllocation(address, false);
  if (address !== 0) actor.objects.add(address, size, kind, (gfp & __GFP_ZERO) !== 0);
}

/** The same after a nolock call. */
function takeNolock(a: Actor, address: number, size: number, kind: number, gfp: number): void {
  a.noteAllocation(address, true);
  if (address !== 0) a.objects.add(address, size, kind, (gfp & __GFP_ZERO) !== 0);
}

export function allocKmalloc(actor: Actor): void {
  if (!wantsMore(actor)) {
    freeSome(actor);
    return;
  }
  const size = randomSize(actor.random);
  const gfp = randomGfp(actor);
  actor.note("kmalloc", gfp, size);
  take(actor, actor.kmalloc(size, gfp), size, KMALLOC, gfp);
}

export function allocLarge(actor: Actor): void {
  if (!actor.mayAskForPages || !wantsMore(actor)) {
    freeSome(actor);
    return;
  }
  const size = randomLargeSize(actor.random);
  const gfp = randomGfp(actor) & __GFP_ACCOUNT;
  actor.note("kmallocLarge", gfp, size);
  take(actor, actor.kmalloc(size, gfp), size, LARGE, 0);
}

export function allocBulk(actor: Actor): void {
  if (!wantsMore(actor)) {
    freeBulk(actor);
    return;
  }
  const count = 1 + actor.random.below(BULK_MAX);
  const size = randomSize(actor.random);
  const gfp = randomGfp(actor);
  actor.note("kmallocBulk", count, size);
  takeAll(actor, actor.kmallocBulk(size, count, gfp), count, size, KMALLOC, gfp);
}

/** Take in what a bulk call gave: everything, or nothing. */
function takeAll(
  actor: Actor,
  addresses: ArrayLike<number>,
  count: number,
  size: number,
  kind: number,
  gfp: number,
): void {
  const { length } = addresses;
  actor.noteAllocation(length, false);
  if (length !== 0 && length !== count) {
    actor.report("counters", `expected ${count} objects or none, got ${length}`);
  }
  for (let at = 0; at < length; at++) {
    actor.objects.add(addresses[at] as number, size, kind, (gfp & __GFP_ZERO) !== 0);
  }
}

export function allocNolock(actor: Actor): void {
  if (wantsMore(actor)) allocNolockNow(actor);
  else freeNolock(actor);
}

/** The same whatever is owned, as long as there is room. */
export function allocNolockNow(actor: Actor): void {
  if (!actor.objects.hasRoom(BULK_MAX)) {
    freeNolock(actor);
    return;
  }
  const size = randomSize(actor.random);
  const gfp = randomGfp(actor);
  actor.note("kmallocNolock", gfp, size);
  takeNolock(actor, actor.kmallocNolock(size, gfp), size, KMALLOC, gfp);
}

export function allocCache(actor: Actor): void {
  const cache = wantsMore(actor) ? actor.holdCache(1) : null;
  if (cache === null) {
    freeSome(actor);
    return;
  }
  const gfp = randomGfp(actor) & cache.gfpMask;
  actor.note("cacheAlloc", cache.kind >>> KIND_BITS, cache.size);
  const address = cache.alloc(gfp);
  if (address === 0) actor.letGo(cache.kind, 1);
  take(actor, address, cache.size, cache.kind, gfp);
}

export function allocCacheNolock(actor: Actor): void {
  if (wantsMore(actor)) allocCacheNolockNow(actor);
  else freeNolock(actor);
}

/** The same whatever is owned, as long as there is room. */
export function allocCacheNolockNow(actor: Actor): void {
  const cache = actor.objects.hasRoom(BULK_MAX) ? actor.holdCache(1) : null;
  if (cache === null) {
    freeNolock(actor);
    return;
  }
  actor.note("cacheAllocNolock", cache.kind >>> KIND_BITS, cache.size);
  const address = cache.allocNolock();
  if (address === 0) actor.letGo(cache.kind, 1);
  takeNolock(actor, address, cache.size, cache.kind, 0);
}

export function allocCacheBulk(actor: Actor): void {
  const count = 1 + actor.random.below(BULK_MAX);
  const cache = wantsMore(actor) ? actor.holdCache(count) : null;
  if (cache === null) {
    freeBulk(actor);
    return;
  }
  const gfp = randomGfp(actor) & cache.gfpMask;
  actor.note("cacheAllocBulk", cache.kind >>> KIND_BITS, count);
  const addresses = cache.allocBulk(count, gfp);
  if (addresses.length < count) actor.letGo(cache.kind, count - addresses.length);
  takeAll(actor, addresses, count, cache.size, cache.kind, gfp);
}

// ----------------------------------------------------------------------------------- free

interface Entry {
  readonly address: number;
  readonly kind: number;
  readonly size: number;
}

/** Check an entry and forget it, right before it is freed. */
export function giveUp(actor: Actor, index: number, call: CallName): Entry {
  const { objects } = actor;
  const { [index]: address = 0 } = objects.address;
  const { [index]: kind = 0 } = objects.kind;
  const { [index]: size = 0 } = objects.size;
  actor.noteGivingUp(index, call);
  objects.release(index);
  return { address, kind, size };
}

/** Any object by an ordinary call. */
export function freeSome(actor: Actor): void {
  const { count } = actor.objects;
  if (count > 0) freeAt(actor, actor.random.below(count));
}

/** Free one entry by an ordinary call of its kind. */
export function freeAt(actor: Actor, index: number): void {
  const { address, kind, size } = giveUp(actor, index, "kfree");
  actor.free(address, kind, size);
  if (isOfCache(kind)) actor.letGo(kind, 1);
}

/** Any object by a nolock call, but whole pages, which none frees. */
export function freeNolock(actor: Actor): void {
  const { objects, random } = actor;
  if (objects.count === 0) return;
  const index = random.below(objects.count);
  if (kindClass(objects.kind[index] ?? 0) === LARGE) {
    if (actor.mayAskForPages) freeAt(actor, index);
    return;
  }
  const { address, kind, size } = giveUp(actor, index, "kfreeNolock");
  actor.freeNolock(address, kind, size);
  if (isOfCache(kind)) actor.letGo(kind, 1);
}

export function freeBulk(actor: Actor): void {
  const { objects, random } = actor;
  const count = Math.min(objects.count, 1 + random.below(BULK_MAX));
  if (count === 0) return;
  const freed: Entry[] = [];
  while (freed.length < count) {
    freed.push(giveUp(actor, random.below(objects.count), "kfreeBulk"));
  }
  actor.note("kfreeBulk", freed[0]?.address ?? 0, count);
  actor.freeBulk(freed.map(({ address }) => address));
  for (const { kind } of freed) if (isOfCache(kind)) actor.letGo(kind, 1);
}

// ----------------------------------------------------------------------------------- rest

export function resize(actor: Actor): void {
  const { objects, random } = actor;
  if (objects.count === 0) {
    allocKmalloc(actor);
    return;
  }
  const index = random.below(objects.count);
  const { [index]: kind = 0 } = objects.kind;
  const { [index]: old = 0 } = objects.size;
  const { [index]: id = 0 } = objects.id;
  if (kindClass(kind) !== KMALLOC) {
    freeAt(actor, index);
    return;
  }
  const size = randomSize(random);
  const { address } = giveUp(actor, index, "krealloc");
  actor.note("krealloc", address, size);
  const moved = actor.krealloc(address, size);
  actor.noteAllocation(moved, false);
  if (moved === 0) {
    objects.checkMoved(address, old, id);
    objects.add(address, old, KMALLOC, false);
  } else {
    objects.checkMoved(moved, Math.min(old, size), id);
    objects.add(moved, size, KMALLOC, false);
  }
}

/** Compare one object with its stamp. */
export function checkSome(actor: Actor): void {
  const { objects } = actor;
  if (objects.count === 0) return;
  const index = actor.random.below(objects.count);
  actor.note("check", objects.address[index] ?? 0, objects.size[index] ?? 0);
  objects.check(index);
}

export function poll(actor: Actor): void {
  actor.note("poll", 0, 0);
  actor.poll();
}
