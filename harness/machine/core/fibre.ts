/**
 * A fibre: one instance of the module that can be suspended before any of its accesses, wherever
 * it is in its calls. It is a *task*; the CPU it is on is the value of its `this_cpu`.
 *
 * Asyncify writes the frames of a suspended fibre to a stack in the memory, outside the heap.
 */
import type { MachineModule } from "./module.js";
import type { Operation, Task } from "./program.js";

/** Bytes of a fibre's stack; a canary behind it tells if that was too little. */
export const STACK_BYTES = 16384;
const HEADER_BYTES = 8;
const CANARY = 0x5ab1ab5a | 0;

export const FRESH = 0;
export const PARKED = 1;
/** Asleep in memory.atomic.wait32. */
export const ASLEEP = 2;
export const FINISHED = 3;
/** It ceased: it makes no access any more, and waits for nothing. */
export const DEAD = 4;
/** Before a call that awaits the death of another. */
export const BLOCKED = 5;

/** How deep handlers may interrupt each other. */
export const DEPTH_MAX = 8;

export type Call = (...args: number[]) => number;

/** What the machine answers an instance. */
export interface HostOf {
  point(fibre: Fibre, site: number, address: number): number;
  span(fibre: Fibre, dest: number, source: number, bytes: number): void;
  swapped(fibre: Fibre, did: number): void;
  wait(fibre: Fibre, address: number, expected: number, forEver: number): number;
  notify(fibre: Fibre, address: number, count: number): number;
  size(): number;
  grow(fibre: Fibre, delta: number): number;
  next(fibre: Fibre): number;
  argument(fibre: Fibre, index: number): number;
  done(fibre: Fibre, value: number): void;
}

/** One handler, or the task itself at depth 0. */
export interface Frame {
  operations: readonly Operation[];
  /** The operation that runs. */
  at: number;
  /** A handler was run at the access that this frame is about to make. */
  delivered: boolean;
  /** Own accesses of the operation so far. */
  steps: number;
  /** What the operation frees. */
  object: number;
  /** The access it made last, in this operation, and the one it is about to make; -1: none yet. */
  last: number;
  stands: number;
  /** The copy or fill that it stands before (AccessLog): others may make theirs in between. */
  dest: number;
  source: number;
  bytes: number;
}

export class Fibre {
  readonly id: number;
  readonly exports: Readonly<Record<string, Call>>;
  readonly #thisCpu: WebAssembly.Global<"i32"> | undefined;
  readonly stack: number;
  readonly #words: Int32Array;
  readonly startUnwind: (stack: number) => void;
  readonly stopUnwind: () => void;
  readonly startRewind: (stack: number) => void;
  readonly stopRewind: () => void;

  cpu = 0;
  state = FRESH;
  /** Whether its call stack is in the memory. */
  suspended = false;
  /** The access it is about to make. */
  site = -1;
  address = 0;
  /** Frames: 0 is the task, deeper ones are handlers. */
  depth = 0;
  readonly frames: Frame[] = Array.from({ length: DEPTH_MAX + 1 }, () => makeFrame());
  handlersLeft = 0;
  /** What it waits for: address of the word, and what wait32 returns. */
  waitAddress = 0;
  waitForEver = false;
  waitResult = 0;
  /** It is in a spin loop: nothing changes for it until one of the words it read does. */
  spins = false;
  /** Something changed since its death was an option: dying now is not like dying then. */
  diesAnew = true;
  /** It made a turn of a spin loop, and nothing but looked at words since. */
  inLoop = false;
  /** Turns of that loop, and the looks that each makes, as the first one showed. */
  #turns = 0;
  #looks: number[] = [];
  readonly readAddress = new Int32Array(READS);
  readonly readValue = new Int32Array(READS);
  readCount = 0;
  task: Task | undefined;

  constructor(
    id: number,
    { module }: MachineModule,
    memory: WebAssembly.Memory,
    words: Int32Array,
    stack: number,
    host: HostOf,
    imports: WebAssembly.Imports,
  ) {
    this.id = id;
    this.stack = stack;
    this.#words = words;
    const machine = {
      point: (site: number, address: number) => host.point(this, site, address),
      span: (dest: number, source: number, bytes: number) => host.span(this, dest, source, bytes),
      swapped: (did: number) => host.swapped(this, did),
      wait: (address: number, expected: number, forEver: number) =>
        host.wait(this, address, expected, forEver),
      notify: (address: number, count: number) => host.notify(this, address, count),
      size: () => host.size(),
      grow: (delta: number) => host.grow(this, delta),
      next: () => host.next(this),
      argument: (index: number) => host.argument(this, index),
      done: (value: number) => host.done(this, value),
    };
    const all = { ...imports, env: { ...imports.env, memory }, machine };
    const { exports } = new WebAssembly.Instance(module, all);
    this.exports = exports as unknown as Record<string, Call>;
    this.#thisCpu = exports.this_cpu as WebAssembly.Global<"i32"> | undefined;
    const of = exports as unknown as Record<string, never>;
    this.startUnwind = of.asyncify_start_unwind as unknown as (stack: number) => void;
    this.stopUnwind = of.asyncify_stop_unwind as unknown as () => void;
    this.startRewind = of.asyncify_start_rewind as unknown as (stack: number) => void;
    this.stopRewind = of.asyncify_stop_rewind as unknown as () => void;
  }

  /** `this_cpu` of the instance: the address of a CpuArea. */
  get register(): number {
    return (this.#thisCpu?.value ?? 0) >>> 0;
  }

  set register(area: number) {
    if (this.#thisCpu !== undefined) this.#thisCpu.value = area;
  }

  /** Forget whatever it was in the middle of. */
  reset(task: Task, handlers: number): void {
    this.task = task;
    this.cpu = task.cpu;
    this.state = FRESH;
    this.suspended = false;
    this.site = -1;
    this.depth = 0;
    this.spins = false;
    this.inLoop = false;
    this.diesAnew = true;
    this.readCount = 0;
    this.handlersLeft = handlers;
    this.enterFrame(task.operations);
    this.resetStack();
  }

  enterFrame(operations: readonly Operation[]): void {
    const frame = this.frames[this.depth] as Frame;
    frame.operations = operations;
    frame.at = 0;
    frame.delivered = false;
    frame.steps = 0;
    frame.last = -1;
    frame.stands = -1;
  }

  resetStack(): void {
    const at = this.stack >>> 2;
    const end = this.stack + STACK_BYTES - 4;
    this.#words[at] = this.stack + HEADER_BYTES;
    this.#words[at + 1] = end;
    this.#words[end >>> 2] = CANARY;
  }

  /** Whether the stack held what was put on it. */
  get isIntact(): boolean {
    return this.#words[(this.stack + STACK_BYTES - 4) >>> 2] === CANARY;
  }

  /** Whether it makes no access any more. */
  get isOver(): boolean {
    return this.state === FINISHED || this.state === DEAD;
  }

  get frame(): Frame {
    return this.frames[this.depth] as Frame;
  }

  /** Note a word that a spin loop may be waiting for. */
  noteRead(address: number, value: number): void {
    const at = this.readCount % READS;
    this.readAddress[at] = address;
    this.readValue[at] = value;
    this.readCount++;
  }

  /** A turn ends, or an access comes after one: more looks, or the end of the loop. */
  noteTurn(isEnd: boolean, isLook: boolean): void {
    if (isEnd && !this.inLoop) this.#looks.length = 0;
    if (isEnd) this.#turns = this.inLoop ? this.#turns + 1 : 0;
    else if (this.#turns === 0 && isLook) this.#looks.push(this.site);
    this.inLoop = isEnd || isLook;
  }

  /** Whether its next look is one that each turn makes. */
  get looksAgain(): boolean {
    return this.inLoop && (this.#turns === 0 || this.#looks.includes(this.site));
  }

  /** In a spin loop: whether another turn would see something else. */
  wouldSeeMore(words: Int32Array): boolean {
    const count = Math.min(this.readCount, READS);
    for (let at = 0; at < count; at++) {
      if (words[(this.readAddress[at] as number) >>> 2] !== this.readValue[at]) return true;
    }
    return false;
  }
}

/** Words that one turn of a spin loop may read. */
const READS = 4;

const NO_SPAN = { dest: 0, source: -1, bytes: 0 };

function makeFrame(): Frame {
  const at = { at: 0, delivered: false, steps: 0, object: 0, last: -1, stands: -1 };
  return { operations: [], ...at, ...NO_SPAN };
}
