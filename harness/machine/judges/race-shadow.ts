/**
 * What the race detector remembers of each granule of 4 bytes: the last write, and the last read of
 * each fibre.
 *
 * It is ten times as large as the memory it is about, and making it takes as long as the rest of a
 * stage. So all detectors of a process use one, a schedule at a time: nothing is remembered beyond
 * a schedule, which is run from its begin to its end before another begins, and each has a number
 * that none had before. What was written under another number counts as never written.
 */
export interface RaceShadow {
  /** Number of the schedule in which the rest of a granule was written. */
  readonly round: Int32Array;
  /** Last write: fibre, its clock, site, range (address and width; 0 = plain). */
  readonly writer: Uint8Array;
  readonly writeClock: Int32Array;
  readonly writeSite: Int32Array;
  readonly writeRange: Int32Array;
  /** The last read of each fibre, a row a granule. */
  readonly readClock: Int32Array;
  readonly readSite: Int32Array;
  readonly readRange: Int32Array;
  /** What the last SC write released: its place in the detector's list, or -1. */
  readonly released: Int32Array;
}

let shared = makeShadow(0, 0);
let schedules = 0;

/** The shadow, with room for so many granules, and rows of so many fibres. */
export function shadowFor(granules: number, fibres: number): RaceShadow {
  const rows = granules * fibres;
  if (shared.round.length < granules || shared.readClock.length < rows) {
    const known = shared;
    shared = makeShadow(
      Math.max(granules, known.round.length),
      Math.max(rows, known.readClock.length),
    );
  }
  return shared;
}

/** A number for the schedule that begins. */
export function nextSchedule(): number {
  schedules = (schedules + 1) | 0;
  return schedules;
}

function makeShadow(granules: number, rows: number): RaceShadow {
  return {
    round: new Int32Array(granules),
    writer: new Uint8Array(granules),
    writeClock: new Int32Array(granules),
    writeSite: new Int32Array(granules),
    writeRange: new Int32Array(granules),
    readClock: new Int32Array(rows),
    readSite: new Int32Array(rows),
    readRange: new Int32Array(rows),
    released: new Int32Array(granules),
  };
}
