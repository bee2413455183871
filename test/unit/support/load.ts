/**
 * A load of the catalogue on simulated CPUs: the real build, fused, every CPU in this one thread,
 * so that a run is the same each time.
 */
import { createHeap, type Heap } from "slablab";
import { compileBuild } from "slablab/internal/heap/load.js";
import type { LoadDefinition } from "slablab/internal/workload/loads/definition.js";
import type { LoadCalls } from "slablab/internal/workload/loads/exports.js";
import { type LoadHeap, openHeap } from "slablab/internal/workload/loads/heaps.js";

const MIB = 2 ** 20;
const WASM_PAGE = 65_536;

export interface LoadCpu {
  readonly heap: LoadHeap;
  readonly block: number;
  /** The exports of the instance that lives just now. */
  readonly calls: LoadCalls;
}

export interface LoadBench {
  readonly heap: Heap;
  readonly cpus: readonly LoadCpu[];
  readonly shared: number;
}

export interface LoadBenchOptions {
  /** @default 2 */
  readonly cpus?: number;
  /** @default 0.1 */
  readonly scale?: number;
  /** The heap's limit. @default enough */
  readonly maximumBytes?: number;
}

/** What runLoad() gives a load and what it keeps for itself, on a smaller scale. */
function heapBytes(load: LoadDefinition, scale: number, cpus: number): number {
  const bytes = 2 * load.liveBytes(scale, cpus) + (8 + cpus) * MIB;
  return Math.ceil(bytes / WASM_PAGE) * WASM_PAGE;
}

/** All that happens before the first window. */
export async function beginLoad(
  load: LoadDefinition,
  options: LoadBenchOptions = {},
): Promise<LoadBench> {
  const { cpus: count = 2, scale = 0.1 } = options;
  const { maximumBytes = heapBytes(load, scale, count) } = options;
  const module = await compileBuild("bench");
  const heap = await createHeap({ module, cpus: count, maximumBytes });
  const loads = await compileBuild("loads");
  const cpus: LoadCpu[] = [];
  let shared = 0;
  for (let cpu = 0; cpu < count; cpu++) {
    const source = { flavour: "fused", handle: heap.handle, memory: null } as const;
    const own = await openHeap(source, cpu, loads);
    const calls = own.callsOf(load.prefix);
    const block = own.allocateBlock(calls.blockBytes());
    calls.init(block, cpu, count, 7 + cpu);
    for (const [index, { value }] of load.parameters(scale, count).entries()) {
      calls.parameter(block, index, value);
    }
    calls.arrays(block, own.allocateBlock(calls.bytes(block)));
    const sharedBytes = cpu === 0 ? calls.sharedBytes(block) : 0;
    if (sharedBytes > 0) shared = own.allocateBlock(sharedBytes);
    calls.shared(block, shared);
    if (sharedBytes > 0) calls.share(block);
    cpus.push({
      heap: own,
      block,
      get calls() {
        return own.callsOf(load.prefix);
      },
    });
  }
  for (const { calls, block } of cpus) calls.prepare(block);
  return { heap, cpus, shared };
}

/** Let every CPU take `steps`, one after the other, `turns` times. @returns operations by CPU */
export function turnLoad({ cpus }: LoadBench, turns: number, steps: number): number[] {
  const operations = cpus.map(() => 0);
  for (let turn = 0; turn < turns; turn++) {
    for (const [cpu, { calls, block }] of cpus.entries()) {
      operations[cpu] = (operations[cpu] ?? 0) + calls.phase(block, steps);
    }
  }
  return operations;
}

/** All that happens after the last window, but for going offline. @returns objects damaged */
export function endLoad({ cpus, shared }: LoadBench): number {
  for (const { calls, block } of cpus) calls.release(block);
  const damaged = cpus.reduce((sum, { calls, block }) => sum + calls.damaged(block), 0);
  for (const [cpu, { heap, calls, block }] of cpus.entries()) {
    if (cpu === 0 && shared !== 0) heap.freeBlock(shared);
    heap.freeBlock(calls.arrays(block, 0));
    heap.freeBlock(block);
  }
  return damaged;
}
