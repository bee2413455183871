/**
 * What each Worker does until it is terminated: every kind of call, on objects of its own and of
 * others. It never ends by itself before it is asked to.
 */
import type { JobContext } from "../../cpu/job.js";
import type { Cpu } from "../../heap/cpu.js";
import { __GFP_ACCOUNT } from "../../heap/flags.js";
import type { KmemCache } from "../../heap/kmem-cache.js";
import { randomLargeSize, randomSize, SIZE_MAX } from "../operations/sizes.js";
import { drawing, type Weighted } from "../operations/weighted.js";
import { Xorshift } from "../verify/xorshift.js";
import { Estate, GO, OBJECTS_MAX, PAUSE, STAMPED_MIN, STOP } from "./estate.js";
import { checkStamp, sizeOf, stamp } from "./estate.js";

export interface DeathArgs {
  readonly estate: SharedArrayBuffer;
  readonly seed: number;
  readonly stream: number;
}

/** The cache and the group that all CPUs use. */
export const CACHE_NAME = "stress-death";
export const CACHE_BYTES = 200;
export const GROUP_NAME = "stress-death";

const BULK = 8;
const MAILBOX_RANGE = 1024;

interface Load {
  readonly id: number;
  readonly cpu: Cpu;
  readonly cache: KmemCache;
  readonly estate: Estate;
  readonly random: Xorshift;
}

/** @returns what it found wrong, or null */
export function deathJob({ cpu, index: _, isStopped }: JobContext, args: DeathArgs): string | null {
  const random = new Xorshift(args.seed, args.stream);
  const estate = new Estate(args.estate);
  const cache = cpu.kmemCacheOpen(CACHE_NAME);
  cpu.memcg = cpu.memcgOpen(GROUP_NAME);
  const load: Load = { id: cpu.id, cpu, cache, estate, random };
  let wrong: string | null = null;
  while (wrong === null && estate.control !== STOP && !isStopped()) {
    if (estate.control === PAUSE) estate.park(cpu.id);
    if (estate.control !== GO) continue;
    estate.count(cpu.id);
    wrong = step(load);
    estate.hold(cpu.id, 0);
  }
  for (let at = 0; at < OBJECTS_MAX; at++) wrong ??= release(load, at, (p) => cpu.kfree(p));
  cpu.memcg = undefined;
  return wrong;
}

type Operation = (load: Load, at: number) => string | null;

/** What is done with an entry whatever is in it. */
const ALWAYS: Weighted<Operation> = [
  [4, trade],
  [1, rest],
];
/** With one that is empty. */
const drawFilling = drawing<Operation>([
  ...ALWAYS,
  [1, handler],
  [6, (load, at) => own(load, at, CACHE_BYTES, () => load.cache.alloc())],
  [3, (load, at) => own(load, at, CACHE_BYTES, () => load.cache.allocNolock())],
  [9, (load, at) => ownSized(load, at, (size) => load.cpu.kmallocNolock(size))],
  [1, ownLarge],
  [1, ownBulk],
  [38, (load, at) => ownSized(load, at, (size) => load.cpu.kmalloc(size, randomCharge(load)))],
]);
/** With an object of a slab. */
const drawFreeing = drawing<Operation>([
  ...ALWAYS,
  [1, handler],
  [10, (load, at) => release(load, at, (p) => load.cpu.kfreeNolock(p))],
  [4, (load, at) => release(load, at, (p) => load.cpu.kfreeRcu(p))],
  [4, resize],
  [40, (load, at) => release(load, at, (p) => load.cpu.kfree(p))],
]);
/** With whole pages, which plain tasks alone free. */
const drawLarge = drawing<Operation>([
  ...ALWAYS,
  [59, (load, at) => release(load, at, (p) => load.cpu.kfree(p))],
]);

/** One operation, chosen at random. @returns what is wrong, or null */
function step(load: Load): string | null {
  const { cpu, random, id, estate } = load;
  const at = random.below(OBJECTS_MAX);
  const address = estate.get(id, at);
  const isLarge = address !== 0 && sizeOf(cpu, address) > SIZE_MAX;
  const draw = address === 0 ? drawFilling : isLarge ? drawLarge : drawFreeing;
  return draw(random)(load, at);
}

/** Flags of an allocation: a quarter is charged. */
function randomCharge({ random }: Load): number {
  return random.below(4) === 0 ? __GFP_ACCOUNT : 0;
}

function stampedSize({ random }: Load): number {
  return Math.max(STAMPED_MIN, randomSize(random));
}

function ownSized(load: Load, at: number, allocate: (size: number) => number): string | null {
  const size = stampedSize(load);
  return own(load, at, size, () => allocate(size));
}

/** Allocate into an empty entry. */
function own(load: Load, at: number, size: number, allocate: () => number): string | null {
  const { cpu, estate, id } = load;
  estate.hold(id, 1);
  const address = allocate();
  if (address === 0) return null;
  stamp(cpu, address, size);
  estate.set(id, at, address);
  return null;
}

function ownLarge(load: Load, at: number): string | null {
  const size = randomLargeSize(load.random);
  return own(load, at, size, () => load.cpu.kmalloc(size));
}

function ownBulk(load: Load, from: number): string | null {
  const { cpu, estate, id } = load;
  const size = stampedSize(load);
  estate.hold(id, BULK);
  const addresses = cpu.kmallocBulk(size, BULK);
  const left = [...addresses];
  for (let at = from; at < OBJECTS_MAX && left.length > 0; at++) {
    if (estate.get(id, at) !== 0) continue;
    const address = left.pop() as number;
    stamp(cpu, address, size);
    estate.set(id, at, address);
  }
  if (left.length > 0) cpu.kfreeBulk(left);
  return null;
}

/** Free what is in an entry, after a look at all of it. */
function release(
  { cpu, estate, id }: Load,
  at: number,
  free: (address: number) => void,
): string | null {
  estate.hold(id, 1);
  const address = estate.take(id, at);
  if (address === 0) return null;
  const wrong = checkStamp(cpu, address);
  if (wrong === null) free(address);
  return wrong;
}

function resize(load: Load, at: number): string | null {
  const { cpu, estate, id } = load;
  const size = stampedSize(load);
  // Old and new.
  estate.hold(id, 2);
  const old = estate.take(id, at);
  const before = sizeOf(cpu, old);
  const address = cpu.krealloc(old, size);
  if (address === 0) {
    estate.set(id, at, old);
    return null;
  }
  if (sizeOf(cpu, address) !== before) {
    return `krealloc() of ${before} bytes: expected the first word to stay, got another`;
  }
  stamp(cpu, address, size);
  estate.set(id, at, address);
  return null;
}

/** Give an object to whoever takes it out of the mailbox, and take what is there. */
function trade({ estate, random, id, cpu }: Load, at: number): string | null {
  estate.hold(id, 2);
  const mine = estate.take(id, at);
  const theirs = estate.swap(random.below(MAILBOX_RANGE), mine);
  if (theirs === 0) return null;
  const wrong = checkStamp(cpu, theirs);
  estate.set(id, at, theirs);
  return wrong;
}

/** What has no object: readers, barriers, shrinking, leaving. */
function rest({ cpu, cache, random }: Load): string | null {
  switch (random.below(8)) {
    case 0:
      cpu.rcuBarrier();
      break;
    case 1:
      cache.shrink();
      break;
    case 2:
      cpu.synchronizeRcu();
      break;
    case 3:
      cpu.rcuReadLock();
      cpu.poll();
      cpu.rcuReadUnlock();
      break;
    default:
      cpu.poll();
  }
  return null;
}

/** A free and an allocation in an NMI. */
function handler(load: Load, at: number): string | null {
  const { cpu, random } = load;
  const size = STAMPED_MIN + random.below(256);
  return cpu.nmi(
    () =>
      release(load, at, (p) => cpu.kfreeNolock(p)) ??
      own(load, at, size, () => cpu.kmallocNolock(size)),
  );
}
