/**
 * Data races by happens-before, on every schedule: what makes it enough to explore sequentially
 * consistent interleavings.
 *
 * Only an SC access that reads what an SC access of the *same range* wrote synchronises. Two
 * accesses that overlap, of which one writes, and which nothing orders, are a race unless both are
 * SC and of the same range; so plain accesses, mixed widths and tearing all are findings. A
 * handler is the same agent as what it interrupted: its bugs are for the other judges.
 *
 * Vector clocks by fibre; what is remembered of a granule: race-shadow.ts.
 */
import { SITE_KINDS, type Site, describePlace, isAtomic } from "../instrument/sites.js";
import type { Fibre } from "../core/fibre.js";
import type { Machine } from "../core/machine.js";
import { Watcher } from "../core/watcher.js";
import { nextSchedule, type RaceShadow, shadowFor } from "./race-shadow.js";

/** More fibres than this are not watched for races. */
export const RACE_FIBRES_MAX = 8;
const N = RACE_FIBRES_MAX;
const RELEASES = 1024;

/** Two accesses that nothing orders. */
export interface Race {
  /** Sites; -1 is a user, who writes to an object. */
  readonly site: number;
  readonly other: number;
  readonly address: number;
}

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
  readonly #accepts: (race: Race) => boolean;
  /** Clock of fibre g as fibre f knows it: [f * N + g]. */
  readonly #clock = new Int32Array(N * N);
  readonly #granules: number;
  /** Of the schedule that runs: #schedule is its number there. */
  #shadow: RaceShadow;
  #release = new Int32Array(RELEASES * N);
  #releases = 0;
  readonly #slotClock: Int32Array;
  #schedule = nextSchedule();

  /** @param accepts whether a race is part of the design */
  constructor(machine: Machine, accepts: (race: Race) => boolean = () => false) {
    super();
    this.#machine = machine;
    this.#fibres = machine.fibres.length;
    this.#sites = machine.module.table.sites;
    this.#accepts = accepts;
    this.#granules = machine.words.length;
    this.#slotClock = new Int32Array(machine.slots.length * N);
    // A setup is judged, too, which comes before the first schedule.
    this.#shadow = shadowFor(this.#granules, this.#fibres);
  }

  override begin(): void {
    this.#shadow = shadowFor(this.#granules, this.#fibres);
    this.#schedule = nextSchedule();
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
    const { round, writeClock, released, readClock } = this.#shadow;
    if (round[granule] === this.#schedule) return;
    round[granule] = this.#schedule;
    writeClock[granule] = 0;
    released[granule] = -1;
    const first = granule * this.#fibres;
    for (let at = first; at < first + this.#fibres; at++) readClock[at] = 0;
  }

  #againstWrite(id: number, site: number, granule: number, range: number): void {
    const { writer, writeClock, writeRange, writeSite } = this.#shadow;
    const clock = writeClock[granule] as number;
    if (clock === 0) return;
    const by = writer[granule] as number;
    if (clock <= (this.#clock[id * N + by] as number)) return;
    if (range !== 0 && writeRange[granule] === range) return;
    this.#report(id, site, by, writeSite[granule] as number, granule);
  }

  #write(id: number, site: number, granule: number, range: number): void {
    this.#againstReads(id, site, granule, range);
    const { writer, writeClock, writeSite, writeRange, released } = this.#shadow;
    writer[granule] = id;
    writeClock[granule] = this.#clock[id * N + id] as number;
    writeSite[granule] = site;
    writeRange[granule] = range;
    released[granule] = -1;
  }

  #againstReads(id: number, site: number, granule: number, range: number): void {
    const { readClock, readRange, readSite } = this.#shadow;
    for (let reader = 0, at = granule * this.#fibres; reader < this.#fibres; reader++, at++) {
      const clock = readClock[at] as number;
      if (clock === 0 || clock <= (this.#clock[id * N + reader] as number)) continue;
      if (range !== 0 && readRange[at] === range) continue;
      this.#report(id, site, reader, readSite[at] as number, granule);
    }
  }

  #read(id: number, site: number, granule: number, range: number): void {
    const { readClock, readSite, readRange } = this.#shadow;
    const at = granule * this.#fibres + id;
    readClock[at] = this.#clock[id * N + id] as number;
    readSite[at] = site;
    readRange[at] = range;
  }

  #acquire(id: number, granule: number, range: number): void {
    const { round, released, writeRange } = this.#shadow;
    if (round[granule] !== this.#schedule) return;
    const place = released[granule] as number;
    if (place < 0 || writeRange[granule] !== range) return;
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
    this.#shadow.released[granule] = place;
    this.#tick(id);
  }

  #tick(id: number): void {
    this.#clock[id * N + id] = (this.#clock[id * N + id] as number) + 1;
  }

  #report(id: number, site: number, other: number, otherSite: number, granule: number): void {
    if (this.#accepts({ site, other: otherSite, address: granule * 4 })) return;
    const text = (of: number) => {
      const { function: name = "a user", kind = "write", width = 0, place } = this.#sites[of] ?? {};
      const from = place === undefined || place === null ? "" : ` (${describePlace(name, place)})`;
      return `${kind}${width * 8} in ${name}${from}`;
    };
    const where = `0x${(granule * 4).toString(16)}`;
    this.#machine.report(
      "race",
      `${text(site)} (task ${id}) and ${text(otherSite)} (task ${other}) at ${where} are unordered`,
      id,
    );
  }
}
