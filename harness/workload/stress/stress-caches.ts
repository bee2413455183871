/**
 * Caches that come and go while all CPUs use them: slots in memory that the CPUs share.
 *
 * ```
 *  FREE -> BUSY -> LIVE -> DYING -> BUSY -> FREE
 * ```
 * Whoever makes a slot BUSY makes or destroys its cache. `users` counts objects, and calls in
 * progress; it is raised before the state is looked at, and the state is changed to DYING before
 * `users` is looked at, so that one of both CPUs sees the other: a cache is destroyed only when
 * nobody uses it and nobody will. Without users a DYING slot stays DYING until somebody comes by.
 */
import type { Cpu } from "../../heap/cpu.js";
import {
  SLAB_ACCOUNT,
  SLAB_HWCACHE_ALIGN,
  SLAB_NO_CMPXCHG,
  SLAB_TYPESAFE_BY_RCU,
} from "../../heap/flags.js";
import type { KmemCache } from "../../heap/kmem-cache.js";
import { constructedWord } from "../verify/objects.js";
import type { Xorshift } from "../verify/xorshift.js";

export const CACHE_SLOTS = 10;
const SLOT_WORDS = 16;

const FREE = 0;
const BUSY = 1;
const LIVE = 2;
const DYING = 3;

const STATE = 0;
const USERS = 1;
const GENERATION = 2;
const SIZE = 3;
const HAS_CTOR = 4;

const FLAGS = [0, SLAB_HWCACHE_ALIGN, SLAB_ACCOUNT, SLAB_TYPESAFE_BY_RCU, SLAB_NO_CMPXCHG] as const;

/** A cache that is in use by the caller until `release()`. */
export interface PinnedCache {
  readonly slot: number;
  readonly cache: KmemCache;
  readonly hasCtor: boolean;
}

interface Destruction {
  readonly isGone: boolean;
  readonly size: number;
  /** What should not be, or null. */
  readonly wrong: string | null;
}

export class CacheSlots {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #opened: (KmemCache | null)[] = Array.from({ length: CACHE_SLOTS }, () => null);
  readonly #generations = new Int32Array(CACHE_SLOTS);

  constructor(buffer = new SharedArrayBuffer(CACHE_SLOTS * SLOT_WORDS * 4)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
  }

  /** Forget what was opened: this CPU was offline. */
  forget(): void {
    this.#opened.fill(null);
  }

  /** Make a cache in a random slot. @returns its size, or -1: the slot is taken or memory is out */
  create(cpu: Cpu, random: Xorshift): number {
    const slot = random.below(CACHE_SLOTS);
    const at = slot * SLOT_WORDS;
    const words = this.#words;
    if (Atomics.compareExchange(words, at + STATE, FREE, BUSY) !== FREE) return -1;
    const size = (1 + random.below(random.below(4) === 0 ? 1024 : 64)) * 4;
    const hasCtor = random.below(3) === 0;
    const flags = FLAGS[random.below(FLAGS.length)] as number;
    const align = random.below(4) === 0 ? 64 : 0;
    const cache = createOrNull(cpu, {
      ...{ name: nameOf(slot), size, align, flags },
      ...(hasCtor && { ctor: makeCtor(cpu, size) }),
    });
    words[at + SIZE] = size;
    words[at + HAS_CTOR] = hasCtor ? 1 : 0;
    words[at + GENERATION] = (words[at + GENERATION] ?? 0) + 1;
    this.#generations[slot] = words[at + GENERATION] ?? 0;
    this.#opened[slot] = cache;
    Atomics.store(words, at + STATE, cache === null ? FREE : LIVE);
    return cache === null ? -1 : size;
  }

  /**
   * Use a random cache. @param mayOpen whether it may be opened if this CPU did not use it yet
   * @returns null if there is none to use; otherwise `unpin()` is due, once for `count` users
   */
  pin(cpu: Cpu, random: Xorshift, count: number, mayOpen: boolean): PinnedCache | null {
    const slot = random.below(CACHE_SLOTS);
    const at = slot * SLOT_WORDS;
    const words = this.#words;
    Atomics.add(words, at + USERS, count);
    if (Atomics.load(words, at + STATE) === LIVE) {
      const cache = this.#open(cpu, slot, mayOpen);
      if (cache !== null) return { slot, cache, hasCtor: words[at + HAS_CTOR] === 1 };
    }
    this.unpin(slot, count);
    return null;
  }

  /** So many users less: objects that were freed, or not had. */
  unpin(slot: number, count: number): void {
    Atomics.sub(this.#words, slot * SLOT_WORDS + USERS, count);
  }

  /** The cache of an object that this CPU holds, or null: it did not open it. */
  opened(slot: number): KmemCache | null {
    const isSame = this.#generations[slot] === this.#words[slot * SLOT_WORDS + GENERATION];
    return isSame ? (this.#opened[slot] ?? null) : null;
  }

  /** Ask for the end of a random cache, and end it if nobody uses it. */
  destroy(cpu: Cpu, random: Xorshift): Destruction {
    return this.#destroy(cpu, random.below(CACHE_SLOTS));
  }

  /** Destroy all. Context: nobody uses any. @returns what is wrong */
  destroyAll(cpu: Cpu): string | null {
    for (let slot = 0; slot < CACHE_SLOTS; slot++) {
      const { wrong } = this.#destroy(cpu, slot);
      const { [slot * SLOT_WORDS]: state = FREE } = this.#words;
      if (wrong !== null) return wrong;
      if (state === FREE) continue;
      const users = this.#words[slot * SLOT_WORDS + USERS];
      return `expected nobody to use ${nameOf(slot)} at the end, got ${users} users`;
    }
    return null;
  }

  /**
   * A cache with objects cannot be destroyed: it stays, and knows how many there are. Context: no
   * CPU is in a call. @returns null if there is no such cache, or what was refused of one of them
   */
  refuse(cpu: Cpu, random: Xorshift): { users: number; wrong: string | null } | null {
    const start = random.below(CACHE_SLOTS);
    const slots = Array.from({ length: CACHE_SLOTS }, (_, index) => (start + index) % CACHE_SLOTS);
    const usersOf = (slot: number) => Atomics.load(this.#words, slot * SLOT_WORDS + USERS);
    const slot = slots.find(
      (each) => Atomics.load(this.#words, each * SLOT_WORDS + STATE) === LIVE && usersOf(each) > 0,
    );
    if (slot === undefined) return null;
    const users = usersOf(slot);
    const cache = this.#open(cpu, slot, true);
    const result = cache?.destroy();
    if (result === undefined || (!result.released && result.remaining === users)) {
      return { users, wrong: null };
    }
    const got = result.released ? "none: it is gone" : `${result.remaining}`;
    const wrong = `expected ${nameOf(slot)} to keep its ${users} objects, got ${got}`;
    return { users, wrong };
  }

  #open(cpu: Cpu, slot: number, mayOpen: boolean): KmemCache | null {
    const known = this.opened(slot);
    if (known !== null || !mayOpen) return known;
    const at = slot * SLOT_WORDS;
    const size = this.#words[at + SIZE] ?? 0;
    const hasCtor = this.#words[at + HAS_CTOR] === 1;
    const options = hasCtor ? { ctor: makeCtor(cpu, size) } : {};
    const cache = cpu.kmemCacheOpen(nameOf(slot), options);
    this.#opened[slot] = cache;
    this.#generations[slot] = this.#words[at + GENERATION] ?? 0;
    return cache;
  }

  #destroy(cpu: Cpu, slot: number): Destruction {
    const at = slot * SLOT_WORDS;
    const words = this.#words;
    const size = words[at + SIZE] ?? 0;
    Atomics.compareExchange(words, at + STATE, LIVE, DYING);
    const isUsed = Atomics.load(words, at + USERS) !== 0;
    if (isUsed || Atomics.compareExchange(words, at + STATE, DYING, BUSY) !== DYING) {
      return { isGone: false, size, wrong: null };
    }
    const result = this.#open(cpu, slot, true)?.destroy();
    this.#opened[slot] = null;
    Atomics.store(words, at + STATE, FREE);
    if (result === undefined || result.released) return { isGone: true, size, wrong: null };
    const wrong = `expected ${nameOf(slot)} to go, got ${result.remaining} objects in it`;
    return { isGone: false, size, wrong };
  }
}

function nameOf(slot: number): string {
  return `stress-${slot}`;
}

function makeCtor(cpu: Cpu, size: number): (object: number) => void {
  return (object) => cpu.view(object, Int32Array, size >>> 2).fill(constructedWord(object));
}

/** Under memory pressure there may be no room for one. */
function createOrNull(cpu: Cpu, options: Parameters<Cpu["kmemCacheCreate"]>[0]): KmemCache | null {
  try {
    return cpu.kmemCacheCreate(options);
  } catch (error) {
    if (error instanceof Error && /: expected memory for /.test(error.message)) return null;
    throw error;
  }
}
