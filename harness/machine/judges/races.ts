/**
 * Data races by happens-before, on every schedule: what makes it enough to explore sequentially
 * consistent interleavings.
 *
 * Only an SC access that reads what an SC access of the *same range* wrote synchronises. Two
 * accesses that overlap, of which one writes, and which nothing orders, are a race unless both are
 * SC and of the same range; so plain accesses, mixed widths and tearing all are findings. A
 * handler is the same agent as what it interrupted: its bugs are for the other judges.
 *
 * Vector clocks by fibre; shadow by 4-byte granule: the last write, and the last read of each
 * fibre. Kept by number of schedule, so that nothing is cleared in between.
 */
import { SITE_KINDS, type Site, isAtomic } from "../instrument/sites.js";
import type { Fibre } from "../core/fibre.js";
import type { Machine } from "../core/machine.js";
import { Watcher } from "../core/watcher.js";

/** More fibres than this are not watched for races. */
export const RACE_FIBRES_MAX = 8;
const N = RACE_FIBRES_MAX;
const RELEASES = 1024;

/** A race that is known and harmless, by the functions of its two accesses. */
export interface AcceptedRace {
  /** Both must match, in either order. */
  readonly first: RegExp;
  readonly second: RegExp;
  /** The first is a look, a load, or a cmpxchg, which is one until it succeeds. */
  readonly firstOnlyLooks?: boolean;
  readonly because: string;
}

const LOOKS: ReadonlySet<string> = new Set(["load", "atomicLoad", "relax", "cmpxchg"]);
const READS = new Set(["load", "atomicLoad", "relax", "rmw", "cmpxchg"]);
const WRITES = new Set(["store", "atomicStore", "rmw"]);
const SYNC = SITE_KINDS.map((kind) => isAtomic(kind));
const DOES_READ = SITE_KINDS.map((kind) => READS.has(kind));
/** A cmpxchg writes only when it is known that it did. */
const DOES_WRITE = SITE_KINDS.map((kind) => WRITES.has(kind));

export class RaceDetector extends Watcher {
  readonly #machine: Machine;
  readonly #fibres: number;
  readonly #sites: readonly Site[];
  readonly #accepted: readonly AcceptedRace[];
  readonly #known = new Map<number, boolean>();
  /** Clock of fibre g as fibre f knows it: [f * N + g]. */
  readonly #clock = new Int32Array(N * N);
  readonly #round: Int32Array;
  /** Last write of a granule: fibre, its clock, site, range (address and width; 0 = plain). */
  readonly #writer: Uint8Array;
  readonly #writeClock: Int32Array;
  readonly #writeSite: Int32Array;
  readonly #writeRange: Int32Array;
  readonly #readClock: Int32Array;
  readonly #readSite: Int32Array;
  readonly #readRange: Int32Array;
  /** What the last SC write of a granule released: place in `#release`, or -1. */
  readonly #released: Int32Array;
  #release = new Int32Array(RELEASES * N);
  #releases = 0;
  readonly #slotClock: Int32Array;
  #schedule = 0;

  constructor(machine: Machine, accepted: readonly AcceptedRace[] = []) {
    super();
    this.#machine = machine;
    this.#fibres = machine.fibres.length;
    this.#sites = machine.module.table.sites;
    this.#accepted = accepted;
    const granules = machine.words.length;
    this.#slotClock = new Int32Array(machine.slots.length * N);
    this.#round = new Int32Array(granules);
    this.#writer = new Uint8Array(granules);
    this.#writeClock = new Int32Array(granules);
    this.#writeSite = new Int32Array(granules);
    this.#writeRange = new Int32Array(granules);
    this.#readClock = new Int32Array(granules * N);
    this.#readSite = new Int32Array(granules * N);
    this.#readRange = new Int32Array(granules * N);
    this.#released = new Int32Array(granules);
  }

  override begin(): void {
    this.#schedule++;
    this.#releases = 0;
    this.#clock.fill(0);
    this.#slotClock.fill(0);
    // What came before the schedule has clock 0: known to everybody.
    for (let fibre = 0; fibre < N; fibre++) this.#clock[fibre * N + fibre] = 1;
  }

  override access(fibre: Fibre, site: number, kind: number, width: number, address: number): void {
    if (width === 0) return;
    const range = SYNC[kind] ? (address << 1) | Number(width === 8) | (1 << 31) : 0;
    this.#touch(fibre.id, site, kind, address, width, range);
  }

  #touch(
    id: number,
    site: number,
    kind: number,
    address: number,
    width: number,
    range: number,
  ): void {
    const first = address >>> 2;
    const last = (address + width - 1) >>> 2;
    const writes = DOES_WRITE[kind] as boolean;
    if (range !== 0 && DOES_READ[kind] === true) this.#acquire(id, first, range);
    for (let granule = first; granule <= last; granule++) {
      this.#freshen(granule);
      this.#againstWrite(id, site, granule, range);
      if (writes) this.#write(id, site, granule, range);
      else this.#read(id, site, granule, range);
    }
    if (range !== 0 && writes) this.#publish(id, first);
  }

  /** The cmpxchg that was just made wrote after all. */
  override swapped(fibre: Fibre, did: boolean): void {
    if (!did) return;
    const { site, address, id } = fibre;
    const width = this.#sites[site]?.width ?? 4;
    const range = (address << 1) | Number(width === 8) | (1 << 31);
    const first = address >>> 2;
    this.#write(id, site, first, range);
    if (width === 8) this.#write(id, site, first + 1, range);
    this.#publish(id, first);
  }

  override span(fibre: Fibre, dest: number, source: number, bytes: number): void {
    this.#spanOf(fibre.id, fibre.site, dest, source, bytes);
  }

  #spanOf(id: number, site: number, dest: number, source: number, bytes: number): void {
    const each = (from: number, writes: boolean) => {
      const last = (from + bytes - 1) >>> 2;
      for (let granule = from >>> 2; granule <= last; granule++) {
        this.#freshen(granule);
        this.#againstWrite(id, site, granule, 0);
        if (writes) this.#write(id, site, granule, 0);
        else this.#read(id, site, granule, 0);
      }
    };
    if (bytes === 0) return;
    if (source >= 0) each(source, false);
    each(dest, true);
  }

  /** A user's own access to an object: a plain write. */
  userWrites(fibre: Fibre, address: number, bytes: number): void {
    // Where allocators keep things of theirs: the start, the free pointer, the end.
    const middle = address + ((bytes >>> 1) & ~7);
    this.#spanOf(fibre.id, -1, address, -1, 4);
    if (middle > address) this.#spanOf(fibre.id, -1, middle, -1, 4);
    if (bytes > 8) this.#spanOf(fibre.id, -1, address + bytes - 4, -1, 4);
  }

  /** Users hand objects over properly: who takes one knows what happened before it was put. */
  override puts(fibre: Fibre, slot: number): void {
    for (let of = 0; of < N; of++) {
      this.#slotClock[slot * N + of] = this.#clock[fibre.id * N + of] as number;
    }
    this.#tick(fibre.id);
  }

  override takes(fibre: Fibre, slot: number): void {
    this.#join(fibre.id, (of) => this.#slotClock[slot * N + of] as number);
  }

  override wakes(by: Fibre, fibre: Fibre): void {
    this.#join(fibre.id, (granuleOf) => this.#clock[by.id * N + granuleOf] as number);
    this.#tick(by.id);
  }

  /** Whoever reaps a CPU knows that its thread is gone, and so everything it did. */
  override reaps(fibre: Fibre, dead: Fibre): void {
    this.wakes(dead, fibre);
  }

  override handsOver(from: Fibre, to: Fibre): void {
    this.wakes(from, to);
  }

  #freshen(granule: number): void {
    if (this.#round[granule] === this.#schedule) return;
    this.#round[granule] = this.#schedule;
    this.#writeClock[granule] = 0;
    this.#released[granule] = -1;
    for (let at = granule * N, end = at + this.#fibres; at < end; at++) this.#readClock[at] = 0;
  }

  #againstWrite(id: number, site: number, granule: number, range: number): void {
    const clock = this.#writeClock[granule] as number;
    if (clock === 0) return;
    const writer = this.#writer[granule] as number;
    if (clock <= (this.#clock[id * N + writer] as number)) return;
    if (range !== 0 && this.#writeRange[granule] === range) return;
    this.#report(id, site, writer, this.#writeSite[granule] as number, granule);
  }

  #write(id: number, site: number, granule: number, range: number): void {
    this.#againstReads(id, site, granule, range);
    this.#writer[granule] = id;
    this.#writeClock[granule] = this.#clock[id * N + id] as number;
    this.#writeSite[granule] = site;
    this.#writeRange[granule] = range;
    this.#released[granule] = -1;
  }

  #againstReads(id: number, site: number, granule: number, range: number): void {
    for (let reader = 0, at = granule * N; reader < this.#fibres; reader++, at++) {
      const clock = this.#readClock[at] as number;
      if (clock === 0 || clock <= (this.#clock[id * N + reader] as number)) continue;
      if (range !== 0 && this.#readRange[at] === range) continue;
      this.#report(id, site, reader, this.#readSite[at] as number, granule);
    }
  }

  #read(id: number, site: number, granule: number, range: number): void {
    const at = granule * N + id;
    this.#readClock[at] = this.#clock[id * N + id] as number;
    this.#readSite[at] = site;
    this.#readRange[at] = range;
  }

  #acquire(id: number, granule: number, range: number): void {
    if (this.#round[granule] !== this.#schedule) return;
    const place = this.#released[granule] as number;
    if (place < 0 || this.#writeRange[granule] !== range) return;
    this.#join(id, (of) => this.#release[place * N + of] as number);
  }

  #join(id: number, clockOf: (fibre: number) => number): void {
    for (let of = 0; of < this.#fibres; of++) {
      const clock = clockOf(of);
      if (clock > (this.#clock[id * N + of] as number)) this.#clock[id * N + of] = clock;
    }
  }

  #publish(id: number, granule: number): void {
    const place = this.#releases++;
    if ((place + 1) * N > this.#release.length) {
      const more = new Int32Array(this.#release.length * 2);
      more.set(this.#release);
      this.#release = more;
    }
    for (let of = 0; of < this.#fibres; of++) {
      this.#release[place * N + of] = this.#clock[id * N + of] as number;
    }
    this.#released[granule] = place;
    this.#tick(id);
  }

  #tick(id: number): void {
    this.#clock[id * N + id] = (this.#clock[id * N + id] as number) + 1;
  }

  #report(id: number, site: number, other: number, otherSite: number, granule: number): void {
    if (this.#isAccepted(site, otherSite)) return;
    const text = (of: number) => {
      const { function: name = "a user", kind = "write", width = 0 } = this.#sites[of] ?? {};
      return `${kind}${width * 8} in ${name}`;
    };
    const where = `0x${(granule * 4).toString(16)}`;
    this.#machine.report(
      "race",
      `${text(site)} (task ${id}) and ${text(otherSite)} (task ${other}) at ${where} are unordered`,
      id,
    );
  }

  #isAccepted(site: number, other: number): boolean {
    if (this.#accepted.length === 0) return false;
    const key = (site + 1) * 65536 + other + 1;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const name = (of: number) => this.#sites[of]?.function ?? "a user";
    const [a, b] = [name(site), name(other)];
    const isLook = (of: number) => LOOKS.has(this.#sites[of]?.kind ?? "store");
    const accepted = this.#accepted.some(({ first, second, firstOnlyLooks = false }) => {
      const isFirst = (of: number, its: string) =>
        first.test(its) && (!firstOnlyLooks || isLook(of));
      return (isFirst(site, a) && second.test(b)) || (isFirst(other, b) && second.test(a));
    });
    this.#known.set(key, accepted);
    return accepted;
  }
}
