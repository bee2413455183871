/**
 * The machine: N simulated CPUs on one memory in one thread. Before every access it asks a policy
 * who goes on, and either returns to the instance that asked or suspends it and resumes another.
 *
 * A *schedule* is one run of all tasks from the same memory to their ends. A *decision* is made at
 * each access; its default is to go on, so what names a schedule is where it departs from that.
 */
import { type Choice, DIE, PRUNE, type Policy, actionOf, fibreOf } from "../policies/policy.js";
import type { Deviation } from "../policies/replay-policy.js";
import type { Bounds } from "./bounds.js";
import { Chooser } from "./chooser.js";
import { Conflicts } from "./conflicts.js";
import { Decisions } from "./decisions.js";
import { ASLEEP, BLOCKED, DEAD, FINISHED, FRESH, PARKED, STACK_BYTES } from "./fibre.js";
import { Fibre, type Frame } from "./fibre.js";
import { Growth } from "./growth.js";
import { Hooks } from "./hooks.js";
import type { FoundHere, Watcher } from "./watcher.js";
import type { MachineModule } from "./module.js";
import { Operations } from "./operations.js";
import type { Operation, Task } from "./program.js";
import type { Shared } from "./shared.js";
import { UndoLog } from "./undo.js";

export interface MachineOptions {
  readonly fibres: number;
  /** Where the stacks of the fibres lie: `fibres * STACK_BYTES` bytes that nobody else uses. */
  readonly stacks: number;
  /** 64 KiB pages that the program finds at first; it may grow to what there is. */
  readonly wasmPages?: number;
  /** To no more than this. */
  readonly wasmPagesMax?: number;
  /** Calls whose spin loops all end by themselves, after a number of turns. */
  readonly patient?: RegExp;
  /** Imports of the module beside the machine's own. */
  readonly imports?: WebAssembly.Imports;
}

/** What memory.atomic.wait32 returns then. */
const TIMED_OUT = 2;

export class Machine implements Shared {
  readonly module: MachineModule;
  readonly memory: WebAssembly.Memory;
  readonly words: Int32Array;
  readonly fibres: readonly Fibre[];
  readonly undo: UndoLog;
  readonly passed: Float64Array;
  readonly injected: Uint8Array;
  readonly conflicts: Conflicts;
  watchers: readonly Watcher[] = [];

  readonly #patient: RegExp | undefined;
  readonly #chooser: Chooser;
  readonly #decisions: Decisions;
  readonly #operations: Operations;
  readonly #hooks: Hooks;
  steps = 0;
  /** Over all schedules: accesses, and resumptions of another fibre than the one that ran. */
  accesses = 0;
  switches = 0;
  found: FoundHere | null = null;
  wasPruned = false;
  readonly growth: Growth;

  constructor(module: MachineModule, memory: WebAssembly.Memory, options: MachineOptions) {
    this.module = module;
    this.#patient = options.patient;
    this.memory = memory;
    const wasmPages = memory.buffer.byteLength >>> 16;
    this.growth = new Growth(options.wasmPages ?? wasmPages, options.wasmPagesMax ?? wasmPages);
    this.words = new Int32Array(memory.buffer);
    this.undo = new UndoLog(this.words);
    this.conflicts = new Conflicts(this.words.length);
    this.passed = new Float64Array(module.table.sites.length);
    this.injected = new Uint8Array(module.table.sites.length);
    const imports = options.imports ?? {};
    const fibres: Fibre[] = [];
    this.fibres = fibres;
    this.#chooser = new Chooser(fibres, this.words, module, this.conflicts);
    this.#decisions = new Decisions(this, this.#chooser);
    this.#operations = new Operations(this, options.fibres);
    this.#hooks = new Hooks(this, this.#decisions, this.#operations);
    for (let id = 0; id < options.fibres; id++) {
      const stack = options.stacks + id * STACK_BYTES;
      fibres.push(new Fibre(id, module, memory, this.words, stack, this.#hooks, imports));
    }
  }

  /**
   * Remember what the slots hold as the start of every schedule.
   *
   * @param areas addresses of the CPUs' areas @param counts of their preempt counts
   */
  settle(areas: readonly number[], counts: readonly number[]): void {
    this.#decisions.areas = areas;
    this.#chooser.settle(counts);
    this.#operations.settle();
    this.growth.settle();
  }

  /** Forget all that is behind `from`, and the pages that were asked for. */
  wipe(from: number): void {
    this.words.fill(0, from >>> 2);
    this.growth.restore();
  }

  /** The same after a schedule, and undone with it. Only a fibre that ended has its stack left. */
  callAfter(fibre: number, name: string, ...args: number[]): number {
    this.#hooks.logs = true;
    try {
      return this.callFreely(fibre, name, ...args);
    } finally {
      this.#hooks.logs = false;
    }
  }

  /** Call an export of a fibre's instance outside any schedule. */
  callFreely(fibre: number, name: string, ...args: number[]): number {
    const call = this.fibres[fibre]?.exports[name];
    if (call === undefined) throw new TypeError(`the module has no export ${name}`);
    return call(...args);
  }

  // ------------------------------------------------------------------------ schedules

  /** Run one schedule to its end; the memory stays as it left it until restore(). */
  run(tasks: readonly Task[], policy: Policy, bounds: Bounds): void {
    const { areas } = this.#decisions;
    this.steps = 0;
    this.found = null;
    this.wasPruned = false;
    this.#hooks.begin(bounds);
    this.#decisions.begin(policy, bounds);
    this.#operations.restart();
    for (let id = 0; id < tasks.length; id++) {
      const fibre = this.fibres[id] as Fibre;
      fibre.reset(tasks[id] as Task, bounds.handlers);
      if (areas.length > 0) fibre.register = areas[fibre.cpu] as number;
    }
    this.#chooser.begin(tasks.length, bounds);
    for (const watcher of this.watchers) watcher.begin();
    this.#hooks.free = false;
    policy.begin();
    this.#loop(bounds);
    this.#hooks.free = true;
    this.accesses += this.steps;
  }

  /** Make the memory what it was before the schedule. */
  restore(): void {
    this.undo.restore();
    this.growth.restore();
  }

  #loop(bounds: Bounds): void {
    const hooks = this.#hooks;
    if (!bounds.startsAreChoices) {
      for (let id = 0; id < this.#chooser.live; id++) this.#start(id);
    }
    let code = this.#decisions.decide(-1);
    while (code !== PRUNE && this.found === null) {
      this.#resume(code);
      code = hooks.unwound ? hooks.instead : this.#decisions.decide(-1);
    }
    if (this.found === null && !this.wasPruned && !this.#allFinished()) this.#reportStuck();
  }

  #allFinished(): boolean {
    for (let id = 0; id < this.#chooser.live; id++) {
      if (!(this.fibres[id] as Fibre).isOver) return false;
    }
    return true;
  }

  /** Run a fresh fibre up to its first access. */
  #start(id: number): void {
    this.#hooks.starting = true;
    this.#enter(this.fibres[id] as Fibre);
    this.#hooks.starting = false;
  }

  #resume(code: Choice): void {
    const fibre = this.fibres[fibreOf(code)] as Fibre;
    if (actionOf(code) === DIE) {
      this.#die(fibre);
      return;
    }
    if (fibre.id !== this.#chooser.current) this.switches++;
    this.#chooser.current = fibre.id;
    this.#hooks.action = actionOf(code);
    this.#enter(fibre);
  }

  /** It never goes on: its locks stay held, what it held in registers is gone. */
  #die(fibre: Fibre): void {
    this.#hooks.unwound = false;
    for (const watcher of this.watchers) watcher.dies(fibre);
    fibre.state = DEAD;
    fibre.suspended = false;
  }

  #isSkipped({ awaits, skips }: Operation): boolean {
    const state = this.fibres[awaits]?.state;
    return state === FINISHED || (skips && state !== DEAD);
  }

  /** Whether an operation can begin; if not, its fibre is blocked until another is over. */
  #mayBegin(fibre: Fibre, { awaits }: Operation): boolean {
    if (awaits < 0) return true;
    const other = this.fibres[awaits] as Fibre;
    if (other.state !== DEAD) {
      fibre.state = BLOCKED;
      return false;
    }
    for (const watcher of this.watchers) watcher.reaps(fibre, other);
    return true;
  }

  /** Give the thread to a fibre until it suspends itself or ends. */
  #enter(fibre: Fibre): void {
    const [hooks, operations] = [this.#hooks, this.#operations];
    hooks.unwound = false;
    try {
      if (fibre.suspended) {
        fibre.startRewind(fibre.stack);
        hooks.rewinding = true;
        fibre.suspended = false;
      } else {
        if (fibre.state === FRESH || fibre.state === BLOCKED) fibre.state = PARKED;
        operations.begin(fibre);
      }
      while (fibre.state !== FINISHED) {
        // The task itself: a handler that was suspended is below this call.
        const frame = fibre.frames[0] as Frame;
        const operation = frame.operations[frame.at];
        if (operation === undefined) {
          fibre.state = FINISHED;
          break;
        }
        if (this.#isSkipped(operation)) {
          frame.at++;
          operations.begin(fibre);
          continue;
        }
        if (!this.#mayBegin(fibre, operation)) return;
        const call = fibre.exports[operation.call] as (...args: number[]) => number;
        const { args } = operation;
        const result =
          args.length > 4
            ? call(...args.map((_, index) => operations.argument(fibre, index)))
            : call(
                operations.argument(fibre, 0),
                operations.argument(fibre, 1),
                operations.argument(fibre, 2),
                operations.argument(fibre, 3),
              );
        if (hooks.unwound) {
          fibre.stopUnwind();
          fibre.suspended = true;
          return;
        }
        operations.end(fibre, result);
        if (this.found !== null) return;
        operations.begin(fibre);
      }
    } catch (error) {
      this.#trap(fibre, error);
    }
  }

  #trap(fibre: Fibre, error: unknown): void {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    const where = /wasm-function\[\d+\]|at (assembly\/[^\s(]+)/.exec(error.stack ?? "");
    this.report("trap", `${error.message} in ${where?.[1] ?? where?.[0] ?? "wasm"}`, fibre.id);
  }

  get deviations(): Deviation[] {
    return this.#decisions.deviations;
  }

  get decisions(): number {
    return this.#chooser.decisions;
  }

  get slots(): Int32Array {
    return this.#operations.slots;
  }

  /** The first task that came to its end, or -1: its instance can be called after the schedule. */
  get survivor(): number {
    return this.fibres.slice(0, this.#chooser.live).findIndex(({ state }) => state === FINISHED);
  }

  // --------------------------------------------------------------------------- findings

  report(kind: string, message: string, fibre: number, at?: number): void {
    if (this.found !== null) return;
    const { site: next = -1, frame } = this.fibres[fibre] ?? {};
    const site = at ?? next;
    const operation = frame?.operations[frame.at]?.call ?? "";
    this.found = { kind, message, fibre, site, operation, step: this.steps };
  }

  timesOut(): boolean {
    const sleeper = this.#firstSleeper();
    if (sleeper === undefined) return false;
    sleeper.waitResult = TIMED_OUT;
    sleeper.state = PARKED;
    return true;
  }

  /**
   * Nobody can go on: whoever spins a number of turns makes the next.
   * @returns false if that is nobody
   */
  passTime(): boolean {
    const live = this.fibres.slice(0, this.#chooser.live);
    const isPatient = ({ frames: [frame] }: Fibre) =>
      this.#patient?.test(frame?.operations[frame.at]?.call ?? "") === true;
    const spinner = live.find((each) => each.state === PARKED && each.spins && isPatient(each));
    if (spinner === undefined) return false;
    spinner.spins = false;
    return true;
  }

  #firstSleeper(): Fibre | undefined {
    const live = this.fibres.slice(0, this.#chooser.live);
    return live.find((fibre) => fibre.state === ASLEEP && !fibre.waitForEver);
  }

  reportSleeper(): void {
    const sleeper = this.#firstSleeper();
    if (sleeper === undefined) return;
    this.report("lost-wakeup", "only its timeout would wake a sleeper", sleeper.id);
  }

  #reportStuck(): void {
    const stuck = this.fibres
      .slice(0, this.#chooser.live)
      .filter(({ isOver, state }) => !isOver && state !== BLOCKED);
    const asleep = stuck.filter(({ state }) => state === ASLEEP).length;
    const [first] = stuck;
    const what = asleep === 0 ? "spin" : asleep === stuck.length ? "sleep" : "spin or sleep";
    const message = `${stuck.length} tasks ${what} for what none of them will do`;
    this.report("deadlock", message, first?.id ?? 0);
  }
}
