/**
 * The block of memory in which a load keeps what one CPU needs: its numbers and its arrays.
 *
 * A load runs inside wasm without a clock, a string or a global of its own. The harness allocates
 * one block per CPU in the heap itself (as a large allocation, so that it shares no page with what
 * is measured), writes the numbers through work_init(), and passes the block's address with every
 * call. Only the CPU that owns a block touches it.
 *
 * ```
 * block        Work, 128 bytes
 * + 128        the arrays of the load, u32 each
 * ```
 */
import { random_start, scale_below, xorshift32 } from "./random";

/** Numbers of one CPU's load. */
@unmanaged
export class Work {
  /** Bytes asked of kmalloc(). */
  size: u32;
  /** Frees in one phase, both kinds. */
  frees: u32;
  /** Nolock frees in one simulated NMI. */
  burst: u32;
  /** Where in its gap a burst comes, in 1/65536: CPUs do not burst at the same moment. */
  stagger: u32;
  /** Chance that a nolock free is sent to another CPU's list, in 1/65536; 0 = never. */
  migrate: u32;
  /** CPUs of the run: where a migrated deferral may go. */
  cpus: u32;
  /** State of next_random(); never 0. */
  random: u32;
  /** Nonzero once an allocation failed. */
  failed: u32;

  // --- the spacing of bursts in the phase that runs (workload/pace.ts).
  /** End of the next gap, counted in ordinary frees, in 1/65536. */
  position: u64;
  /** From one burst to the next, in the same unit. */
  step: u64;
  /** Bursts still to come in this phase. */
  bursts: u32;
  /** Ordinary frees already given out as gaps. */
  spaced: u32;

  // --- slow_free: slabs of this CPU's own. Others use `slots` for what they hold.
  /** Slabs owned. */
  slabs: u32;
  /** Objects in each of them. */
  objects: u32;
  /** Objects of each slab that are free between phases. */
  thin: u32;
  /** Objects of each slab that a phase frees. */
  share: u32;
  /** Elements of `slots` in use. */
  count: u32;
  /** Next element of a ring. */
  cursor: u32;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
}
if (offsetof<Work>() !== 128) ERROR("the arrays of a load start on a line of their own");

/** @returns where the arrays of a block start. */
export function work_arrays(work: usize): usize {
  return work + 128;
}

/**
 * Fill the numbers in that every load shares.
 *
 * @param work address of the block; its arrays are the load's to size
 * @param stagger, migrate in 1/65536
 */
export function work_init(
  work: usize,
  size: u32,
  burst: u32,
  stagger: u32,
  migrate: u32,
  cpus: u32,
  seed: u32,
): void {
  memory.fill(work, 0, offsetof<Work>());
  const w = changetype<Work>(work);
  w.size = size;
  w.burst = burst;
  w.stagger = stagger;
  w.migrate = migrate;
  w.cpus = cpus;
  work_seed(work, seed);
}

/** Start the random numbers of a block again: the same seed gives the same order of frees. */
export function work_seed(work: usize, seed: u32): void {
  changetype<Work>(work).random = random_start(seed);
}

/** @returns nonzero if an allocation of this load failed: the arm ran out of memory. */
export function work_failed(work: usize): u32 {
  return changetype<Work>(work).failed;
}

/** @returns 32 random bits. */
export function next_random(w: Work): u32 {
  const x = xorshift32(w.random);
  w.random = x;
  return x;
}

/** @returns a number below `bound`. */
export function random_below(w: Work, bound: u32): u32 {
  return scale_below(next_random(w), bound);
}

/** Permute `count` u32 at `array`, every order being about equally likely. */
export function shuffle(w: Work, array: usize, count: u32): void {
  for (let i = count; i > 1; i--) {
    const here = array + ((<usize>i - 1) << 2);
    const there = array + ((<usize>random_below(w, i)) << 2);
    const moved = load<u32>(here);
    store<u32>(here, load<u32>(there));
    store<u32>(there, moved);
  }
}
