/** Workers that charge one group, free each other's objects, and meet its limit. */
import { __GFP_ACCOUNT } from "slablab";
import type { JobContext } from "slablab/internal/cpu/job.js";
import { createRandom } from "slablab/internal/workload/random.js";

export interface MemcgArgs {
  readonly seed: number;
  readonly turns: number;
  /** Name of the group. */
  readonly group: string;
  /** Words for addresses that change hands. */
  readonly slots: SharedArrayBuffer;
}

export interface MemcgReport {
  readonly allocations: number;
  readonly refusals: number;
}

export function storm(context: JobContext, args: MemcgArgs): MemcgReport {
  const { cpu, heap, index } = context;
  const random = createRandom(args.seed, index);
  const slots = new Int32Array(args.slots);
  cpu.memcg = heap.memcgOpen(args.group);
  let allocations = 0;
  let refusals = 0;
  context.startLine();
  for (let turn = 0; turn < args.turns; turn++) {
    const size = random.uniformInt(1, turn % 50 === 0 ? 40_000 : 2000);
    const object = cpu.kmalloc(size, __GFP_ACCOUNT);
    if (object === 0) refusals++;
    else allocations++;
    const slot = random.uniformInt(0, slots.length - 1);
    const other = Atomics.exchange(slots, slot, object) >>> 0;
    if (turn % 7 === 0 && other !== 0 && size <= 2000 && cpu.ksize(other) <= 8192) {
      cpu.nmi(() => cpu.kfreeNolock(other));
    } else {
      cpu.kfree(other);
    }
  }
  context.startLine();
  for (let slot = 0; slot < slots.length; slot++) {
    cpu.kfree(Atomics.exchange(slots, slot, 0) >>> 0);
  }
  cpu.memcg = undefined;
  return { allocations, refusals };
}
