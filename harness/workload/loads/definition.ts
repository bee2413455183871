/**
 * What a load is: its model as data. The loops themselves run inside wasm, in
 * assembly/workload/loads/, one file there for each here.
 */

/**
 * Ways a load meets a heap:
 *
 * fused    linked with ours, as a program compiled against it
 * imports  malloc and free are imports, bound to ours; calls cross from module to module
 * null     the same, bound to nothing: what the load costs by itself
 */
export const LOAD_FLAVOURS = ["fused", "imports", "null"] as const;
export type LoadFlavour = (typeof LOAD_FLAVOURS)[number];

export interface LoadParameter {
  readonly name: string;
  /** An integer in 0..2^32-1. */
  readonly value: number;
}

export interface LoadDefinition {
  /** As on the command line. */
  readonly name: string;
  /** What its exports in wasm begin with. */
  readonly prefix: string;
  /** What it is like, in a sentence. */
  readonly model: string;
  /** What one operation is. */
  readonly unit: string;
  /** Flavours it can be run in; null only if it believes no memory it wrote. */
  readonly flavours: readonly LoadFlavour[];
  /** CPUs it needs. */
  readonly cpusMin: number;
  /** CPUs it can use; more stand by. */
  readonly cpusMax: number;
  /**
   * Its numbers, in the order of the wasm side: p0, p1, ... At most eight.
   * @param scale 1: as documented or what a machine of two cores runs in a second; above 0
   */
  parameters(scale: number, cpus: number): readonly LoadParameter[];
  /** Bytes that live at most on all CPUs together, blocks not counted. */
  liveBytes(scale: number, cpus: number): number;
  /**
   * What happens to the CPUs between two windows: `renew`: each goes offline and comes back as a
   * new one; `inherit`: the same, and it goes on with the arrays of the next; `none`: nothing.
   */
  readonly between: "inherit" | "renew" | "none";
  /**
   * Steps in the life of a CPU, then it goes offline and a new one comes, timed with them: such a
   * life is a chunk of its own. 0: CPUs live on.
   */
  readonly renewSteps: number;
  /** One of a sweep, run only where it is asked for by name. @default false */
  readonly isOptional?: boolean;
}

/** Bytes that a load may keep alive on all CPUs together: heaps of twice that must fit in 4 GiB. */
const LIVE_BYTES_MAX = 2 ** 28;

/** The most objects of `bytes` that each of `cpus` CPUs can hold, at least one. */
export function roomFor(bytes: number, cpus: number): number {
  return Math.max(1, Math.floor(LIVE_BYTES_MAX / (bytes * cpus)));
}

/** A count of things: never below `least`. */
export function scaled(count: number, scale: number, least = 1): number {
  return Math.max(least, Math.round(count * scale));
}
