/**
 * Who owns which object, as its users see it: no two live objects overlap, what is freed was
 * owned, and the allocator never writes into an object while it is somebody's.
 *
 * Looked at at every access: owned bytes are marked, and a write of the allocator to one of them is
 * a finding, wherever it happens. An object belongs to its user from the return of the allocation
 * to the call of the free.
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

export class Ownership extends Watcher {
  readonly #machine: Machine;
  readonly #races: RaceDetector | undefined;
  /** By word: number of the schedule in which it is owned now. */
  readonly #owned: Int32Array;
  readonly #atStart = new Map<number, number>();
  /** Live objects: address to bytes. */
  readonly live = new Map<number, number>();
  #schedule = 0;

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
    for (const [address, bytes] of this.#atStart) {
      this.live.set(address, bytes);
      this.#mark(address, bytes, this.#schedule);
    }
  }

  #mark(address: number, bytes: number, value: number): boolean {
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

  override takes(fibre: Fibre, _slot: number, object: number): void {
    if (object < LOWEST) return;
    const bytes = this.live.get(object);
    if (bytes === undefined) {
      const hex = `0x${object.toString(16)}`;
      this.#machine.report("program", `frees ${hex}, which nobody owns`, fibre.id);
      return;
    }
    this.live.delete(object);
    this.#mark(object, bytes, 0);
    this.#races?.userWrites(fibre, object, bytes);
  }

  override endOperation(fibre: Fibre, operation: Operation, result: number): void {
    if (operation.role !== "alloc") return;
    const object = result >>> 0;
    if (object < LOWEST) return;
    if (this.live.has(object) || this.#mark(object, operation.bytes, this.#schedule)) {
      const hex = `0x${object.toString(16)}`;
      this.#machine.report("double-use", `got ${hex}, which is in use already`, fibre.id);
    }
    this.live.set(object, operation.bytes);
    this.#races?.userWrites(fibre, object, operation.bytes);
  }
}
