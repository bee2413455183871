/**
 * What each CPU owns, in memory that survives it: whoever reaps a CPU reads here what is left.
 *
 * An object is entered once it is stamped and leaves before it is freed; in between the two, and
 * around every call, `inHand` says how many objects may be lost with the CPU. An object says its
 * own size in its first word, and the rest of it holds a stamp of its address and size.
 */
import type { Cpu } from "../../heap/cpu.js";

/** Objects a CPU owns at most. */
export const OBJECTS_MAX = 192;
/** Slots in which objects go from one CPU to another. */
const MAILBOX = 64;
const MAILBOX_AT = 16;
const ROWS_AT = 128;
const ROW_WORDS = 256;

const CONTROL = 0;
const PARKED = 0;
const IN_HAND = 1;
const OPERATIONS = 2;
const OBJECTS_AT = 16;

/** What the CPUs are asked to do. */
export const GO = 0;
export const PAUSE = 1;
export const STOP = 2;

export class Estate {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;

  /** @param from the buffer of another thread's; or a number of CPUs: a new one */
  constructor(from: number | SharedArrayBuffer) {
    const bytes = (cpus: number) => (ROWS_AT + cpus * ROW_WORDS) * 4;
    this.buffer = typeof from === "number" ? new SharedArrayBuffer(bytes(from)) : from;
    this.#words = new Int32Array(this.buffer);
  }

  get control(): number {
    return Atomics.load(this.#words, CONTROL);
  }

  /** Ask all CPUs for something; those that pause go on. */
  ask(control: number): void {
    Atomics.store(this.#words, CONTROL, control);
    Atomics.notify(this.#words, CONTROL);
  }

  /** Stand still for as long as that is asked. Context: outside every call. */
  park(cpu: number): void {
    Atomics.store(this.#words, rowOf(cpu) + PARKED, 1);
    while (this.control === PAUSE) Atomics.wait(this.#words, CONTROL, PAUSE);
    Atomics.store(this.#words, rowOf(cpu) + PARKED, 0);
  }

  isParked(cpu: number): boolean {
    return Atomics.load(this.#words, rowOf(cpu) + PARKED) === 1;
  }

  /** So many objects are in its hands from now on. */
  hold(cpu: number, count: number): void {
    Atomics.store(this.#words, rowOf(cpu) + IN_HAND, count);
  }

  /** It began one more operation. */
  count(cpu: number): void {
    Atomics.add(this.#words, rowOf(cpu) + OPERATIONS, 1);
  }

  get(cpu: number, index: number): number {
    return Atomics.load(this.#words, objectAt(cpu, index)) >>> 0;
  }

  set(cpu: number, index: number, address: number): void {
    Atomics.store(this.#words, objectAt(cpu, index), address);
  }

  /** Take what is in an entry, which is empty from now on. */
  take(cpu: number, index: number): number {
    return Atomics.exchange(this.#words, objectAt(cpu, index), 0) >>> 0;
  }

  /** Swap with what a slot of the mailbox holds; 0 is nothing. */
  swap(slot: number, address: number): number {
    return Atomics.exchange(this.#words, MAILBOX_AT + (slot % MAILBOX), address) >>> 0;
  }

  /** Everything in the mailbox. */
  *takeMail(): Generator<number> {
    for (let slot = 0; slot < MAILBOX; slot++) {
      const address = this.swap(slot, 0);
      if (address !== 0) yield address;
    }
  }

  /** What a CPU that is gone left; its row is as new. Context: it was reaped. */
  inherit(cpu: number): { objects: number[]; inHand: number; operations: number } {
    const row = this.#words.subarray(rowOf(cpu), rowOf(cpu) + ROW_WORDS);
    const objects = [...row.subarray(OBJECTS_AT, OBJECTS_AT + OBJECTS_MAX)]
      .map((address) => address >>> 0)
      .filter((address) => address !== 0);
    const { [IN_HAND]: inHand = 0, [OPERATIONS]: operations = 0 } = row;
    row.fill(0);
    return { objects, inHand, operations };
  }
}

function rowOf(cpu: number): number {
  return ROWS_AT + cpu * ROW_WORDS;
}

function objectAt(cpu: number, index: number): number {
  return rowOf(cpu) + OBJECTS_AT + index;
}

/** The least that is stamped. */
export const STAMPED_MIN = 8;

/** Make an object say its size, and fill the rest of it. @param size bytes, at least STAMPED_MIN */
export function stamp(cpu: Cpu, address: number, size: number): void {
  const words = cpu.view(address, Int32Array, size >>> 2);
  words.fill(stampOf(address, size));
  words[0] = size;
}

/** @returns what is wrong with an object, or null. @param upTo bytes of it that count */
export function checkStamp(
  cpu: Cpu,
  address: number,
  upTo = Number.POSITIVE_INFINITY,
): string | null {
  const size = sizeOf(cpu, address);
  const hex = `0x${address.toString(16)}`;
  if (size < STAMPED_MIN || size > SIZE_LIMIT) return `${hex} says that it has ${size} bytes`;
  const words = cpu.view(address, Int32Array, Math.min(size, upTo) >>> 2);
  const expected = stampOf(address, size);
  for (let at = 1; at < words.length; at++) {
    if (words[at] === expected) continue;
    return `${hex} of ${size} bytes: expected ${expected} in word ${at}, got ${words[at]}`;
  }
  return null;
}

/** What an object says of its size. */
export function sizeOf(cpu: Cpu, address: number): number {
  return cpu.view(address, Int32Array, 1)[0] ?? 0;
}

const SIZE_LIMIT = 2 ** 20;

function stampOf(address: number, size: number): number {
  return Math.imul(address ^ (size << 8), 0x9e3779b1) | 1;
}
