/** What `slablab bench --peers` finds: rows, one for each heap, load, number of CPUs and state. */
import type { Estimate } from "../common/statistics.js";

/** fresh: nothing was ever on the heap; aged: rptest ran on it before, and freed everything. */
export const HEAP_STATES = ["fresh", "aged"] as const;
export type HeapState = (typeof HEAP_STATES)[number];

/** net: without what the load costs by itself; gross: with it. */
export type RatioBasis = "net" | "gross";

export interface PeerRow {
  readonly load: string;
  readonly cpus: number;
  readonly state: HeapState;
  readonly heap: string;
  /** Rounds that the medians are of. */
  readonly rounds: number;
  /** ns that a CPU spends per operation; null: not timed, see `note`. */
  readonly nsPerOp: Estimate | null;
  /** Without what the load costs by itself; null: that is not known of this load. */
  readonly netNs: Estimate | null;
  /** Million operations per second, all CPUs together. */
  readonly mops: Estimate | null;
  /** ns per operation, of chunks; null: too few to tell. */
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
  readonly interrupted: boolean;
}
