/**
 * What one CPU does in a phase, as an object that the slot runner drives (slot.ts), and what every
 * such object needs.
 *
 * The order of calls on each CPU: every step of `steps` once, CPU after CPU; then for each slot
 * `clear()`, `begin()`, and in turns `phase()`, which alone is timed, and `reset()`; at the very
 * end `release()`. All CPUs are between the same two calls at any time.
 */
import { unsigned } from "../heap/abi.js";
import type { Cpu } from "../heap/cpu.js";
import type { LoadExports } from "./bench-exports.js";
import { fixedPoint16, type Traffic } from "./traffic.js";

export interface CpuLoad {
  /** Operations of one phase: frees, allocations, or pairs of both. */
  readonly operations: number;
  /** Whether what a phase deferred is drained before the next: needed where reset() counts. */
  readonly isDrainedEachPhase: boolean;
  readonly steps: readonly (() => void)[];
  /**
   * Let go of what earlier slots left, so that each slot begins alike. Where there is one,
   * `begin()` allocates, and is called CPU after CPU.
   */
  clear?(): void;
  /** Reseed the order of the operations. */
  begin(seed: number): void;
  /** The timed call. @returns false if an allocation failed: out of memory */
  phase(bursts: number): boolean;
  /** @throws Error if the heap is not as the phase must have left it */
  reset(): void;
  /** Free everything, the load's own block too. */
  release(): void;
}

export interface LoadContext {
  readonly cpu: Cpu;
  readonly exports: LoadExports;
  readonly traffic: Traffic;
}

/** Above the kmalloc caches: a block of whole pages, which shares nothing with what is measured. */
const BLOCK_BYTES_MIN = 8193;

/**
 * Allocate and initialise a load's block.
 *
 * @returns its address. @throws Error when out of memory
 */
export function allocateBlock(
  { cpu, exports, traffic }: LoadContext,
  bytes: number,
  sizeBytes = traffic.sizeBytes,
): number {
  const block = unsigned(cpu.kmalloc(Math.max(bytes, BLOCK_BYTES_MIN)));
  if (block === 0) throwOutOfMemory(cpu, `a block of ${bytes} bytes`);
  const { burst, migrate, cpus, seed } = traffic;
  const stagger = fixedPoint16((cpu.id + 0.5) / cpus);
  const chance = fixedPoint16(migrate);
  exports.work_init(block, sizeBytes, burst, stagger, chance, cpus, seedOf(seed, cpu.id));
  return block;
}

/** A seed for each CPU, the same in every arm. */
export function seedOf(seed: number, cpu: number): number {
  return (seed ^ Math.imul(cpu + 1, 0x85eb_ca6b)) >>> 0;
}

export function throwOutOfMemory(cpu: Cpu, what: string): never {
  throw new Error(
    `CPU ${cpu.id}: expected room in the heap for ${what}, got none; ` +
      "this is a bug in how large the comparison makes its heaps",
  );
}
