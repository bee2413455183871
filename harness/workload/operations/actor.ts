/**
 * Who calls: what the vocabulary (vocabulary.ts) needs of a CPU of a load.
 *
 * A stress calls the library on Workers, a re-entry the bare exports from inside trace points: each
 * says here how it makes a call, and what it notes of it.
 */
import type { FindingKind } from "../verify/finding.js";
import type { Objects } from "../verify/objects.js";
import type { Xorshift } from "../verify/xorshift.js";

/** The calls of the vocabulary, as they are noted. */
export type CallName =
  | "kmalloc"
  | "kmallocLarge"
  | "kmallocBulk"
  | "kmallocNolock"
  | "krealloc"
  | "cacheAlloc"
  | "cacheAllocBulk"
  | "cacheAllocNolock"
  | "kfree"
  | "kfreeBulk"
  | "kfreeNolock"
  | "kfreeRcu"
  | "check"
  | "poll";

/** A cache that is held as long as objects of it are. */
export interface HeldCache {
  /** What entries of its objects say: CACHE or CTOR, and the owner's number above it. */
  readonly kind: number;
  readonly size: number;
  /** Flags that its allocations may carry: none where objects are constructed. */
  readonly gfpMask: number;
  alloc(gfp: number): number;
  allocNolock(): number;
  allocBulk(count: number, gfp: number): ArrayLike<number>;
}

export interface Actor {
  readonly random: Xorshift;
  readonly objects: Objects;
  /** How many objects to own: the load allocates below it and frees above. */
  readonly target: number;
  /** Whether whole pages may be asked for here. */
  readonly mayAskForPages: boolean;

  kmalloc(size: number, gfp: number): number;
  kmallocNolock(size: number, gfp: number): number;
  kmallocBulk(size: number, count: number, gfp: number): ArrayLike<number>;
  krealloc(address: number, size: number): number;
  /** By whichever call frees an object of that kind. */
  free(address: number, kind: number, size: number): void;
  freeNolock(address: number, kind: number, size: number): void;
  freeBulk(addresses: readonly number[]): void;
  poll(): void;
  /** A cache at random, held for so many objects, or null. */
  holdCache(count: number): HeldCache | null;
  /** So many objects of a cache are gone; nothing for other kinds. */
  letGo(kind: number, count: number): void;

  /** Right before a call: what it is about, and of how much. */
  note(call: CallName, about: number, size: number): void;
  /** Right after an allocation. @param result its address, the objects of a bulk call, or 0 */
  noteAllocation(result: number, isNolock: boolean): void;
  /** Right before an entry is given up, which its owner may check then. */
  noteGivingUp(index: number, call: CallName): void;
  report(kind: FindingKind, message: string): void;
}
