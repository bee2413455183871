/**
 * A histogram of times that a CPU records itself, in shared memory: 128 buckets for each doubling,
 * so a value is known to 0.8 %. It is read when the CPU has ended, by whoever shares the memory.
 */

/** Buckets for each doubling. */
const LINEAR = 128;
const LINEAR_BITS = 7;
/** Doublings: from a picosecond to 18 minutes. */
const OCTAVES = 43;
const BUCKETS = LINEAR * (OCTAVES + 1);

/** Bytes of a recorder: counts are exact to 2^53, as 32 bits would overflow within seconds. */
export const RECORDER_BYTES = BUCKETS * Float64Array.BYTES_PER_ELEMENT;
export const PS_PER_NS = 1000;

export class Recorder {
  readonly #counts: Float64Array;

  constructor(buffer: SharedArrayBuffer, byteOffset: number) {
    this.#counts = new Float64Array(buffer, byteOffset, BUCKETS);
  }

  /** `count` operations took `ns` each, 0..1e12. */
  record(ns: number, count: number): void {
    const bucket = bucketOf(Math.round(ns * PS_PER_NS));
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
  }

  /** Middle of each bucket in use, in picoseconds, and operations in it, in order. */
  *read(): Generator<{ readonly ps: number; readonly count: number }> {
    for (const [bucket, count] of this.#counts.entries()) {
      if (count > 0) yield { ps: middleOf(bucket), count };
    }
  }
}

/** Values below LINEAR have a bucket each; above, the top LINEAR_BITS bits after the first. */
function bucketOf(ps: number): number {
  if (ps < LINEAR) return Math.max(0, ps);
  const octave = Math.floor(Math.log2(ps)) - LINEAR_BITS;
  const within = Math.floor(ps / 2 ** octave) - LINEAR;
  return Math.min(BUCKETS - 1, LINEAR * (octave + 1) + within);
}

function middleOf(bucket: number): number {
  if (bucket < LINEAR) return bucket;
  const octave = Math.floor(bucket / LINEAR) - 1;
  const start = (LINEAR + (bucket % LINEAR)) * 2 ** octave;
  return Math.round(start + 2 ** octave / 2);
}
