/**
 * The exports of the bench builds beside the allocator's own: loads that run inside wasm.
 *
 * Numbers only: sizes in bytes, blocks by address, chances in 1/65536. What each call does and
 * when it may be made is said where it is written, in assembly/workload/.
 */
import type { RawExports } from "../heap/abi.js";

export interface LoadExports {
  work_init(
    block: number,
    size: number,
    burst: number,
    stagger: number,
    migrate: number,
    cpus: number,
    seed: number,
  ): void;
  work_seed(block: number, seed: number): void;
  /** Nonzero once an allocation of the load failed. */
  work_failed(block: number): number;

  slow_free_bytes(size: number, frees: number): number;
  slow_free_frees(size: number, frees: number): number;
  slow_free_slabs(size: number, frees: number): number;
  /** Returns slabs owned. */
  slow_free_prepare(block: number, frees: number): number;
  /** Both return slabs that are not as they have to be. */
  slow_free_thin(block: number): number;
  slow_free_reset(block: number): number;
  slow_free_shuffle(block: number): void;
  slow_free_phase(block: number, bursts: number): void;
  slow_free_release(block: number): void;

  /** Returns slow paths taken: 0 unless the victim was no victim of the fast path alone. */
  fast_victim(pairs: number, size: number): number;

  nolock_alloc_bytes(count: number): number;
  /** Returns `count`, or 0 when memory is out. */
  nolock_alloc_prepare(block: number, count: number): number;
  /** Returns allocations that were refused. */
  nolock_alloc_phase(block: number): number;
  nolock_alloc_reset(block: number): void;
  nolock_alloc_release(block: number): void;

  lifetime_bytes(count: number): number;
  /** Returns 0 when memory is out. */
  lifetime_hold(block: number, count: number): number;
  lifetime_release(block: number): void;
  /** Returns 0 when memory is out. */
  random_prepare(block: number, count: number): number;
  permuted_prepare(block: number, count: number): void;
  permuted_shuffle(block: number): void;
  /** The three return pairs of a free and an allocation done. */
  permuted_phase(block: number, bursts: number): number;
  fifo_phase(block: number, steps: number, bursts: number): number;
  random_phase(block: number, steps: number, bursts: number): number;

  surplus_bytes(count: number): number;
  /** Returns 0 when memory is out. */
  surplus_fill(block: number, count: number): number;
  surplus_phase(block: number, bursts: number): void;
  surplus_release(block: number): void;
}

const NAMES = [
  ...["work_init", "work_seed", "work_failed"],
  ...["slow_free_bytes", "slow_free_frees", "slow_free_slabs", "slow_free_prepare"],
  ...["slow_free_thin", "slow_free_reset", "slow_free_shuffle", "slow_free_phase"],
  ...["slow_free_release", "fast_victim", "nolock_alloc_bytes", "nolock_alloc_prepare"],
  ...["nolock_alloc_phase", "nolock_alloc_reset", "nolock_alloc_release", "lifetime_bytes"],
  ...["lifetime_hold", "lifetime_release", "permuted_prepare", "permuted_shuffle"],
  ...["permuted_phase", "fifo_phase", "random_prepare", "random_phase"],
  ...["surplus_bytes", "surplus_fill", "surplus_phase", "surplus_release"],
];

/** The loads of a CPU's instance. @throws TypeError if its module is no bench build */
export function loadExports(raw: RawExports): LoadExports {
  const exports = raw as unknown as Record<string, unknown>;
  const missing = NAMES.filter((name) => typeof exports[name] !== "function");
  if (missing.length === 0) {
    // A plain object of fixed shape: an instance's namespace object is a dictionary.
    return Object.fromEntries(NAMES.map((name) => [name, exports[name]])) as unknown as LoadExports;
  }
  throw new TypeError(
    `expected a heap of a bench build, got one without the exports ${missing.join(", ")}; ` +
      'try compileBuild("bench")',
  );
}
