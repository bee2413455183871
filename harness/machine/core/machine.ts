/**
 * The machine: N simulated CPUs on one memory in one thread. Before every access it asks a policy
 * who goes on, and either returns to the instance that asked or suspends it and resumes another.
 *
 * A *schedule* is one run of all tasks from the same memory to their ends. A *decision* is made at
 * each access; its default is to go on, so what names a schedule is where it departs from that.
 */
import { type Choice, INTERRUPT, MIGRATE, PRUNE, type Policy, STEP } from "../policies/policy.js";
import { actionOf, fibreOf } from "../policies/policy.js";
import type { Deviation } from "../policies/replay.js";
import { AccessLog } from "./access-log.js";
import { type Bounds, DEFAULT_BOUNDS } from "./bounds.js";
import { Chooser } from "./chooser.js";
import { Conflicts } from "./conflicts.js";
import { DeviationLog } from "./deviation-log.js";
import { ASLEEP, FINISHED, FRESH, Fibre, type Frame, PARKED, STACK_BYTES } from "./fibre.js";
import { Growth } from "./growth.js";
import type { FoundHere, Watcher } from "./watcher.js";
import type { MachineModule } from "./module.js";
import { beginOperation, endOperation } from "./hands.js";
import { SLOTS_MAX, type Task } from "./program.js";
import { UndoLog } from "./undo.js";

export interface MachineOptions {
  readonly fibres: number;
  /** Where the stacks of the fibres lie: `fibres * STACK_BYTES` bytes that nobody else uses. */
  readonly stacks: number;
  /** 64 KiB pages that the program finds at first; it may grow to what there is. */
  readonly wasmPages?: number;
  /** To no more than this. */
  readonly wasmPagesMax?: number;
  /** Imports of the module beside the machine's own. */
  readonly imports?: WebAssembly.Imports;
}

export class Machine {
  readonly module: MachineModule;
  readonly memory: WebAssembly.Memory;
  readonly words: Int32Array;
  readonly fibres: readonly Fibre[];
  readonly undo: UndoLog;
  readonly slots: Int32Array;
  readonly #slotsAtStart: Int32Array;
  readonly #kinds: Uint8Array;
  readonly #widths: Uint8Array;
  readonly #thisCpu: Uint8Array;
  /** By site: how often it was passed, and whether anything was ever injected right before it. */
  readonly passed: Float64Array;
  readonly injected: Uint8Array;
  readonly conflicts: Conflicts;
  watchers: readonly Watcher[] = [];

  readonly #chooser: Chooser;
  readonly #log: AccessLog;
  readonly #deviations = new DeviationLog();
  #bounds = DEFAULT_BOUNDS;
  #policy: Policy | undefined;
  /** Accesses of this schedule, and of all. */
  steps = 0;
  accesses = 0;
  switches = 0;
  found: FoundHere | null = null;
  wasPruned = false;
  /** What the fibre that runs is to do next, when it was resumed. */
  #rewinding = false;
  #action = STEP;
  #next: Choice = PRUNE;
  #unwound = false;
  /** Outside schedules nothing is asked and nothing noted: setups and ends. */
  #free = true;
  /** Whether writes outside schedules are undone with the schedule before them. */
  #logs = false;
  #areas: readonly number[] = [];
  readonly growth: Growth;

  constructor(module: MachineModule, memory: WebAssembly.Memory, options: MachineOptions) {
    this.module = module;
    this.memory = memory;
    const wasmPages = memory.buffer.byteLength >>> 16;
    this.growth = new Growth(options.wasmPages ?? wasmPages, options.wasmPagesMax ?? wasmPages);
    this.words = new Int32Array(memory.buffer);
    this.undo = new UndoLog(this.words);
    this.conflicts = new Conflicts(this.words.length);
    this.slots = new Int32Array(SLOTS_MAX * (options.fibres + 1));
    this.#slotsAtStart = new Int32Array(this.slots.length);
    this.#kinds = module.kinds;
    this.#widths = module.widths;
    this.#thisCpu = module.thisCpu;
    this.passed = new Float64Array(module.table.sites.length);
    this.injected = new Uint8Array(module.table.sites.length);
    const imports = options.imports ?? {};
    this.fibres = Array.from({ length: options.fibres }, (_, id) => {
      const stack = options.stacks + id * STACK_BYTES;
      return new Fibre(id, module, memory, this.words, stack, this, imports);
    });
    this.#log = new AccessLog(this.words, this.undo, this.conflicts);
    this.#chooser = new Chooser(this.fibres, this.words, module, this.conflicts);
  }

  /**
   * Remember what the slots hold as the start of every schedule.
   *
   * @param areas addresses of the CPUs' areas @param counts of their preempt counts
   */
  settle(areas: readonly number[], counts: readonly number[]): void {
    this.#areas = areas;
    this.#chooser.settle(counts);
    this.#slotsAtStart.set(this.slots);
    this.growth.settle();
  }

  /** Forget all that is behind `from`, and the pages that were asked for. */
  wipe(from: number): void {
    this.words.fill(0, from >>> 2);
    this.growth.restore();
  }

  /** The same after a schedule, and undone with it. Only a fibre that ended has its stack left. */
  callAfter(fibre: number, name: string, ...args: number[]): number {
    this.#logs = true;
    try {
      return this.callFreely(fibre, name, ...args);
    } finally {
      this.#logs = false;
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
    this.#bounds = bounds;
    this.#policy = policy;
    this.steps = 0;
    this.#deviations.clear();
    this.found = null;
    this.wasPruned = false;
    this.#rewinding = false;
    this.#unwound = false;
    this.slots.set(this.#slotsAtStart);
    for (let id = 0; id < tasks.length; id++) {
      const fibre = this.fibres[id] as Fibre;
      fibre.reset(tasks[id] as Task, bounds.handlers);
      if (this.#areas.length > 0) fibre.register = this.#areas[fibre.cpu] as number;
    }
    this.#chooser.begin(tasks.length, bounds);
    for (const watcher of this.watchers) watcher.begin();
    this.#free = false;
    policy.begin();
    this.#loop();
    this.#free = true;
    this.accesses += this.steps;
  }

  /** Make the memory what it was before the schedule. */
  restore(): void {
    this.undo.restore();
    this.growth.restore();
  }

  #loop(): void {
    if (!this.#bounds.startsAreChoices) {
      this.#next = PRUNE;
      for (let id = 0; id < this.#chooser.live; id++) this.#start(id);
    }
    let code = this.#decide(-1);
    while (code !== PRUNE && this.found === null) {
      this.#resume(code);
      code = this.#unwound ? this.#next : this.#decide(-1);
    }
    if (this.found === null && !this.wasPruned && !this.#allFinished()) this.#reportStuck();
  }

  #allFinished(): boolean {
    for (let id = 0; id < this.#chooser.live; id++) {
      if ((this.fibres[id] as Fibre).state !== FINISHED) return false;
    }
    return true;
  }

  /** Run a fresh fibre up to its first access. */
  #start(id: number): void {
    this.#starting = true;
    this.#enter(this.fibres[id] as Fibre);
    this.#starting = false;
  }
  #starting = false;

  #resume(code: Choice): void {
    const fibre = this.fibres[fibreOf(code)] as Fibre;
    if (fibre.id !== this.#chooser.current) this.switches++;
    this.#chooser.current = fibre.id;
    this.#action = actionOf(code);
    this.#enter(fibre);
  }

  /** Give the thread to a fibre until it suspends itself or ends. */
  #enter(fibre: Fibre): void {
    this.#unwound = false;
    try {
      if (fibre.suspended) {
        fibre.startRewind(fibre.stack);
        this.#rewinding = true;
        fibre.suspended = false;
      } else {
        if (fibre.state === FRESH) fibre.state = PARKED;
        beginOperation(this, fibre);
      }
      while (fibre.state !== FINISHED) {
        // The task itself: a handler that was suspended is below this call.
        const frame = fibre.frames[0] as Frame;
        const operation = frame.operations[frame.at];
        if (operation === undefined) {
          fibre.state = FINISHED;
          break;
        }
        const call = fibre.exports[operation.call] as (...args: number[]) => number;
        const result =
          operation.args.length > 4
            ? call(...operation.args.map((_, index) => this.argument(fibre, index)))
            : call(
                this.argument(fibre, 0),
                this.argument(fibre, 1),
                this.argument(fibre, 2),
                this.argument(fibre, 3),
              );
        if (this.#unwound) {
          fibre.stopUnwind();
          fibre.suspended = true;
          return;
        }
        endOperation(this, fibre, result);
        if (this.found !== null) return;
        beginOperation(this, fibre);
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

  // ------------------------------------------------------------------------ decisions

  /** What comes next. @param id the fibre that asks, or -1 @returns PRUNE: nobody can go on */
  #decide(id: number): Choice {
    if (this.found !== null) return PRUNE;
    const chooser = this.#chooser;
    const policy = this.#policy as Policy;
    chooser.enumerate(id);
    const { options, optionCount } = chooser;
    if (optionCount === 0) {
      if (this.#bounds.timeouts && this.#timesOut()) return this.#decide(id);
      this.#reportSleeper();
      return PRUNE;
    }
    const first = options[0] as number;
    const code = optionCount === 1 && !policy.asksAlways ? first : policy.choose(chooser);
    const at = chooser.decisions++;
    if (code === PRUNE) {
      this.wasPruned = true;
      return PRUNE;
    }
    const fibre = this.fibres[fibreOf(code)] as Fibre;
    if (code !== first) {
      this.#deviations.add(at, code);
      const { site } = this.fibres[chooser.goesOn ? id : fibre.id] as Fibre;
      if (site >= 0) this.injected[site] = 1;
    }
    if (actionOf(code) === INTERRUPT && fibre.site >= 0) this.injected[fibre.site] = 1;
    const loser = chooser.take(code, id);
    if (loser >= 0) {
      const from = this.fibres[loser] as Fibre;
      for (const watcher of this.watchers) watcher.handsOver(from, fibre);
    }
    if (actionOf(code) >= MIGRATE) this.#move(fibre, actionOf(code) - MIGRATE);
    return code;
  }

  /** The task goes on elsewhere: what it computed from its register before stays as it was. */
  #move(fibre: Fibre, cpu: number): void {
    const [from, to] = [this.#areas[fibre.cpu] as number, this.#areas[cpu] as number];
    fibre.cpu = cpu;
    fibre.register = to;
    // A this_cpu operation forms its address when it happens.
    if (this.#thisCpu[fibre.site] === 1) fibre.address += to - from;
  }

  get deviations(): Deviation[] {
    return this.#deviations.toArray();
  }

  get decisions(): number {
    return this.#chooser.decisions;
  }

  // ------------------------------------------------------------------------ called from wasm

  /** Before every access. @returns 1: run the handler, then ask again; 0: go on, or suspend */
  point(fibre: Fibre, site: number, address: number): number {
    if (this.#free) {
      if (this.#logs) {
        const [kind, width] = [this.#kinds[site] as number, this.#widths[site] as number];
        this.#log.logOnly(fibre, kind, width, address);
      }
      return 0;
    }
    let action: number;
    if (this.#rewinding) {
      this.#rewinding = false;
      fibre.stopRewind();
      action = this.#action;
    } else {
      fibre.site = site;
      fibre.address = address >>> 0;
      const code = this.#starting ? PRUNE : this.#decide(fibre.id);
      if (code === PRUNE || fibreOf(code) !== fibre.id) {
        this.#next = code;
        this.#unwound = true;
        fibre.startUnwind(fibre.stack);
        return 0;
      }
      action = actionOf(code);
    }
    if (action === INTERRUPT) {
      this.#enterHandler(fibre);
      return 1;
    }
    this.#commit(fibre, site, fibre.address);
    return 0;
  }

  #enterHandler(fibre: Fibre): void {
    fibre.frame.delivered = true;
    fibre.depth++;
    fibre.enterFrame((fibre.task as Task).handler);
    fibre.spins = false;
    for (const watcher of this.watchers) watcher.enterHandler(fibre);
  }

  /** The access happens now. */
  #commit(fibre: Fibre, site: number, address: number): void {
    const kind = this.#kinds[site] as number;
    const width = this.#widths[site] as number;
    fibre.frame.delivered = false;
    fibre.frame.steps++;
    this.passed[site] = (this.passed[site] as number) + 1;
    if (++this.steps > this.#bounds.steps) this.report("endless", ENDLESS, fibre.id);
    this.#log.note(fibre, kind, width, address);
    if (AccessLog.isSpan(kind, width)) {
      const { dest, source, bytes } = fibre.frame;
      for (const watcher of this.watchers) watcher.span(fibre, dest, source, bytes);
    }
    const watchers = this.watchers;
    for (let at = 0; at < watchers.length; at++) {
      (watchers[at] as Watcher).access(fibre, site, kind, width, address);
    }
  }

  span(fibre: Fibre, dest: number, source: number, bytes: number): void {
    this.#log.span(fibre, dest, source, bytes);
  }

  swapped(fibre: Fibre, did: number): void {
    if (this.#free || this.#unwound || this.#rewinding) return;
    for (const watcher of this.watchers) watcher.swapped(fibre, did !== 0);
  }

  /** memory.atomic.wait32. @returns 0 woken, 1 not equal, 2 timed out */
  wait(fibre: Fibre, address: number, expected: number, forEver: number): number {
    if (this.#free) return 1;
    if (this.#rewinding) {
      this.#rewinding = false;
      fibre.stopRewind();
      fibre.state = PARKED;
      return fibre.waitResult;
    }
    for (const watcher of this.watchers) watcher.sleeps(fibre);
    if (this.found !== null || this.words[address >>> 2] !== expected) return 1;
    fibre.state = ASLEEP;
    fibre.waitAddress = address >>> 0;
    fibre.waitForEver = forEver !== 0;
    this.#next = this.#decide(fibre.id);
    this.#unwound = true;
    fibre.startUnwind(fibre.stack);
    return 0;
  }

  notify(fibre: Fibre, address: number, count: number): number {
    if (this.#free) return 0;
    let woken = 0;
    for (const other of this.fibres) {
      if (other.state !== ASLEEP || other.waitAddress !== address >>> 0 || woken >= count) continue;
      other.waitResult = 0;
      other.state = PARKED;
      woken++;
      for (const watcher of this.watchers) watcher.wakes(fibre, other);
    }
    return woken;
  }

  /** Nobody can go on: the time of the first sleeper is up. @returns false if there is none */
  #timesOut(): boolean {
    const sleeper = this.#firstSleeper();
    if (sleeper === undefined) return false;
    sleeper.waitResult = 2;
    sleeper.state = PARKED;
    return true;
  }

  #firstSleeper(): Fibre | undefined {
    const live = this.fibres.slice(0, this.#chooser.live);
    return live.find(({ state, waitForEver }) => state === ASLEEP && !waitForEver);
  }

  /** A sleeper whose time would be up: nobody else will wake it. */
  #reportSleeper(): void {
    const sleeper = this.#firstSleeper();
    if (sleeper === undefined) return;
    this.report("lost-wakeup", "only its timeout would wake a sleeper", sleeper.id);
  }

  size(): number {
    return this.growth.pages;
  }

  grow(fibre: Fibre, delta: number): number {
    if (!this.#free) for (const watcher of this.watchers) watcher.grows(fibre);
    return this.growth.grow(delta);
  }

  next(fibre: Fibre): number {
    const { frame } = fibre;
    beginOperation(this, fibre);
    const operation = frame.operations[frame.at];
    if (operation !== undefined) return this.module.table.handlerCalls.indexOf(operation.call);
    for (const watcher of this.watchers) watcher.exitHandler(fibre);
    fibre.depth--;
    return -1;
  }

  argument(fibre: Fibre, index: number): number {
    const { frame } = fibre;
    const operation = frame.operations[frame.at];
    const argument = operation?.args[index];
    if (typeof argument === "number" || argument === undefined) return argument ?? 0;
    const isTaken = operation?.role === "free" || operation?.role === "realloc";
    if (isTaken && operation.object === index) return frame.object;
    return this.slots[argument.slot] as number;
  }

  done(fibre: Fibre, value: number): void {
    if (this.#unwound) return;
    endOperation(this, fibre, value);
  }

  // --------------------------------------------------------------------------- findings

  /** End the schedule with a finding. The first counts. */
  report(kind: string, message: string, fibre: number): void {
    if (this.found !== null) return;
    const { site = -1, frame } = this.fibres[fibre] ?? {};
    const operation = frame?.operations[frame.at]?.call ?? "";
    this.found = { kind, message, fibre, site, operation, step: this.steps };
  }

  #reportStuck(): void {
    const stuck = this.fibres
      .slice(0, this.#chooser.live)
      .filter(({ state }) => state !== FINISHED);
    const asleep = stuck.filter(({ state }) => state === ASLEEP).length;
    const [first] = stuck;
    const what = asleep === 0 ? "spin" : asleep === stuck.length ? "sleep" : "spin or sleep";
    const message = `${stuck.length} tasks ${what} for what none of them will do`;
    this.report("deadlock", message, first?.id ?? 0);
  }
}

const ENDLESS = "more accesses than any schedule should need";
