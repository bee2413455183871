/**
 * Locks, from what is written to their words: an owner's token where 0 was takes one, 0 where a
 * token was releases it.
 *
 * - They come in the order of assembly/slab/README.md, none inside a barn's; what a handler takes
 *   is no part of what it interrupted.
 * - The token is that of the CPU, or of its task; a local lock is its own CPU's.
 * - Who releases a lock is who took it, and at the same depth of handlers.
 * - Nobody spins on a lock that it, or what it interrupted, holds.
 * - At the end of a call or handler none is held, and the context is what it was.
 */
import type { Fibre } from "../core/fibre.js";
import { DEPTH_MAX } from "../core/fibre.js";
import type { Machine } from "../core/machine.js";
import type { Operation } from "../core/program.js";
import { SITE_KINDS } from "../instrument/sites.js";
import { FieldJudge, type Touch } from "./field-watch.js";
import { type HeapWords, LOCKS, LOCAL_LOCK, RCU_LOCK } from "./heap-words.js";
import { BARN_LOCK, SHEAF_LOCK, STOCK_LOCK, ZONE_LOCK } from "./heap-words.js";
import { isReaping, worksOnOthers } from "./others.js";

const CONTEXT_CALLS = /^(preempt|irq|nmi)_|^set_preempt_count$/;
const RELAX = SITE_KINDS.indexOf("relax");
const SLEEPERS = 0x8000_0000;
const NOT_HELD = -1;
/** Held at once by one task and its handlers. */
const HELD_MAX = 64;

const NAMES = [
  ...["", "slab_mutex", "the lock of an RcuQueue", "grow_lock", "a local lock of sheaves"],
  ...["a barn's lock", "list_lock", "a local lock", "a slab's lock", "the lock of a stock"],
  ...["a pcp_lock", "a zone's lock"],
];

/** The locks that one fibre holds, in the order in which it took them. */
class Held {
  count = 0;
  readonly address = new Int32Array(HELD_MAX);
  readonly kind = new Uint8Array(HELD_MAX);
  readonly depth = new Uint8Array(HELD_MAX);

  find(address: number): number {
    for (let at = this.count - 1; at >= 0; at--) if (this.address[at] === address) return at;
    return NOT_HELD;
  }

  forget(address: number): void {
    const at = this.find(address);
    if (at !== NOT_HELD) this.remove(at);
  }

  remove(at: number): void {
    this.count--;
    for (let next = at; next < this.count; next++) {
      this.address[next] = this.address[next + 1] as number;
      this.kind[next] = this.kind[next + 1] as number;
      this.depth[next] = this.depth[next + 1] as number;
    }
  }
}

export class LockJudge extends FieldJudge {
  readonly watches = LOCKS;
  readonly #held: readonly Held[];
  /** Context of the interrupted, by fibre and depth of the handler. */
  readonly #contexts: readonly Int32Array[];

  constructor(machine: Machine, heap: HeapWords) {
    super(machine, heap);
    this.#held = machine.fibres.map(() => new Held());
    this.#contexts = machine.fibres.map(() => new Int32Array(DEPTH_MAX + 1));
  }

  override begin(): void {
    for (const held of this.#held) held.count = 0;
  }

  /** Depth at which `fibre` took the lock at `address`, or -1. */
  depthOf(fibre: Fibre, address: number): number {
    const held = this.#held[fibre.id] as Held;
    const at = held.find(address);
    return at < 0 ? NOT_HELD : (held.depth[at] as number);
  }

  /** Locks that `fibre` holds, those of what its handlers interrupted included. */
  countOf(fibre: Fibre): number {
    return (this.#held[fibre.id] as Held).count;
  }

  override touches(touch: Touch): void {
    if (touch.kind !== RELAX) return;
    if (this.depthOf(touch.fibre, touch.address) === NOT_HELD) return;
    this.report("lock", `spins on ${nameOf(touch.what)}, which it holds itself`, touch);
  }

  override wrote(touch: Touch): void {
    const before = touch.before & ~SLEEPERS;
    const after = touch.after & ~SLEEPERS;
    if (before === after) {
      // Whoever reaps as the CPU that died takes its locks over in the same name.
      const isAgain = touch.before === touch.after && before !== 0 && isReaping(touch.fibre);
      if (isAgain && this.depthOf(touch.fibre, touch.address) === NOT_HELD) this.#takeOver(touch);
      return;
    }
    if (after === 0) this.#release(touch);
    else if (before === 0) this.#acquire(touch, after);
    else if (isReaping(touch.fibre)) this.#takeOver(touch);
    else this.report("lock", `takes ${nameOf(touch.what)} from ${before}, who holds it`, touch);
  }

  /** From a CPU that died, in whatever order it had them. */
  #takeOver(touch: Touch): void {
    for (const each of this.#held) each.forget(touch.address);
    this.#hold(touch);
  }

  #acquire(touch: Touch, token: number): void {
    const { what, cpu, address, depth } = touch;
    const isTasks = what === LOCAL_LOCK || what === SHEAF_LOCK || what === STOCK_LOCK;
    const own = isTasks ? this.heap.taskToken(cpu) : cpu + 1;
    if (token !== own) {
      this.report("lock", `puts ${token} into ${nameOf(what)}, expected ${own}`, touch);
    }
    if (isTasks && this.heap.cpuOf(address) !== cpu) {
      this.report("lock", `takes ${nameOf(what)} of another CPU`, touch);
    }
    const held = this.#held[touch.fibre.id] as Held;
    for (let at = 0; at < held.count; at++) {
      if (held.depth[at] !== depth) continue;
      const other = held.kind[at] as number;
      // Zones in the order of their nodes; the heap's queue inside a CPU's.
      const isFine =
        (other < what && other !== BARN_LOCK) ||
        (what === ZONE_LOCK && (held.address[at] as number) < address) ||
        (what === RCU_LOCK && other === what && this.heap.cpuOf(address) < 0);
      if (!isFine && !isReaping(touch.fibre))
        this.report("lock", `takes ${nameOf(what)} inside ${nameOf(other)}`, touch);
    }
    this.#hold(touch);
  }

  #hold({ fibre, address, what, depth }: Touch): void {
    const held = this.#held[fibre.id] as Held;
    held.address[held.count] = address;
    held.kind[held.count] = what;
    held.depth[held.count] = depth;
    held.count++;
  }

  #release(touch: Touch): void {
    const held = this.#held[touch.fibre.id] as Held;
    const at = held.find(touch.address);
    if (at === NOT_HELD) {
      // Breaking the locks of a CPU that is gone is what some calls are for.
      if (worksOnOthers(touch.fibre)) {
        for (const each of this.#held) each.forget(touch.address);
        return;
      }
      this.report("lock", `releases ${nameOf(touch.what)}, which it does not hold`, touch);
      return;
    }
    if (held.depth[at] !== touch.depth) {
      this.report("lock", `releases ${nameOf(touch.what)} of what it interrupted`, touch);
    }
    held.remove(at);
  }

  override endOperation(fibre: Fibre, operation: Operation): void {
    this.#nothingHeld(fibre, `${operation.call}()`);
    if (fibre.depth > 0) return;
    const context = this.heap.context(fibre.cpu);
    if (context === 0 || isWanted(fibre)) return;
    this.reportAt(
      "lock",
      `${operation.call}() ends in the context 0x${context.toString(16)}`,
      fibre,
    );
  }

  #nothingHeld(fibre: Fibre, what: string): void {
    const held = this.#held[fibre.id] as Held;
    const last = held.count - 1;
    if (last < 0 || held.depth[last] !== fibre.depth) return;
    this.reportAt("lock", `${what} ends with ${nameOf(held.kind[last] as number)} held`, fibre);
  }

  override enterHandler(fibre: Fibre): void {
    const contexts = this.#contexts[fibre.id] as Int32Array;
    contexts[fibre.depth] = this.heap.context(fibre.cpu);
  }

  override exitHandler(fibre: Fibre): void {
    this.#nothingHeld(fibre, "an NMI");
    const before = this.#contexts[fibre.id]?.[fibre.depth] ?? 0;
    const after = this.heap.context(fibre.cpu);
    if (before === after) return;
    const hex = (context: number) => `0x${context.toString(16)}`;
    this.reportAt("lock", `an NMI makes of the context ${hex(before)} ${hex(after)}`, fibre);
  }
}

/** The program itself asks for a context that outlasts calls. */
function isWanted({ frame }: Fibre): boolean {
  return frame.operations.some(({ call }) => CONTEXT_CALLS.test(call));
}

function nameOf(kind: number): string {
  return NAMES[kind] ?? "a lock";
}
