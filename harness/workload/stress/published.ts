/**
 * Objects that every CPU may read inside a read-side section while their owner replaces them and
 * gives them to kfreeRcu().
 *
 * A slot is a sequence lock: odd while its words change. A reader that saw the same even number
 * before and after knows that the object was published in its section: it stays as it is until the
 * section ends, whatever becomes of the slot.
 */
import type { Objects } from "../verify/objects.js";
import type { Xorshift } from "../verify/xorshift.js";

const SLOTS = 8;
const SLOT_WORDS = 16;

export interface PublishedObject {
  readonly address: number;
  readonly size: number;
  readonly kind: number;
  readonly id: number;
}

export class Published {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(buffer = new SharedArrayBuffer(SLOTS * SLOT_WORDS * 4)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
  }

  /**
   * Publish entry `index`, which is dropped. @returns what was there, which is the caller's now; an
   * address of 0: nothing was; null: the slot is being changed, and nothing happened
   */
  publish(objects: Objects, index: number, random: Xorshift): PublishedObject | null {
    const { [index]: address = 0 } = objects.address;
    const [size = 0, kind = 0, id = 0] = [objects.size, objects.kind, objects.id].map(
      (column) => column[index],
    );
    const old = this.#swap(random.below(SLOTS), { address, size, kind, id });
    if (old !== null) objects.drop(index);
    return old;
  }

  /** Take all back. Context: nobody publishes any more. */
  *takeAll(): Generator<PublishedObject> {
    const nothing = { address: 0, size: 0, kind: 0, id: 0 };
    for (let slot = 0; slot < SLOTS; slot++) {
      const old = this.#swap(slot, nothing);
      if (old !== null && old.address !== 0) yield old;
    }
  }

  /** What a random slot holds. Context: a read-side section. @returns null: nothing, or a change */
  read(random: Xorshift): PublishedObject | null {
    const words = this.#words;
    const at = random.below(SLOTS) * SLOT_WORDS;
    const sequence = Atomics.load(words, at);
    if ((sequence & 1) !== 0) return null;
    const found = this.#load(at);
    return Atomics.load(words, at) === sequence && found.address !== 0 ? found : null;
  }

  #swap(slot: number, by: PublishedObject): PublishedObject | null {
    const words = this.#words;
    const at = slot * SLOT_WORDS;
    const sequence = Atomics.load(words, at);
    if ((sequence & 1) !== 0) return null;
    if (Atomics.compareExchange(words, at, sequence, sequence + 1) !== sequence) return null;
    const old = this.#load(at);
    Atomics.store(words, at + 1, by.address);
    Atomics.store(words, at + 2, by.size);
    Atomics.store(words, at + 3, by.kind);
    Atomics.store(words, at + 4, by.id);
    Atomics.store(words, at, sequence + 2);
    return old;
  }

  #load(at: number): PublishedObject {
    const words = this.#words;
    return {
      address: Atomics.load(words, at + 1) >>> 0,
      size: Atomics.load(words, at + 2),
      kind: Atomics.load(words, at + 3),
      id: Atomics.load(words, at + 4),
    };
  }
}
