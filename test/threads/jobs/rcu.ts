/** Readers without locks, and writers that replace what they read. */
import { createRandom } from "slablab/internal/measure/random.js";
import type { JobContext } from "slablab/internal/cpu/job.js";

export interface RcuArgs {
  readonly seed: number;
  readonly turns: number;
  /** Words for addresses: objects of kmalloc(), then of the cache "typed". */
  readonly slots: SharedArrayBuffer;
}

export interface RcuResult {
  readonly reads: number;
  readonly frees: number;
}

const WORDS = 24;
const MIX = 0x9e3779b1;
/** Word 0 of every object of "typed": it survives frees, which only pages do not. */
const TYPE = 0x7e57_ab1e;

/**
 * Each CPU reads and replaces. A reader checks all words of an object, twice, in one section: they
 * must be those of one writer, and the same at the end. An object of "typed" may be another one
 * at any time, but always one of its cache.
 */
export function readAndReplace(context: JobContext, args: RcuArgs): RcuResult {
  const { seed, turns } = args;
  let { cpu } = context;
  const random = createRandom(seed, context.index);
  const slots = new Int32Array(args.slots);
  const half = slots.length / 2;
  let typed = cpu.kmemCacheOpen("typed");
  // The memory does not grow: it was made at its maximum.
  const memory = new Uint32Array(cpu.bytes(4096, 4).buffer);
  const counts = { reads: 0, frees: 0 };

  const check = (object: number): void => {
    const at = object / 4;
    const first = memory[at] as number;
    for (let look = 0; look < 2; look++) {
      for (let i = WORDS - 1; i >= 0; i--) {
        const found = memory[at + i] as number;
        if (found !== (first ^ Math.imul(i, MIX)) >>> 0) {
          throw new Error(`object ${object}: word ${i} is ${found}, word 0 was ${first}`);
        }
      }
    }
  };

  const replace = (turn: number): void => {
    const object = cpu.kmalloc(WORDS * 4);
    const first = random.uint32();
    for (let i = WORDS - 1; i >= 0; i--) memory[object / 4 + i] = first ^ Math.imul(i, MIX);
    const old = Atomics.exchange(slots, random.uniformInt(0, half - 1), object) >>> 0;
    if (turn % 7 === 0) cpu.nmi(() => cpu.kfreeRcu(old));
    else cpu.kfreeRcu(old);
    counts.frees++;
  };

  const replaceTyped = (): void => {
    const object = typed.alloc();
    memory[object / 4] = TYPE;
    const slot = half + random.uniformInt(0, half - 1);
    typed.free(Atomics.exchange(slots, slot, object) >>> 0);
  };

  const read = (): void => {
    cpu.rcuReadLock();
    const slot = random.uniformInt(0, slots.length - 1);
    const object = Atomics.load(slots, slot) >>> 0;
    if (object !== 0 && slot < half) check(object);
    if (object !== 0 && slot >= half) {
      for (let look = random.uniformInt(1, 200); look > 0; look--) {
        const found = memory[object / 4];
        if (found !== TYPE) throw new Error(`object ${object} became ${found}, of another type`);
      }
    }
    counts.reads++;
    cpu.rcuReadUnlock();
  };

  context.startLine();
  for (let turn = 0; turn < turns; turn++) {
    const kind = random.uniformInt(0, 9);
    if (kind < 5) read();
    else if (kind < 7) replace(turn);
    else if (kind < 9) replaceTyped();
    else if (turn % 64 === 0) typed.shrink();
    // Pages that were given back too early would be written to here.
    else cpu.kfree(cpu.kzalloc(random.uniformInt(1, 20_000)));
    if (turn % 5000 === 4999) {
      cpu.offline();
      cpu = context.rejoin();
      typed = cpu.kmemCacheOpen("typed");
    }
    if (turn % 1000 === 0) cpu.synchronizeRcu();
  }
  context.startLine();
  if (context.index === 0) {
    for (let slot = 0; slot < slots.length; slot++)
      cpu.kfreeRcu(Atomics.exchange(slots, slot, 0) >>> 0);
  }
  return counts;
}
