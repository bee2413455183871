/**
 * What a load keeps for one CPU: its numbers, its parameters, and where its arrays lie.
 *
 * A load has no clock, no global and no loop that waits. The harness allocates this struct, the
 * arrays and what the CPUs share, in the heap under test but as blocks of whole pages, and calls,
 * for a load NAME (every CPU between the same two calls at any time, but for `phase`):
 *
 * ```
 * NAME_bytes(block)         bytes of this CPU's arrays, once the parameters are set
 * NAME_shared_bytes(block)  bytes that all CPUs share; 0: nothing is shared
 * NAME_share(block)         CPU 0 alone: fill in what is shared, which is zeroed
 * NAME_prepare(block)       allocate what a phase starts from; arrays are zeroed
 * NAME_phase(block, steps)  the timed part. @returns operations done; 0: nothing to do just now
 * NAME_release(block)       free all that this CPU's arrays hold, and CPU 0 what is shared
 * ```
 * A load that shares nothing has no `shared_bytes` and no `share`. An allocation that fails sets
 * `failed` and ends the phase. Between two phases the arrays of the CPUs may change hands
 * (load_arrays()), as if one thread had died and another inherited them.
 */
import { random_start, scale_below, xorshift32 } from "../random";

@unmanaged
export class Load {
  /** 0..cpus-1 in this run. */
  cpu: u32;
  cpus: u32;
  /** State of load_random(); never 0. */
  random: u32;
  /** Nonzero once an allocation failed. */
  failed: u32;
  /** Address of this CPU's arrays. */
  arrays: u32;
  /** Address of what all CPUs share, or 0. */
  shared: u32;
  /** Objects freed that another CPU allocated, as far as the load knows. */
  remote: u32;
  /** Objects whose content was not what their owner wrote, in loads that look. */
  damaged: u32;
  /** The load's own numbers between phases: cursors, counts. */
  state0: u32;
  state1: u32;
  state2: u32;
  state3: u32;
  state4: u32;
  state5: u32;
  state6: u32;
  state7: u32;
  /** The load's parameters, in the order of its description in harness/workload/loads/. */
  p0: u32;
  p1: u32;
  p2: u32;
  p3: u32;
  p4: u32;
  p5: u32;
  p6: u32;
  p7: u32;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
}
if (offsetof<Load>() !== 128) ERROR("two CPUs would share a line");

/** Parameters that a load can have. */
const PARAMETERS: u32 = 8;

/** @returns bytes of a Load. */
export function load_bytes(): u32 {
  return offsetof<Load>();
}

/** Zero a Load and say who it is. */
export function load_init(block: usize, cpu: u32, cpus: u32, seed: u32): void {
  memory.fill(block, 0, offsetof<Load>());
  const l = changetype<Load>(block);
  l.cpu = cpu;
  l.cpus = cpus;
  l.random = random_start(seed);
}

/** Set parameter `index`, 0..7. */
export function load_parameter(block: usize, index: u32, value: u32): void {
  if (index < PARAMETERS) store<u32>(block + ((<usize>index) << 2), value, offsetof<Load>("p0"));
}

/** Say where this CPU's arrays lie. @returns where they lay. */
export function load_arrays(block: usize, arrays: usize): usize {
  const l = changetype<Load>(block);
  const before = <usize>l.arrays;
  l.arrays = <u32>arrays;
  return before;
}

/** Say where what all CPUs share lies. */
export function load_shared(block: usize, shared: usize): void {
  changetype<Load>(block).shared = <u32>shared;
}

/** @returns nonzero if an allocation failed. */
export function load_failed(block: usize): u32 {
  return changetype<Load>(block).failed;
}

/** @returns objects freed that another CPU allocated. */
export function load_remote(block: usize): u32 {
  return changetype<Load>(block).remote;
}

/** @returns objects that were not as their owner left them: must be 0. */
export function load_damaged(block: usize): u32 {
  return changetype<Load>(block).damaged;
}

/** @returns 32 random bits. */
export function load_random(l: Load): u32 {
  const x = xorshift32(l.random);
  l.random = x;
  return x;
}

/** @returns a number below `bound`. */
export function load_below(l: Load, bound: u32): u32 {
  return scale_below(load_random(l), bound);
}

/** @returns the address of element `index` of the u32 array at `array`. */
export function element(array: usize, index: u32): usize {
  return array + ((<usize>index) << 2);
}
