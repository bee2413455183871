/**
 * Loops over the fast paths of sheaves as benchmark tasks, each beside the same loop by hand
 * (assembly/workload/sheaf_loops.ts): `sheaf` is linked with the heap as a program is, `hand` pops
 * and pushes a stack of its own with the same loads, tests and calls, `bare` with the loads alone.
 */
import type { Cpu } from "../heap/cpu.js";

type Counted = (block: number, size: number, count: number) => number;
type Batched = (block: number, size: number, array: number, count: number) => number;
type Seeded = (block: number, count: number, seed: number) => number;

/** What the build bench-sheaf exports beside the allocator, `sheaf`, `hand` and `bare` of each. */
type SheafLoops = {
  sheaf_loops_bytes(): number;
  /** Returns objects that are missing. */
  sheaf_loops_prepare(block: number, size: number): number;
  sheaf_loops_release(block: number): void;
} & { [Name in `${Way}_pair`]: Counted } & { [Name in `${Way}_batch`]: Batched } & {
  [Name in `${Way}_churn` | `${Way}_larson`]: Seeded;
};

const WAYS = ["sheaf", "hand", "bare"] as const;
type Way = (typeof WAYS)[number];
const LOOPS = ["pair", "batch-16", "churn", "larson"] as const;
type Loop = (typeof LOOPS)[number];

export type SheafTaskName = `${Way}-${Loop}`;
export const SHEAF_TASKS: readonly SheafTaskName[] = LOOPS.flatMap((loop) =>
  WAYS.map((way): SheafTaskName => `${way}-${loop}`),
);

const UNITS: Readonly<Record<Way, string>> = {
  sheaf: "linked with a heap of sheaves",
  hand: "by hand, with as many tests and calls",
  bare: "by hand, without a test or a call",
};

export interface SheafTasks {
  readonly tasks: readonly { name: SheafTaskName; unit: string; run(count: number): void }[];
  /** Free what the loops have. */
  release(): void;
}

const BATCH = 16;

/**
 * Of one CPU of a heap made from the build bench-sheaf.
 *
 * @throws Error if the heap has no room for the stacks: 40 MiB
 */
export function createSheafTasks(cpu: Cpu, sizeBytes: number, seed: number): SheafTasks {
  const loops = cpu.exports as unknown as SheafLoops;
  const block = cpu.kzalloc(loops.sheaf_loops_bytes());
  const array = cpu.kmalloc(BATCH * Uint32Array.BYTES_PER_ELEMENT);
  const missing = block === 0 ? 1 : loops.sheaf_loops_prepare(block, sizeBytes);
  if (missing > 0) throw new Error(`expected room for the stacks by hand, ${missing} are missing`);
  // Each call goes on from another number, and none from 0.
  let turn = seed;
  const next = () => (turn = (turn + 1) >>> 0 || 1);
  const runs: Readonly<Record<Loop, (way: Way, count: number) => number>> = {
    pair: (way, count) => loops[`${way}_pair`](block, sizeBytes, count),
    // The last batch is a whole one, too.
    "batch-16": (way, count) => loops[`${way}_batch`](block, sizeBytes, array, count),
    churn: (way, count) => loops[`${way}_churn`](block, count, next()),
    larson: (way, count) => loops[`${way}_larson`](block, count, next()),
  };
  const tasks = LOOPS.flatMap((loop) =>
    WAYS.map((way) => {
      const name = `${way}-${loop}` as const;
      const run = (count: number) => {
        const done = runs[loop](way, count);
        if (done === count) return;
        throw new Error(`${name}: expected ${count} operations, got ${done}; is the heap full?`);
      };
      return { name, unit: UNITS[way], run };
    }),
  );
  const release = () => {
    loops.sheaf_loops_release(block);
    cpu.kfree(array);
    cpu.kfree(block);
  };
  return { tasks, release };
}
