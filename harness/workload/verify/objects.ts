/**
 * The objects a CPU of a fuzz or a stress owns, and the proof that nobody else does.
 *
 * Each object is stamped over its whole size with a number of its own, and a shadow of the memory
 * says for every 8 bytes whose they are. An address that is handed out twice finds the shadow
 * taken; a write through a stale pointer finds the stamp changed. Several threads share one shadow,
 * through atomics. Entries are columns of typed arrays: nothing here allocates.
 */
import { hex } from "../../heap/errors.js";
import type { FindingKind } from "./finding.js";

export const KMALLOC = 0;
/** kmalloc() above 8192 bytes: whole pages, which no nolock call frees. */
export const LARGE = 1;
/** Of a cache without a constructor. */
export const CACHE = 2;
/** Of one with: it goes back as it was constructed. */
export const CTOR = 3;
/** An entry's kind is one of these, and above it a number of its owner's choice, 0..63. */
export const KIND_BITS = 2;
const KIND_MASK = 3;

/** KMALLOC, LARGE, CACHE or CTOR, without its owner's number. */
export function kindClass(kind: number): number {
  return kind & KIND_MASK;
}

/** Whether an object of this kind is of a cache that was made. */
export function isOfCache(kind: number): boolean {
  return (kind & KIND_MASK) >= CACHE;
}

/** Objects that one CPU can own. */
export const OBJECTS_MAX = 4096;

const GRANULE_SHIFT = 3;

/** A shadow for a memory of that size. */
export function makeShadow(memoryBytes: number): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer((memoryBytes >>> GRANULE_SHIFT) * 4));
}

/** What a word of a constructed object holds. */
export function constructedWord(address: number): number {
  return address ^ 0x5ab0c705;
}

export interface ObjectsOptions {
  readonly memory: WebAssembly.Memory;
  readonly shadow: Int32Array<SharedArrayBuffer>;
  readonly cpu: number;
  readonly cpus: number;
  /** Gets what is wrong; may throw, but not from inside a trace point. */
  readonly report: (kind: FindingKind, message: string) => void;
}

export class Objects {
  readonly address = new Uint32Array(OBJECTS_MAX);
  readonly size = new Uint32Array(OBJECTS_MAX);
  readonly kind = new Uint8Array(OBJECTS_MAX);
  readonly id = new Int32Array(OBJECTS_MAX);
  /** Entries in use: 0..count-1. */
  count = 0;
  /** Objects whose stamps were compared so far. */
  checked = 0;
  readonly #memory: WebAssembly.Memory;
  readonly #shadow: Int32Array<SharedArrayBuffer>;
  readonly #isShared: boolean;
  readonly #cpu: number;
  readonly #cpus: number;
  readonly #report: ObjectsOptions["report"];
  #given = 0;
  #words: Int32Array;
  #bytes: Uint8Array;

  constructor({ memory, shadow, cpu, cpus, report }: ObjectsOptions) {
    this.#memory = memory;
    this.#shadow = shadow;
    this.#isShared = cpus > 1;
    this.#cpu = cpu;
    this.#cpus = cpus;
    this.#report = report;
    this.#words = new Int32Array(memory.buffer);
    this.#bytes = new Uint8Array(memory.buffer);
  }

  /** Whether there is room for `more` objects. */
  hasRoom(more: number): boolean {
    return this.count + more <= OBJECTS_MAX;
  }

  /** The first word of `address`, for arrays of bulk calls. */
  word(address: number): number {
    return this.#words[address >>> 2] as number;
  }

  setWord(address: number, value: number): void {
    this.#words[address >>> 2] = value;
  }

  /** Own an object that the allocator just gave. @param isZero whether it must be zero */
  add(address: number, size: number, kind: number, isZero: boolean): void {
    if (!this.#reach(address, size)) return;
    if (isZero) this.#checkZero(address, size);
    if ((kind & KIND_MASK) === CTOR) this.#checkConstructed(address, size);
    const id = (++this.#given * this.#cpus + this.#cpu) | 0 || 1;
    this.#claim(address, size, id);
    this.#write(address, size, stampOf(id));
    this.#push(address, size, kind, id);
  }

  /** Own an object that another CPU hands over as it is. */
  adopt(address: number, size: number, kind: number, id: number): void {
    if (!this.#reach(address, size)) return;
    this.#push(address, size, kind, id);
  }

  /** Forget an entry without a look: it is handed over. The last entry takes its place. */
  drop(index: number): void {
    const last = --this.count;
    this.address[index] = this.address[last] as number;
    this.size[index] = this.size[last] as number;
    this.kind[index] = this.kind[last] as number;
    this.id[index] = this.id[last] as number;
  }

  /** Check an object and stop owning it, which is due right before it is freed. */
  release(index: number): void {
    const address = this.address[index] as number;
    const size = this.size[index] as number;
    this.check(index);
    this.#disclaim(address, size, this.id[index] as number);
    if (((this.kind[index] as number) & KIND_MASK) === CTOR)
      this.#write(address, size, constructedWord(address));
    this.drop(index);
  }

  /** Compare an object with its stamp. */
  check(index: number): void {
    const id = this.id[index] as number;
    this.#compare(this.address[index] as number, this.size[index] as number, stampOf(id), "stamp");
    this.checked++;
  }

  /** Compare what krealloc() moved: `size` bytes at `address` were those of object `id`. */
  checkMoved(address: number, size: number, id: number): void {
    if (!this.#reach(address, size)) return;
    this.#compare(address, size, stampOf(id), "stamp");
  }

  checkAll(): void {
    for (let index = 0; index < this.count; index++) this.check(index);
  }

  #push(address: number, size: number, kind: number, id: number): void {
    const index = this.count++;
    this.address[index] = address;
    this.size[index] = size;
    this.kind[index] = kind;
    this.id[index] = id;
  }

  /** See the memory as large as it is by now. @returns whether the object can lie there */
  #reach(address: number, size: number): boolean {
    if (address + size > this.#bytes.length) {
      this.#words = new Int32Array(this.#memory.buffer);
      this.#bytes = new Uint8Array(this.#memory.buffer);
    }
    if (address % 8 === 0 && address + size <= this.#bytes.length) return true;
    this.#report("misplaced", `expected ${size} aligned bytes in the memory, got ${hex(address)}`);
    return false;
  }

  #claim(address: number, size: number, id: number): void {
    const shadow = this.#shadow;
    const end = (address + size + 7) >>> GRANULE_SHIFT;
    for (let granule = address >>> GRANULE_SHIFT; granule < end; granule++) {
      const old = this.#isShared ? Atomics.exchange(shadow, granule, id) : shadow[granule];
      if (old !== 0) this.#overlap(address, size, granule, old as number);
      if (!this.#isShared) shadow[granule] = id;
    }
  }

  #disclaim(address: number, size: number, id: number): void {
    const shadow = this.#shadow;
    const end = (address + size + 7) >>> GRANULE_SHIFT;
    for (let granule = address >>> GRANULE_SHIFT; granule < end; granule++) {
      const old = this.#isShared ? Atomics.exchange(shadow, granule, 0) : shadow[granule];
      if (old !== id) {
        const at = hex(granule << GRANULE_SHIFT);
        this.#report("owner", `expected ${at} to be object ${id}'s, got object ${old}`);
      }
      if (!this.#isShared) shadow[granule] = 0;
    }
  }

  #overlap(address: number, size: number, granule: number, id: number): void {
    const at = hex(granule << GRANULE_SHIFT);
    const whole = `${size} bytes at ${hex(address)}`;
    this.#report("overlap", `${whole} were given out, and object ${id} owns the bytes at ${at}`);
  }

  #write(address: number, size: number, word: number): void {
    const start = address >>> 2;
    const end = (address + size) >>> 2;
    this.#words.fill(word, start, end);
    // The tail is a prefix of the same word, so that what krealloc() cuts still compares.
    for (let at = end << 2, left = word; at < address + size; at++, left >>= 8) {
      this.#bytes[at] = left;
    }
  }

  #compare(address: number, size: number, word: number, kind: "stamp" | "constructed"): void {
    const words = this.#words;
    const end = (address + size) >>> 2;
    for (let at = address >>> 2; at < end; at++) {
      if (words[at] !== word) {
        this.#differs(kind, address, size, at << 2, word, words[at] as number);
        return;
      }
    }
    for (let at = end << 2, left = word; at < address + size; at++, left >>= 8) {
      if (this.#bytes[at] === (left & 0xff)) continue;
      this.#differs(kind, address, size, at, left & 0xff, this.#bytes[at] as number);
      return;
    }
  }

  #checkConstructed(address: number, size: number): void {
    this.#compare(address, size, constructedWord(address), "constructed");
  }

  #checkZero(address: number, size: number): void {
    const words = this.#words;
    const end = (address + size) >>> 2;
    for (let at = address >>> 2; at < end; at++) {
      if (words[at] === 0) continue;
      const got = hex((words[at] as number) >>> 0);
      const where = `byte ${(at << 2) - address} of ${size} at ${hex(address)}`;
      this.#report("not-zero", `expected 0 in ${where}, got ${got}`);
      return;
    }
  }

  #differs(
    kind: "stamp" | "constructed",
    address: number,
    size: number,
    at: number,
    expected: number,
    got: number,
  ): void {
    const where = `byte ${at - address} of ${size} at ${hex(address)}`;
    const words = `expected ${hex(expected >>> 0)}, got ${hex(got >>> 0)}`;
    this.#report(kind, `${words} in ${where}`);
  }
}

function stampOf(id: number): number {
  return Math.imul(id, 0x9e3779b1) | 0;
}
