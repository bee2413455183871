/** Readers without locks, and writers that replace what they read. */
import type { Cpu } from "slablab";
import type { JobContext } from "slablab/internal/cpu/job.js";
import { createRandom, type Random } from "slablab/internal/workload/random.js";

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
/** Word 0 of every object of "typed": it survives frees, but not what others do to its page. */
const TYPE = 0x7e57ab1e;

class Traffic {
  readonly #random: Random;
  readonly #slots: Int32Array;
  readonly #memory: Uint32Array;
  reads = 0;
  frees = 0;

  constructor(cpu: Cpu, random: Random, slots: SharedArrayBuffer) {
    this.#random = random;
    this.#slots = new Int32Array(slots);
    // The memory does not grow: it was made at its maximum.
    this.#memory = new Uint32Array(cpu.bytes(4096, 4).buffer);
  }

  turn(cpu: Cpu, turn: number): void {
    const kind = this.#random.uniformInt(0, 9);
    if (kind < 5) this.#read(cpu);
    else if (kind < 7) this.#replace(cpu, turn % 7 === 0);
    else if (kind < 9) this.#replaceTyped(cpu, turn % 64 === 0);
    // Pages that were given back too early would be written to here.
    else cpu.kfree(cpu.kzalloc(this.#random.uniformInt(1, 20_000)));
  }

  drain(cpu: Cpu): void {
    for (let slot = 0; slot < this.#slots.length; slot++) cpu.kfreeRcu(this.#put(slot, 0));
  }

  #replace(cpu: Cpu, inNmi: boolean): void {
    const object = cpu.kmalloc(WORDS * 4);
    const first = this.#random.uint32();
    for (let i = WORDS - 1; i >= 0; i--) this.#memory[object / 4 + i] = first ^ Math.imul(i, MIX);
    const old = this.#put(this.#random.uniformInt(0, this.#half - 1), object);
    if (inNmi) cpu.nmi(() => cpu.kfreeRcu(old));
    else cpu.kfreeRcu(old);
    this.frees++;
  }

  #replaceTyped(cpu: Cpu, shrinks: boolean): void {
    const typed = cpu.kmemCacheOpen("typed");
    const object = typed.alloc();
    this.#memory[object / 4] = TYPE;
    typed.free(this.#put(this.#half + this.#random.uniformInt(0, this.#half - 1), object));
    if (shrinks) typed.shrink();
  }

  #read(cpu: Cpu): void {
    const slot = this.#random.uniformInt(0, this.#slots.length - 1);
    cpu.rcuReadLock();
    const object = Atomics.load(this.#slots, slot) >>> 0;
    if (object !== 0 && slot < this.#half) this.#checkWords(object);
    if (object !== 0 && slot >= this.#half) this.#checkType(object);
    cpu.rcuReadUnlock();
    this.reads++;
  }

  /** All words are those of one writer, and the same at a second look. */
  #checkWords(object: number): void {
    const at = object / 4;
    const first = this.#memory[at] as number;
    for (let look = 0; look < 2; look++) {
      for (let i = WORDS - 1; i >= 0; i--) {
        const found = this.#memory[at + i];
        if (found === (first ^ Math.imul(i, MIX)) >>> 0) continue;
        throw new Error(`object ${object}: word ${i} is ${found}, word 0 was ${first}`);
      }
    }
  }

  /** It may become another object at any time, but always one of its cache. */
  #checkType(object: number): void {
    for (let look = this.#random.uniformInt(1, 200); look > 0; look--) {
      const found = this.#memory[object / 4];
      if (found !== TYPE) throw new Error(`object ${object} became ${found}, of another type`);
    }
  }

  #put(slot: number, object: number): number {
    return Atomics.exchange(this.#slots, slot, object) >>> 0;
  }

  get #half(): number {
    return this.#slots.length / 2;
  }
}

/** Each CPU reads and replaces, waits for the others' sections now and then, and comes and goes. */
export function readAndReplace(context: JobContext, args: RcuArgs): RcuResult {
  let { cpu } = context;
  const traffic = new Traffic(cpu, createRandom(args.seed, context.index), args.slots);
  context.startLine();
  for (let turn = 0; turn < args.turns; turn++) {
    traffic.turn(cpu, turn);
    if (turn % 1000 === 0) cpu.synchronizeRcu();
    if (turn % 5000 !== 4999) continue;
    cpu.offline();
    cpu = context.rejoin();
  }
  context.startLine();
  if (context.index === 0) traffic.drain(cpu);
  return { reads: traffic.reads, frees: traffic.frees };
}
