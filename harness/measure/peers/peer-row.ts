/** What `slablab bench --peers` finds: rows, one for each heap, load, number of CPUs and state. */
import type { BenchWarning } from "../bench/bench-row.js";
import type { Estimate } from "../common/statistics.js";

/** fresh: nothing was ever on the heap; aged: rptest ran on it before, and freed everything. */
export const HEAP_STATES = ["fresh", "aged"] as const;
export type HeapState = (typeof HEAP_STATES)[number];

/** wasm: the load calls the heap itself; js: each call goes through JavaScript. */
export const HEAP_CALLS = ["wasm", "js"] as const;
export type HeapCalls = (typeof HEAP_CALLS)[number];

/** net: without what the load costs by itself; gross: with it. */
export const RATIO_BASES = ["net", "gross"] as const;
export type RatioBasis = (typeof RATIO_BASES)[number];

/** What is measured: a heap under a load. */
export interface PeerSite {
  readonly load: string;
  readonly cpus: number;
  readonly state: HeapState;
  readonly heap: string;
  readonly calls: HeapCalls;
}

export interface PeerRow extends PeerSite {
  /** Rounds that the medians are of. */
  readonly rounds: number;
  /** ns that a CPU spends per operation; null: not timed, see `note`. */
  readonly nsPerOp: Estimate | null;
  /** Without what the load costs by itself; null: that is not known of this load. */
  readonly netNs: Estimate | null;
  /** Million operations per second, all CPUs together. */
  readonly mops: Estimate | null;
  /** ns per operation, of chunks; null: too few to tell. */
  readonly p50: number | null;
  readonly p99_9: number | null;
  readonly slowest: number | null;
  /** Bytes of the 4 KiB pages that the heap wrote. */
  readonly peakBytes: number | null;
  /** This heap's time over that of ours, or of throughputs ours over this one's. */
  readonly ratioToOurs: Estimate | null;
  /** What the ratio is of; null: there is none. */
  readonly basis: RatioBasis | null;
  /** Why there is no time or no ratio, in a sentence; null: there is nothing to say. */
  readonly note: string | null;
}

/** A row without times. @param note why */
export function untimed({ load, cpus, state, heap, calls }: PeerSite, note: string): PeerRow {
  return {
    ...{ load, cpus, state, heap, calls, note },
    ...{ rounds: 0, nsPerOp: null, netNs: null, mops: null },
    ...{ p50: null, p99_9: null, slowest: null },
    ...{ peakBytes: null, ratioToOurs: null, basis: null },
  };
}

/** A heap that was asked for and is not there. */
export interface MissingPeer {
  readonly heap: string;
  /** What is missing, and how to get it. */
  readonly message: string;
}

export interface PeersResults {
  /** The heap that ratios are to. */
  readonly ours: string;
  readonly heaps: readonly { readonly name: string; readonly about: string }[];
  readonly missing: readonly MissingPeer[];
  readonly rows: readonly PeerRow[];
  /** Of the machine. */
  readonly warnings: readonly BenchWarning[];
  readonly interrupted: boolean;
}
