/**
 * What the machine answers its instances: called from wasm, before every access and in the place
 * of everything that waits or grows.
 *
 * How a fibre is suspended and resumed, by Binaryen's Asyncify, in the order of what happens:
 *
 *  1. Its instance calls `point`. The decision is that somebody else goes on: `instead` keeps who,
 *     `unwound` is set, and `startUnwind` puts the instance into the state of unwinding.
 *  2. `point` returns. Every function of the instance saves its locals and where it was on the
 *     fibre's stack and returns too, until machine.ts has the thread. The access did not happen.
 *  3. machine.ts sees `unwound`, calls `stopUnwind`, and marks the fibre as suspended.
 *  4. Later a decision names that fibre: machine.ts keeps what it is to do in `action`, calls
 *     `startRewind`, sets `rewinding`, and calls the same export again. Its arguments do not count:
 *     every function takes its locals from the stack and goes on where it was.
 *  5. So the same hook is called at the same access again. It sees `rewinding`, calls `stopRewind`,
 *     and instead of asking does `action`: the access, or first a handler.
 *
 * While a stack unwinds or is rewound nothing else is asked; hooks that may be called then return
 * at once. A fibre that dies is one that was suspended and is not resumed. `wait` is suspended
 * alike, and returns what woke it when it is called again.
 */
import { type Choice, INTERRUPT, DIE, PRUNE, STEP, actionOf, fibreOf } from "../policies/policy.js";
import { AccessLog } from "./access-log.js";
import { type Bounds, DEFAULT_BOUNDS } from "./bounds.js";
import type { Decisions } from "./decisions.js";
import { ASLEEP, type Fibre, type HostOf, PARKED } from "./fibre.js";
import type { Operations } from "./operations.js";
import type { Task } from "./program.js";
import type { Shared } from "./shared.js";
import type { Watcher } from "./watcher.js";

export class Hooks implements HostOf {
  readonly #machine: Shared;
  readonly #decisions: Decisions;
  readonly #operations: Operations;
  readonly #log: AccessLog;
  readonly #kinds: Uint8Array;
  readonly #widths: Uint8Array;
  bounds: Bounds = DEFAULT_BOUNDS;
  /** The fibre that runs was resumed: its stack is being rewound, and `action` is what it does. */
  rewinding = false;
  action = STEP;
  /** The fibre that ran was suspended: its stack was unwound, and `instead` comes next. */
  unwound = false;
  instead: Choice = PRUNE;
  /** A fresh fibre runs up to its first access. */
  starting = false;
  /** Outside schedules nothing is asked and nothing noted: setups and ends. */
  free = true;
  /** Whether writes outside schedules are undone with the schedule before them. */
  logs = false;

  constructor(machine: Shared, decisions: Decisions, operations: Operations) {
    this.#machine = machine;
    this.#decisions = decisions;
    this.#operations = operations;
    this.#log = new AccessLog(machine.words, machine.undo, machine.conflicts);
    this.#kinds = machine.module.kinds;
    this.#widths = machine.module.widths;
  }

  /** A schedule begins. */
  begin(bounds: Bounds): void {
    this.bounds = bounds;
    this.rewinding = false;
    this.unwound = false;
  }

  /** Before every access. @returns 1: run the handler, then ask again; 0: go on, or suspend */
  point(fibre: Fibre, site: number, address: number): number {
    if (this.free) {
      if (this.logs) {
        const [kind, width] = [this.#kinds[site] as number, this.#widths[site] as number];
        this.#log.logOnly(fibre.frame, kind, width, address);
      }
      return 0;
    }
    let action: number;
    if (this.rewinding) {
      this.rewinding = false;
      fibre.stopRewind();
      action = this.action;
    } else {
      fibre.site = site;
      fibre.frame.stands = site;
      fibre.address = address >>> 0;
      const code = this.starting ? PRUNE : this.#decisions.decide(fibre.id);
      if (code === PRUNE || fibreOf(code) !== fibre.id || actionOf(code) === DIE) {
        this.instead = code;
        this.unwound = true;
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
    for (const watcher of this.#machine.watchers) watcher.enterHandler(fibre);
  }

  /** The access happens now. */
  #commit(fibre: Fibre, site: number, address: number): void {
    const kind = this.#kinds[site] as number;
    const width = this.#widths[site] as number;
    fibre.frame.delivered = false;
    fibre.frame.steps++;
    fibre.frame.last = site;
    this.#machine.passed[site] = (this.#machine.passed[site] as number) + 1;
    if (++this.#machine.steps > this.bounds.steps)
      this.#machine.report("endless", ENDLESS, fibre.id);
    this.#log.note(fibre, kind, width, address);
    if (AccessLog.isSpan(kind, width)) {
      const { dest, source, bytes } = fibre.frame;
      for (const watcher of this.#machine.watchers) watcher.span(fibre, dest, source, bytes);
    }
    const watchers = this.#machine.watchers;
    for (let at = 0; at < watchers.length; at++) {
      (watchers[at] as Watcher).access(fibre, site, kind, width, address);
    }
  }

  span(fibre: Fibre, dest: number, source: number, bytes: number): void {
    this.#log.span(fibre.frame, dest, source, bytes);
  }

  swapped(fibre: Fibre, did: number): void {
    if (this.free || this.unwound || this.rewinding) return;
    for (const watcher of this.#machine.watchers) watcher.swapped(fibre, did !== 0);
  }

  /** memory.atomic.wait32. @returns 0 woken, 1 not equal, 2 timed out */
  wait(fibre: Fibre, address: number, expected: number, forEver: number): number {
    if (this.free) return 1;
    if (this.rewinding) {
      this.rewinding = false;
      fibre.stopRewind();
      fibre.state = PARKED;
      return fibre.waitResult;
    }
    for (const watcher of this.#machine.watchers) watcher.sleeps(fibre);
    if (this.#machine.found !== null || this.#machine.words[address >>> 2] !== expected) return 1;
    fibre.state = ASLEEP;
    fibre.waitAddress = address >>> 0;
    fibre.waitForEver = forEver !== 0;
    this.instead = this.#decisions.decide(fibre.id);
    this.unwound = true;
    fibre.startUnwind(fibre.stack);
    return 0;
  }

  notify(fibre: Fibre, address: number, count: number): number {
    if (this.free) return 0;
    let woken = 0;
    for (const other of this.#machine.fibres) {
      if (other.state !== ASLEEP || other.waitAddress !== address >>> 0 || woken >= count) continue;
      other.waitResult = 0;
      other.state = PARKED;
      woken++;
      for (const watcher of this.#machine.watchers) watcher.wakes(fibre, other);
    }
    return woken;
  }

  size(): number {
    return this.#machine.growth.pages;
  }

  grow(fibre: Fibre, delta: number): number {
    const { watchers, growth } = this.#machine;
    if (!this.free) for (const watcher of watchers) watcher.grows(fibre);
    return growth.grow(delta);
  }

  next(fibre: Fibre): number {
    const { frame } = fibre;
    this.#operations.begin(fibre);
    const operation = frame.operations[frame.at];
    if (operation !== undefined)
      return this.#machine.module.table.handlerCalls.indexOf(operation.call);
    for (const watcher of this.#machine.watchers) watcher.exitHandler(fibre);
    fibre.depth--;
    return -1;
  }

  argument(fibre: Fibre, index: number): number {
    return this.#operations.argument(fibre, index);
  }

  done(fibre: Fibre, value: number): void {
    if (this.unwound) return;
    this.#operations.end(fibre, value);
  }
}

const ENDLESS = "more accesses than any schedule should need";
