/**
 * A load on simulated CPUs in this one thread, fused with the allocator: every call of it by hand,
 * so that what each does to the heap can be seen.
 */
import { createHeap, type Heap } from "slablab";
import type { Cpu } from "slablab/internal/heap/cpu.js";
import { compileBuild } from "slablab/internal/heap/load.js";
import { loadNamed } from "slablab/internal/workload/loads/catalogue.js";
import { type LoadCalls, loadCalls } from "slablab/internal/workload/loads/exports.js";
import { expect } from "vitest";
import { MIB } from "./heap.js";

/** Above the kmalloc caches, so that no slab holds a block. */
const BLOCK_BYTES_MIN = 8193;

/** One CPU of a load. */
export interface LoadSite {
  readonly cpu: Cpu;
  readonly calls: LoadCalls;
  readonly block: number;
  readonly arrays: number;
  phase(steps: number): number;
}

export interface LoadBench {
  readonly heap: Heap;
  readonly sites: readonly LoadSite[];
  /** Address of what all CPUs share, or 0. */
  readonly shared: number;
  /** Let everything go and check that nothing is left. */
  end(): void;
}

export interface LoadBenchOptions {
  readonly cpus: number;
  /** @default 1 */
  readonly scale?: number;
  /** @default enough */
  readonly maximumBytes?: number;
  /** Called when all is shared and nothing prepared. */
  readonly onShared?: (sites: readonly LoadSite[], shared: number) => void;
}

/** Prepare a load of the catalogue on `cpus` CPUs. */
export async function openLoad(name: string, options: LoadBenchOptions): Promise<LoadBench> {
  const { cpus, scale = 1, onShared } = options;
  const load = loadNamed(name);
  const parameters = load.parameters(scale, cpus);
  const enough = Math.ceil((2 * load.liveBytes(scale, cpus)) / MIB + 24 + cpus) * MIB;
  const { maximumBytes = enough } = options;
  const module = await compileBuild("bench");
  const heap = await createHeap({ module, cpus, maximumBytes });
  const sites = Array.from({ length: cpus }, (_, index) => {
    const cpu = heap.cpu(index);
    const calls = loadCalls(cpu.exports as unknown as Record<string, unknown>, load.prefix);
    const block = makeBlock(cpu, calls.blockBytes());
    calls.init(block, index, cpus, index + 1);
    for (const [number, { value }] of parameters.entries()) calls.parameter(block, number, value);
    const arrays = makeBlock(cpu, calls.bytes(block));
    calls.arrays(block, arrays);
    const phase = (steps: number) => calls.phase(block, steps);
    return { cpu, calls, block, arrays, phase };
  });
  const shared = share(sites);
  onShared?.(sites, shared);
  for (const { calls, block } of sites) calls.prepare(block);
  return { heap, sites, shared, end: () => endLoad(heap, sites, shared) };
}

function share(sites: readonly LoadSite[]): number {
  const [{ cpu, calls, block } = noSite()] = sites;
  const bytes = calls.sharedBytes(block);
  if (bytes === 0) return 0;
  const shared = makeBlock(cpu, bytes);
  calls.shared(block, shared);
  calls.share(block);
  for (const site of sites) site.calls.shared(site.block, shared);
  return shared;
}

function noSite(): never {
  throw new RangeError("expected a CPU at least, got none");
}

function makeBlock(cpu: Cpu, bytes: number): number {
  const block = cpu.kzalloc(Math.max(bytes, BLOCK_BYTES_MIN));
  expect(block).not.toBe(0);
  return block;
}

function endLoad(heap: Heap, sites: readonly LoadSite[], shared: number): void {
  for (const { calls, block } of sites) calls.release(block);
  expect(heap.validate()).toEqual([]);
  for (const { calls, block } of sites) expect(calls.damaged(block)).toBe(0);
  for (const [index, { cpu, block, arrays }] of sites.entries()) {
    if (index === 0 && shared !== 0) cpu.kfree(shared);
    cpu.kfree(arrays);
    cpu.kfree(block);
  }
  for (const { cpu } of sites) cpu.offline();
  // All objects of a cpu slab count as in use, so not before.
  expect(heap.slabinfo().filter(({ active_objs }) => active_objs !== 0)).toEqual([]);
  expect(heap.validate()).toEqual([]);
}

/** The u32 at `address`. */
export function readWord(heap: Heap, address: number): number {
  return new DataView(heap.handle.memory.buffer).getUint32(address, true);
}
