/**
 * Who owns which object, as its users see it: no two live objects overlap, what is freed was
 * owned, and the allocator never writes into an object while it is somebody's.
 *
 * Looked at at every access: owned bytes are marked, and a write of the allocator to one of them is
 * a finding, wherever it happens. An object belongs to its user from the return of the allocation
 * to the call of the free - and, given to kfree_rcu(), to its readers, until each that was in a
 * read-side section at that moment has left it.
 */
import { SITE_KINDS, isWrite } from "../instrument/sites.js";
import type { Fibre } from "../core/fibre.js";
import type { Machine } from "../core/machine.js";
import type { Operation } from "../core/program.js";
import { Watcher } from "../core/watcher.js";
import type { RaceDetector } from "./races.js";

const WRITES = SITE_KINDS.map((kind) => isWrite(kind));
/** Below this an address is none: NULL and ZERO_SIZE_PTR. */
const LOWEST = 64;
/** Bytes of an object whose middle is not watched: whole blocks of pages come and go. */
const HUGE = 2 ** 18;

export class Ownership extends Watcher {
  readonly #machine: Machine;
  readonly #races: RaceDetector | undefined;
  /** By word: number of the schedule in which it is owned now. */
  readonly #owned: Int32Array;
  readonly #atStart = new Map<number, number>();
  /** Live objects: address to bytes. */
  readonly live = new Map<number, number>();
  #schedule = 0;
  /** Sections that each fibre is in, and objects that wait for the fibres which were in one. */
  readonly #readers = new Map<number, number>();
  #waiting: { readonly object: number; readonly bytes: number; readonly fibres: Set<number> }[] =
    [];
  /** Bytes of what each fibre and depth freed last: it may get it back. */
  readonly #freed = new Map<number, number>();

  constructor(machine: Machine, races?: RaceDetector) {
    super();
    this.#machine = machine;
    this.#races = races;
    this.#owned = new Int32Array(machine.words.length);
  }

  /** Objects that the setup allocated. */
  ownAtStart(address: number, bytes: number): void {
    this.#atStart.set(address, bytes);
  }

  /** Objects that it freed again. */
  disownAtStart(address: number): void {
    this.#atStart.delete(address);
  }

  /** Whether the word at `address` is in a live object. */
  isOwned(address: number): boolean {
    return this.#owned[address >>> 2] === this.#schedule;
  }

  override begin(): void {
    this.#schedule++;
    this.live.clear();
    this.#readers.clear();
    this.#waiting = [];
    for (const [address, bytes] of this.#atStart) {
      this.live.set(address, bytes);
      this.#mark(address, bytes, this.#schedule);
    }
  }

  /** @returns whether somebody owned any of it; of what is huge only both ends are watched */
  #mark(address: number, bytes: number, value: number): boolean {
    if (bytes > HUGE) {
      const first = this.#mark(address, HUGE >>> 1, value);
      return this.#mark(address + bytes - (HUGE >>> 1), HUGE >>> 1, value) || first;
    }
    const end = (address + bytes + 3) >>> 2;
    let wasOwned = false;
    for (let index = address >>> 2; index < end && !wasOwned; index++) {
      wasOwned = this.#owned[index] === this.#schedule;
    }
    this.#owned.fill(value, address >>> 2, end);
    return wasOwned;
  }

  override access(fibre: Fibre, _site: number, kind: number, width: number, address: number): void {
    if (width === 0 || WRITES[kind] === false) return;
    if (this.#owned[address >>> 2] === this.#schedule) this.#intrudes(fibre, address);
  }

  override span(fibre: Fibre, dest: number, _source: number, bytes: number): void {
    const end = (dest + bytes + 3) >>> 2;
    for (let index = dest >>> 2; index < end; index++) {
      if (this.#owned[index] !== this.#schedule) continue;
      this.#intrudes(fibre, index * 4);
      return;
    }
  }

  #intrudes(fibre: Fibre, address: number): void {
    const hex = `0x${address.toString(16)}`;
    this.#machine.report("intrusion", `writes to ${hex}, inside a live object`, fibre.id);
  }

  override takes(fibre: Fibre, slot: number, object: number, operation: Operation): void {
    if (object < LOWEST) return;
    const bytes = this.live.get(object);
    if (bytes === undefined) {
      const hex = `0x${object.toString(16)}`;
      this.#machine.report("program", `frees ${hex}, which nobody owns`, fibre.id);
      return;
    }
    this.live.delete(object);
    this.#freed.set(keyOf(fibre), bytes);
    const readers = operation.waits ? this.#inSections() : [];
    if (readers.length > 0) this.#waiting.push({ object, bytes, fibres: new Set(readers) });
    else this.#mark(object, bytes, 0);
    // Who takes it knows what its last user did, and only then writes into it.
    this.#races?.takes(fibre, slot);
    this.#races?.userWrites(fibre, object, bytes);
  }

  /** The call said no: the object is still the caller's. */
  override returns(fibre: Fibre, _slot: number, object: number): void {
    const bytes = this.#freed.get(keyOf(fibre));
    if (bytes === undefined || object < LOWEST) return;
    this.#waiting = this.#waiting.filter((each) => each.object !== object);
    this.#mark(object, bytes, 0);
    this.#own(fibre, object, bytes);
  }

  override endOperation(fibre: Fibre, operation: Operation, result: number): void {
    const { call, role, bytes, count, array } = operation;
    if (call === "rcu_read_lock") this.#enters(fibre.id, 1);
    else if (call === "rcu_read_unlock") this.#enters(fibre.id, -1);
    if (role !== "alloc" && role !== "realloc") return;
    if (count === 1) this.#own(fibre, result >>> 0, bytes);
    for (let at = 0; count > 1 && at < result; at++) {
      this.#own(fibre, (this.#machine.words[(array >>> 2) + at] as number) >>> 0, bytes);
    }
  }

  /** Whoever died reads no more. */
  override reaps(_fibre: Fibre, dead: Fibre): void {
    this.#enters(dead.id, -(this.#readers.get(dead.id) ?? 0));
  }

  #own(fibre: Fibre, object: number, bytes: number): void {
    if (object < LOWEST) return;
    if (this.live.has(object) || this.#mark(object, bytes, this.#schedule)) {
      const hex = `0x${object.toString(16)}`;
      this.#machine.report("double-use", `got ${hex}, which is in use already`, fibre.id);
    }
    this.live.set(object, bytes);
    this.#races?.userWrites(fibre, object, bytes);
  }

  #inSections(): number[] {
    return [...this.#readers].filter(([, depth]) => depth > 0).map(([fibre]) => fibre);
  }

  /** A section of `fibre` begins or ends; what waited for its readers may then be freed. */
  #enters(fibre: number, by: number): void {
    const depth = (this.#readers.get(fibre) ?? 0) + by;
    this.#readers.set(fibre, depth);
    if (depth > 0) return;
    for (const { object, bytes, fibres } of this.#waiting) {
      if (fibres.delete(fibre) && fibres.size === 0) this.#mark(object, bytes, 0);
    }
    this.#waiting = this.#waiting.filter(({ fibres }) => fibres.size > 0);
  }
}

function keyOf({ id, depth }: Fibre): number {
  return id * 16 + depth;
}
