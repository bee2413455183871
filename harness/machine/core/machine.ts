/**
 * The machine: N simulated CPUs on one memory in one thread. Before every access it asks a policy
 * who goes on, and either returns to the instance that asked or suspends it and resumes another.
 *
 * A *schedule* is one run of all tasks from the same memory to their ends. A *decision* is made at
 * each access; its default is to go on, so what names a schedule is where it departs from that.
 */
import { SITE_KINDS, isWrite } from "../instrument/sites.js";
import { type Choice, type Policy, INTERRUPT, PRUNE, STEP, choice } from "../policies/policy.js";
import { type Situation, actionOf, fibreOf } from "../policies/policy.js";
import type { Deviation } from "../policies/replay.js";
import { Conflicts } from "./conflicts.js";
import { ASLEEP, DEPTH_MAX, FINISHED, FRESH, Fibre, type Frame, PARKED, STACK_BYTES } from "./fibre.js";
import type { FoundHere, Watcher } from "./watcher.js";
import type { MachineModule } from "./module.js";
import { type Operation, SLOTS_MAX, type Task } from "./program.js";
import { UndoLog } from "./undo.js";

const kindOf = (kind: (typeof SITE_KINDS)[number]): number => SITE_KINDS.indexOf(kind);
const ATOMIC_LOAD = kindOf("atomicLoad");
const RMW = kindOf("rmw");
const CMPXCHG = kindOf("cmpxchg");
const RELAX = kindOf("relax");
const WAIT = kindOf("wait");
const WRITES = Uint8Array.from(SITE_KINDS, (kind) => Number(isWrite(kind)));

export interface MachineOptions {
  readonly fibres: number;
  /** Where the stacks of the fibres lie: `fibres * STACK_BYTES` bytes that nobody else uses. */
  readonly stacks: number;
  /** Imports of the module beside the machine's own. */
  readonly imports?: WebAssembly.Imports;
}

/** What may happen in a schedule. */
export interface Bounds {
  /** Switches away from a fibre that could go on; Infinity: any number. */
  readonly preemptions: number;
  /** Handlers on each fibre, and how deep they may nest. */
  readonly handlers: number;
  readonly handlerDepth: number;
  /** Accesses after which a schedule counts as endless. */
  readonly steps: number;
  /** The part of a task before its first access is a choice of its own. */
  readonly startsAreChoices: boolean;
  /** Offer a choice only before accesses that may conflict. */
  readonly learns: boolean;
}

export const DEFAULT_BOUNDS: Bounds = {
  preemptions: Number.POSITIVE_INFINITY,
  handlers: 0,
  handlerDepth: 1,
  steps: 100_000,
  startsAreChoices: false,
  learns: false,
};

export class Machine implements Situation {
  readonly module: MachineModule;
  readonly memory: WebAssembly.Memory;
  readonly words: Int32Array;
  readonly fibres: readonly Fibre[];
  readonly undo: UndoLog;
  readonly slots: Int32Array;
  readonly #slotsAtStart: Int32Array;
  readonly #kinds: Uint8Array;
  readonly #widths: Uint8Array;
  /** By site: how often it was passed, and whether anything was ever injected right before it. */
  readonly passed: Float64Array;
  readonly injected: Uint8Array;
  conflicts: Conflicts;
  watchers: readonly Watcher[] = [];

  // The situation of the decision that is being made.
  readonly options = new Int32Array(64);
  optionCount = 0;
  current = -1;
  decisions = 0;

  #bounds = DEFAULT_BOUNDS;
  #policy: Policy | undefined;
  #preemptionsLeft = 0;
  #live = 0;
  /** Accesses of this schedule, and of all. */
  steps = 0;
  accesses = 0;
  switches = 0;
  found: FoundHere | null = null;
  wasPruned = false;
  readonly deviations: Deviation[] = [];
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
  #spanDest = 0;
  #spanSource = -1;
  #spanBytes = 0;

  constructor(module: MachineModule, memory: WebAssembly.Memory, options: MachineOptions) {
    this.module = module;
    this.memory = memory;
    this.words = new Int32Array(memory.buffer);
    this.undo = new UndoLog(this.words);
    this.conflicts = new Conflicts(this.words.length);
    this.slots = new Int32Array(SLOTS_MAX * (options.fibres + 1));
    this.#slotsAtStart = new Int32Array(this.slots.length);
    this.#kinds = module.kinds;
    this.#widths = module.widths;
    this.passed = new Float64Array(module.table.sites.length);
    this.injected = new Uint8Array(module.table.sites.length);
    const imports = options.imports ?? {};
    this.fibres = Array.from({ length: options.fibres }, (_, id) => {
      const stack = options.stacks + id * STACK_BYTES;
      return new Fibre(id, module, memory, this.words, stack, this, imports);
    });
  }

  /** Remember the areas of the CPUs, and what the slots hold, as the start of every schedule. */
  settle(areas: readonly number[]): void {
    this.#areas = areas;
    this.#slotsAtStart.set(this.slots);
  }

  /** The same after a schedule and undone with it. A fibre that ended: others have no stack left. */
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
    this.#preemptionsLeft = bounds.preemptions;
    this.steps = 0;
    this.decisions = 0;
    this.deviations.length = 0;
    this.found = null;
    this.wasPruned = false;
    this.current = -1;
    this.#live = tasks.length;
    this.#rewinding = false;
    this.#unwound = false;
    this.slots.set(this.#slotsAtStart);
    for (let id = 0; id < tasks.length; id++) {
      const fibre = this.fibres[id] as Fibre;
      fibre.reset(tasks[id] as Task, bounds.handlers);
      if (this.#areas.length > 0) fibre.register = this.#areas[fibre.cpu] as number;
    }
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
  }

  #loop(): void {
    if (!this.#bounds.startsAreChoices) {
      this.#next = PRUNE;
      for (let id = 0; id < this.#live; id++) this.#start(id);
    }
    this.current = -1;
    let code = this.#decide(-1);
    while (code !== PRUNE && this.found === null) {
      this.#resume(code);
      code = this.#unwound ? this.#next : this.#decide(-1);
    }
    if (this.found === null && !this.wasPruned && !this.#allFinished()) this.#reportStuck();
  }

  #allFinished(): boolean {
    for (let id = 0; id < this.#live; id++) {
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
    if (fibre.id !== this.current) this.switches++;
    this.current = fibre.id;
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
        this.#beginOperation(fibre);
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
        const result = call(
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
        this.#endOperation(fibre, result);
        if (this.found !== null) return;
        this.#beginOperation(fibre);
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

  // ----------------------------------------------------------------------- operations

  /** Takes what is to be freed out of its slot; an operation that finds none is skipped. */
  #beginOperation(fibre: Fibre): void {
    const { frame } = fibre;
    for (; frame.at < frame.operations.length; frame.at++) {
      const operation = frame.operations[frame.at] as Operation;
      frame.steps = 0;
      if (operation.role === "free") {
        const slot = operation.args[operation.object];
        if (typeof slot !== "object") throw new TypeError("expected a free of what is in a slot");
        frame.object = this.slots[slot.slot] as number;
        if (frame.object === 0) continue;
        this.slots[slot.slot] = 0;
        const address = frame.object >>> 0;
        for (const watcher of this.watchers) watcher.takes(fibre, slot.slot, address);
      }
      return;
    }
  }

  #endOperation(fibre: Fibre, result: number): void {
    const { frame } = fibre;
    const operation = frame.operations[frame.at] as Operation;
    if (operation.into >= 0) {
      this.slots[operation.into] = result;
      for (const watcher of this.watchers) watcher.puts(fibre, operation.into);
    }
    for (const watcher of this.watchers) watcher.endOperation(fibre, operation, result, frame.steps);
    frame.at++;
  }

  // ------------------------------------------------------------------------ decisions

  #canStep(fibre: Fibre): boolean {
    if (fibre.state === PARKED) return !fibre.spins || fibre.wouldSeeMore(this.words);
    return fibre.state === FRESH;
  }

  #canInterrupt(fibre: Fibre): boolean {
    return (
      fibre.handlersLeft > 0 &&
      fibre.state === PARKED &&
      fibre.depth < this.#bounds.handlerDepth &&
      fibre.depth < DEPTH_MAX &&
      !fibre.frame.delivered
    );
  }

  /** Whether the access that `fibre` stands before may conflict with another's. */
  #matters(fibre: Fibre): boolean {
    if (!this.#bounds.learns || fibre.state !== PARKED) return true;
    return this.conflicts.mattersToOthers(fibre.address >>> 2, fibre.id);
  }

  #mattersToHandler(fibre: Fibre): boolean {
    if (!this.#bounds.learns) return true;
    return this.conflicts.mattersToHandler(fibre.address >>> 2, fibre.id);
  }

  /** What comes next. @param id the fibre that asks, or -1 @returns PRUNE: nobody can go on */
  #decide(id: number): Choice {
    if (this.found !== null) return PRUNE;
    const { fibres, options } = this;
    const policy = this.#policy as Policy;
    const mover = id < 0 ? undefined : (fibres[id] as Fibre);
    const goesOn = mover !== undefined && this.#canStep(mover);
    let count = 0;
    if (goesOn) {
      options[count++] = id;
      if (this.#canInterrupt(mover) && this.#mattersToHandler(mover)) {
        options[count++] = choice(id, INTERRUPT);
      }
    }
    const maySwitch = !goesOn || (this.#preemptionsLeft > 0 && this.#matters(mover));
    if (maySwitch) {
      for (let other = 0; other < this.#live; other++) {
        if (goesOn && other === id) continue;
        const fibre = fibres[other] as Fibre;
        if (this.#canStep(fibre)) options[count++] = other;
      }
      for (let other = 0; other < this.#live; other++) {
        if (goesOn && other === id) continue;
        const fibre = fibres[other] as Fibre;
        if (this.#canInterrupt(fibre) && this.#mattersToHandler(fibre)) {
          options[count++] = choice(other, INTERRUPT);
        }
      }
    }
    this.optionCount = count;
    if (count === 0) {
      if (this.#wakeByTime()) return this.#decide(id);
      return PRUNE;
    }
    const code =
      count === 1 && !policy.asksAlways ? (options[0] as number) : policy.choose(this);
    const at = this.decisions++;
    if (code === PRUNE) {
      this.wasPruned = true;
      return PRUNE;
    }
    if (code !== options[0]) {
      this.deviations.push({ at, code });
      if (goesOn && fibreOf(code) !== id) this.#preemptionsLeft--;
      const site = (fibres[goesOn ? id : fibreOf(code)] as Fibre).site;
      if (site >= 0) this.injected[site] = 1;
    }
    if (actionOf(code) === INTERRUPT) {
      const fibre = fibres[fibreOf(code)] as Fibre;
      fibre.handlersLeft--;
      if (fibre.site >= 0) this.injected[fibre.site] = 1;
    }
    return code;
  }

  /** Two fibres' next accesses commute if they touch different words or only read. */
  independent(a: Choice, b: Choice): boolean {
    const [one, two] = [fibreOf(a), fibreOf(b)];
    if (one === two) return false;
    const [x, y] = [this.fibres[one] as Fibre, this.fibres[two] as Fibre];
    if (x.state !== PARKED || y.state !== PARKED || x.spins || y.spins) {
      return x.state === FRESH || y.state === FRESH;
    }
    if (actionOf(a) !== STEP || actionOf(b) !== STEP) return true;
    const [first, second] = [this.#kinds[x.site] as number, this.#kinds[y.site] as number];
    if (isOrdered(first) || isOrdered(second)) return false;
    if (WRITES[first] === 0 && WRITES[second] === 0) return true;
    const apart = (p: Fibre, q: Fibre) => p.address + (this.#widths[p.site] as number) <= q.address;
    return apart(x, y) || apart(y, x);
  }

  // ------------------------------------------------------------------ called from wasm

  /** Before every access. @returns 1: run the handler, then ask again; 0: go on, or suspend */
  point(fibre: Fibre, site: number, address: number): number {
    if (this.#free) {
      if (this.#logs) this.#log(this.#kinds[site] as number, this.#widths[site] as number, address);
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
    const index = address >>> 2;
    fibre.frame.delivered = false;
    fibre.frame.steps++;
    fibre.spins = false;
    this.passed[site] = (this.passed[site] as number) + 1;
    if (++this.steps > this.#bounds.steps) this.report("endless", ENDLESS, fibre.id);
    const writes = WRITES[kind] === 1;
    if (width === 0) {
      if (writes) {
        this.undo.logRange(this.#spanDest, this.#spanBytes);
        this.#noteSpan(fibre);
      }
    } else {
      if (writes) {
        this.undo.log(index);
        if (width === 8) this.undo.log(index + 1);
      }
      if (kind === ATOMIC_LOAD || kind === RMW || kind === CMPXCHG || kind === RELAX) {
        fibre.noteRead(address, this.words[index] as number);
        if (kind === RELAX) fibre.spins = true;
      }
      this.conflicts.note(index, fibre.id, fibre.depth > 0, writes);
      if (width === 8) this.conflicts.note(index + 1, fibre.id, fibre.depth > 0, writes);
    }
    const watchers = this.watchers;
    for (let at = 0; at < watchers.length; at++) {
      (watchers[at] as Watcher).access(fibre, site, kind, width, address);
    }
  }

  #log(kind: number, width: number, address: number): void {
    if (WRITES[kind] === 0) return;
    if (width === 0) this.undo.logRange(this.#spanDest, this.#spanBytes);
    else this.undo.logRange(address >>> 0, width);
  }

  #noteSpan(fibre: Fibre): void {
    const isHandler = fibre.depth > 0;
    const end = (this.#spanDest + this.#spanBytes + 3) >>> 2;
    for (let index = this.#spanDest >>> 2; index < end; index++) {
      this.conflicts.note(index, fibre.id, isHandler, true);
    }
    for (const watcher of this.watchers) {
      watcher.span(fibre, this.#spanDest, this.#spanSource, this.#spanBytes);
    }
  }

  span(_fibre: Fibre, dest: number, source: number, bytes: number): void {
    this.#spanDest = dest >>> 0;
    this.#spanSource = source === -1 ? -1 : source >>> 0;
    this.#spanBytes = bytes >>> 0;
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

  /** A sleeper whose time is up, which matters only when nobody else can go on. */
  #wakeByTime(): boolean {
    const sleeper = this.fibres.find(
      ({ id, state, waitForEver }) => id < this.#live && state === ASLEEP && !waitForEver,
    );
    if (sleeper === undefined) return false;
    this.report("lost-wakeup", "only its timeout would wake a sleeper", sleeper.id);
    return false;
  }

  size(): number {
    return this.memory.buffer.byteLength >>> 16;
  }

  /** The memory has its full size from the start: what cannot be undone does not happen. */
  grow(fibre: Fibre, delta: number): number {
    if (!this.#free) for (const watcher of this.watchers) watcher.grows(fibre);
    return delta === 0 ? this.size() : -1;
  }

  next(fibre: Fibre): number {
    const { frame } = fibre;
    this.#beginOperation(fibre);
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
    if (operation?.role === "free" && operation.object === index) return frame.object;
    return this.slots[argument.slot] as number;
  }

  done(fibre: Fibre, value: number): void {
    if (this.#unwound) return;
    this.#endOperation(fibre, value);
  }

  // --------------------------------------------------------------------------- findings

  /** End the schedule with a finding. The first counts. */
  report(kind: string, message: string, fibre: number): void {
    if (this.found !== null) return;
    const { site = -1, frame } = this.fibres[fibre] ?? {};
    const operation = frame?.operations[frame.at]?.call ?? "";
    this.found = { kind, message, fibre, site, operation, step: this.steps };
    this.#preemptionsLeft = 0;
  }

  #reportStuck(): void {
    const stuck = this.fibres.slice(0, this.#live).filter(({ state }) => state !== FINISHED);
    const asleep = stuck.filter(({ state }) => state === ASLEEP).length;
    const [first] = stuck;
    const what = asleep === 0 ? "spin" : asleep === stuck.length ? "sleep" : "spin or sleep";
    const message = `${stuck.length} tasks ${what} for what none of them will do`;
    this.report("deadlock", message, first?.id ?? 0);
  }
}

const ENDLESS = "more accesses than any schedule should need";

/** Kinds whose order matters whatever they touch. */
function isOrdered(kind: number): boolean {
  return kind >= WAIT;
}
