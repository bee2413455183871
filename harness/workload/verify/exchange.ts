/**
 * Where CPUs of a fuzz or a stress hand objects to each other: slots in the reserved bottom of the
 * memory.
 *
 * A slot passes EMPTY, BUSY, FULL, BUSY, EMPTY; whoever makes it BUSY owns its other words. An
 * object keeps its stamp and its place in the shadow on the way: whoever takes it checks the
 * first owner's writing before it frees, which is how a remote free comes about.
 */
import type { Objects } from "./objects.js";
import type { Xorshift } from "./xorshift.js";

const EMPTY = 0;
const FULL = 1;
const BUSY = 2;

/** Above the arrays of bulk calls; `RESERVE_BYTES` ends it. */
const EXCHANGE_START = 32_768;
const SLOTS = 256;
/** state, address, size, kind, id; the rest keeps slots off each other's lines. */
const SLOT_WORDS = 16;

/** A CPU that takes part. */
export interface Trader {
  readonly objects: Objects;
  readonly random: Xorshift;
  readonly tally: { handedOver: number };
}

export class Exchange {
  readonly #words: Int32Array;

  constructor(memory: WebAssembly.Memory) {
    this.#words = new Int32Array(memory.buffer, EXCHANGE_START, SLOTS * SLOT_WORDS);
  }

  /** Give a random object away, if a random slot is empty. */
  give(cpu: Trader): void {
    const { objects, random } = cpu;
    if (objects.count === 0) return;
    const slot = random.below(SLOTS) * SLOT_WORDS;
    const words = this.#words;
    if (Atomics.compareExchange(words, slot, EMPTY, BUSY) !== EMPTY) return;
    const index = random.below(objects.count);
    words[slot + 1] = objects.address[index] as number;
    words[slot + 2] = objects.size[index] as number;
    words[slot + 3] = objects.kind[index] as number;
    words[slot + 4] = objects.id[index] as number;
    objects.drop(index);
    cpu.tally.handedOver++;
    Atomics.store(words, slot, FULL);
  }

  /** Take what a random slot holds. */
  take(cpu: Trader): void {
    this.#takeFrom(cpu, cpu.random.below(SLOTS));
  }

  /** Take everything. Context: nobody gives any more, and there is room. */
  takeAll(cpu: Trader): void {
    for (let slot = 0; slot < SLOTS; slot++) this.#takeFrom(cpu, slot);
  }

  #takeFrom(cpu: Trader, number: number): void {
    const { objects } = cpu;
    const slot = number * SLOT_WORDS;
    const words = this.#words;
    if (!objects.hasRoom(1)) return;
    if (Atomics.compareExchange(words, slot, FULL, BUSY) !== FULL) return;
    const [, address = 0, size = 0, kind = 0, id = 0] = words.subarray(slot, slot + SLOT_WORDS);
    Atomics.store(words, slot, EMPTY);
    objects.adopt(address >>> 0, size, kind, id);
  }
}
