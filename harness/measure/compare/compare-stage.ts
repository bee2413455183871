/**
 * A stage: one heap per arm of deferral, all on one pool, and slots on it.
 *
 * Each heap has a memory of its own, as large from the start as it will ever be, so that nothing
 * grows while it is measured, and no larger than the loads need: an arm that lets deferred objects
 * pile up must meet an end.
 */
import type { Pool } from "../../cpu/pool.js";
import type { JobRef } from "../../cpu/protocol.js";
import type { DeferArm } from "../../heap/arms.js";
import { createHeap, type Heap } from "../../heap/heap.js";
import { compileBuild } from "../../heap/load.js";
import type { Rested } from "../../heap/rested.js";
import type { HeapOptions, PercpuLayer } from "../../heap/options.js";
import type { Finding } from "../../heap/validate/invariants.js";
import { lifetimeBytes } from "../../workload/lifetimes.js";
import type { LoadName } from "../../workload/comparison-loads.js";
import { nolockAllocBytes } from "../../workload/nolock-alloc.js";
import {
  RUN_SLOT,
  SET_UP,
  type SetUpArgs,
  type SlotArgs,
  type SlotRecord,
  TEAR_DOWN,
} from "../../workload/slot.js";
import { FREES_PER_PHASE } from "../../workload/slow-free.js";
import { surplusBytes } from "../../workload/surplus.js";
import type { Traffic } from "../../workload/traffic.js";

export type SlotRequest = Omit<SlotArgs, "traffic" | "originMs" | "failed">;

export interface ArmFinding extends Finding {
  readonly arm: DeferArm;
}

/** Each has one layer: none asks for the other. */
const TIMED_BUILDS = { slab: "bench", sheaf: "bench-sheaf" } as const;
/** It has both. */
export const COUNTING_BUILD = "bench-stats";

/** Caches a heap has room for: the kmalloc caches and a few. */
const CACHES = 16;
const MIB = 2 ** 20;
/** What deferred objects may pile up to. */
const SLACK_BYTES = 16 * MIB;
const BYTES_MAX = 2 ** 32 - MIB;

/** Bytes of a heap for all loads at once, and as much again as the tables and lists take. */
export function heapBytes({ sizeBytes, cpus }: Traffic, percpu: PercpuLayer): number {
  // Half of the objects of a slab are freed in a phase; buckets round a size up to the next.
  const slowFree = 2 * FREES_PER_PHASE * 2 * sizeBytes;
  const main = percpu === "slab" ? slowFree : 2 * surplusBytes(sizeBytes);
  const perCpu = main + nolockAllocBytes(sizeBytes) + lifetimeBytes(2 * sizeBytes) + MIB;
  const bytes = Math.min(BYTES_MAX, 1.1 * perCpu * cpus + SLACK_BYTES);
  return Math.ceil(bytes / MIB) * MIB;
}

/** This machine has no room for the heaps of a run. */
export class NoRoomError extends Error {
  override readonly name = "NoRoomError";
}

async function makeHeap(options: HeapOptions): Promise<Heap> {
  try {
    return await createHeap(options);
  } catch (error) {
    const { maximumBytes = 0 } = options;
    throw new NoRoomError(
      `expected room for a heap of ${Math.ceil(maximumBytes / MIB)} MiB per arm, ` +
        `got none: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}

export class Stage {
  readonly #pool: Pool;
  /** What the run is about, and what the loads that are set up do. */
  readonly #run: Traffic;
  #traffic: Traffic;
  readonly #heaps = new Map<DeferArm, { readonly heap: Heap; readonly id: number }>();
  readonly #rested: Rested | null;

  private constructor(pool: Pool, traffic: Traffic, rested: Rested | null) {
    this.#pool = pool;
    this.#run = traffic;
    this.#traffic = traffic;
    this.#rested = rested;
  }

  /**
   * Make a heap of every arm from one of the bench builds, and join it with every CPU.
   * @param counts whether of the build that counts everything, not of the one that is timed
   * @param rested where a copy of the last arm's heap goes, under load
   */
  static async open(
    pool: Pool,
    counts: boolean,
    arms: readonly DeferArm[],
    { percpu, ...traffic }: Traffic & { readonly percpu: PercpuLayer },
    rested: Rested | null = null,
  ): Promise<Stage> {
    const stage = new Stage(pool, traffic, rested);
    const module = await compileBuild(counts ? COUNTING_BUILD : TIMED_BUILDS[percpu]);
    const maximumBytes = heapBytes(traffic, percpu);
    for (const defer of arms) {
      const size = { maximumBytes, initialBytes: maximumBytes, maxCaches: CACHES };
      const heap = await makeHeap({ cpus: traffic.cpus, module, percpu, defer, ...size });
      stage.#heaps.set(defer, { heap, id: await pool.attach(heap) });
    }
    return stage;
  }

  /**
   * Set up the loads of `conditions` in every heap, work, and give back what they hold.
   *
   * @param burst nolock frees in one NMI, for all of them
   */
  async withLoads(
    conditions: readonly { readonly load: LoadName }[],
    work: () => Promise<void>,
    burst = this.#run.burst,
  ): Promise<void> {
    const loads = new Set(conditions.map(({ load }) => load));
    this.#traffic = { ...this.#run, burst };
    await this.#onEach(SET_UP, loads);
    await work();
    const last = [...this.#heaps.values()].at(-1);
    if (last !== undefined) this.#rested?.take(last.heap.handle.memory);
    await this.#onEach(TEAR_DOWN, loads);
  }

  /** Run one slot. @returns what each CPU recorded */
  run(arm: DeferArm, request: SlotRequest): Promise<SlotRecord[]> {
    const args: SlotArgs = {
      ...request,
      traffic: this.#traffic,
      originMs: performance.timeOrigin,
      failed: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT),
    };
    return this.#pool.run<SlotRecord, SlotArgs>(RUN_SLOT, { heap: this.#at(arm).id, args });
  }

  heap(arm: DeferArm): Heap {
    return this.#at(arm).heap;
  }

  /** Walk every heap; all CPUs must be idle. */
  validate(): ArmFinding[] {
    return [...this.#heaps].flatMap(([arm, { heap }]) =>
      heap.validate().map((finding) => ({ arm, ...finding })),
    );
  }

  /** Take every CPU offline and let go of the heaps. */
  async close(): Promise<void> {
    for (const { id } of this.#heaps.values()) await this.#pool.detach(id);
    this.#heaps.clear();
  }

  async #onEach(job: JobRef, loads: ReadonlySet<LoadName>): Promise<void> {
    for (const { id: heap } of this.#heaps.values()) {
      for (const load of loads) {
        const args: SetUpArgs = { load, traffic: this.#traffic };
        await this.#pool.run(job, { heap, args });
      }
    }
  }

  #at(arm: DeferArm): { readonly heap: Heap; readonly id: number } {
    const entry = this.#heaps.get(arm);
    if (entry !== undefined) return entry;
    throw new Error(`expected an arm of this stage, got ${arm}`);
  }
}
