/**
 * Judges of fields: called only for the words they care about, before an access and, for what
 * writes, once it is known what it wrote.
 *
 * What an access leaves is seen when the next thing happens, whatever that is; no other access
 * comes in between.
 */
import type { Fibre } from "../core/fibre.js";
import type { Machine } from "../core/machine.js";
import { isMove } from "../policies/policy.js";
import type { Operation } from "../core/program.js";
import { Watcher } from "../core/watcher.js";
import { SITE_KINDS, isWrite } from "../instrument/sites.js";
import { CONTENT, type HeapWords, OUTSIDE, WORD_KINDS } from "./heap-words.js";

const WRITES = Uint8Array.from(SITE_KINDS, (kind) => Number(isWrite(kind)));
const CMPXCHG = SITE_KINDS.indexOf("cmpxchg");

/** One access to a word that somebody cares about. One object for all of them: copy what stays. */
export class Touch {
  fibre!: Fibre;
  /** Those of the fibre when it made the access. */
  depth = 0;
  cpu = 0;
  site = 0;
  /** Index into SITE_KINDS. */
  kind = 0;
  width = 0;
  address = 0;
  writes = false;
  /** What the word is (heap-words.ts), and the struct it is in. */
  what = 0;
  base = 0;
  /** The two words from `address` on, before; `high` counts only where `width` is 8. */
  before = 0;
  beforeHigh = 0;
  /** The same after it. */
  after = 0;
  afterHigh = 0;
}

/** A judge of some kinds of words. */
export abstract class FieldJudge {
  readonly #machine: Machine;
  protected readonly heap: HeapWords;
  /** The kinds of words it is asked about. */
  abstract readonly watches: readonly number[];

  constructor(machine: Machine, heap: HeapWords) {
    this.#machine = machine;
    this.heap = heap;
  }

  /** Whether this schedule has moved a task to another CPU. */
  protected get wasMoved(): boolean {
    return this.#machine.deviations.some(({ code }) => isMove(code));
  }

  begin(): void {}
  /** It is about to happen. */
  touches(_touch: Touch): void {}
  /** It wrote. */
  wrote(_touch: Touch): void {}
  /** It was a cmpxchg that found something else. */
  missed(_touch: Touch): void {}
  endOperation(_fibre: Fibre, _operation: Operation, _result: number): void {}
  enterHandler(_fibre: Fibre): void {}
  exitHandler(_fibre: Fibre): void {}

  protected report(kind: string, message: string, touch: Touch): void {
    this.#machine.report(kind, message, touch.fibre.id, touch.site);
  }

  protected reportAt(kind: string, message: string, fibre: Fibre): void {
    this.#machine.report(kind, message, fibre.id);
  }
}

type CallHook = "begin" | "endOperation" | "enterHandler" | "exitHandler";
type WordHook = "touches" | "wrote" | "missed";

export class FieldWatch extends Watcher {
  readonly #words: Int32Array;
  readonly #kinds: Uint8Array;
  readonly #bases: Int32Array;
  readonly #all: Readonly<Record<CallHook, readonly FieldJudge[]>>;
  readonly #byKind: Readonly<Record<WordHook, readonly (readonly FieldJudge[])[]>>;
  /** By kind of word: whether loads of it are of interest, too. */
  readonly #loads: Uint8Array;
  readonly #touch = new Touch();
  #isPending = false;

  /** @param loads kinds of words whose loads are judged */
  readonly #heap: HeapWords;

  constructor(heap: HeapWords, judges: readonly FieldJudge[], loads: readonly number[]) {
    super();
    this.#heap = heap;
    this.#words = heap.words;
    this.#kinds = heap.kinds;
    this.#bases = heap.bases;
    const who = (hook: CallHook | WordHook) =>
      judges.filter((judge) => judge[hook] !== FieldJudge.prototype[hook]);
    const byKind = (hook: WordHook) => {
      const all = who(hook);
      return Array.from({ length: WORD_KINDS }, (_, kind) =>
        all.filter(({ watches }) => watches.includes(kind)),
      );
    };
    this.#all = {
      begin: who("begin"),
      endOperation: who("endOperation"),
      enterHandler: who("enterHandler"),
      exitHandler: who("exitHandler"),
    };
    this.#byKind = {
      touches: byKind("touches"),
      wrote: byKind("wrote"),
      missed: byKind("missed"),
    };
    this.#loads = new Uint8Array(WORD_KINDS);
    for (const kind of loads) this.#loads[kind] = 1;
  }

  override begin(): void {
    this.#isPending = false;
    for (const judge of this.#all.begin) judge.begin();
  }

  override access(fibre: Fibre, site: number, kind: number, width: number, address: number): void {
    if (this.#isPending) this.#settle();
    if (width === 0) return;
    const what = this.#kinds[address >>> 2] as number;
    if (what === 0) return;
    const writes = WRITES[kind] === 1;
    if (!writes && this.#loads[what] === 0) return;
    this.#begin(fibre, site, kind, width, address, what, writes);
  }

  #begin(
    fibre: Fibre,
    site: number,
    kind: number,
    width: number,
    address: number,
    what: number,
    writes: boolean,
  ): void {
    const touch = this.#touch;
    const index = address >>> 2;
    touch.fibre = fibre;
    touch.depth = fibre.depth;
    // A task that came back may be another CPU than the one it began on.
    touch.cpu = fibre.task?.comesAndGoes ? this.#heap.cpuOf(fibre.register) : fibre.cpu;
    touch.site = site;
    touch.kind = kind;
    touch.width = width;
    touch.address = address;
    touch.writes = writes;
    touch.what = what;
    touch.base = this.#bases[index] as number;
    touch.before = (this.#words[index] as number) >>> 0;
    touch.beforeHigh = (this.#words[index + 1] as number) >>> 0;
    const judges = this.#byKind.touches[what] as readonly FieldJudge[];
    for (let at = 0; at < judges.length; at++) (judges[at] as FieldJudge).touches(touch);
    this.#isPending = writes && what !== CONTENT && what !== OUTSIDE;
  }

  /** A cmpxchg is over when it says whether it stored. */
  override swapped(_fibre: Fibre, did: boolean): void {
    if (!this.#isPending || this.#touch.kind !== CMPXCHG) return;
    if (did) {
      this.#settle();
      return;
    }
    this.#isPending = false;
    const judges = this.#byKind.missed[this.#touch.what] as readonly FieldJudge[];
    for (let at = 0; at < judges.length; at++) (judges[at] as FieldJudge).missed(this.#touch);
  }

  #settle(): void {
    this.#isPending = false;
    const touch = this.#touch;
    const index = touch.address >>> 2;
    touch.after = (this.#words[index] as number) >>> 0;
    touch.afterHigh = (this.#words[index + 1] as number) >>> 0;
    const judges = this.#byKind.wrote[touch.what] as readonly FieldJudge[];
    for (let at = 0; at < judges.length; at++) (judges[at] as FieldJudge).wrote(touch);
  }

  /** memory.copy and memory.fill: of pages' contents only, and both ends of it. */
  override span(fibre: Fibre, dest: number, _source: number, bytes: number): void {
    if (this.#isPending) this.#settle();
    if (bytes === 0) return;
    for (const address of [dest, dest + bytes - 1]) {
      const what = this.#kinds[address >>> 2] as number;
      if (what !== 0) this.#begin(fibre, fibre.site, CMPXCHG, 4, address & ~3, what, true);
    }
    this.#isPending = false;
  }

  override endOperation(fibre: Fibre, operation: Operation, result: number): void {
    if (this.#isPending) this.#settle();
    for (const judge of this.#all.endOperation) judge.endOperation(fibre, operation, result);
  }

  override enterHandler(fibre: Fibre): void {
    if (this.#isPending) this.#settle();
    for (const judge of this.#all.enterHandler) judge.enterHandler(fibre);
  }

  override exitHandler(fibre: Fibre): void {
    if (this.#isPending) this.#settle();
    for (const judge of this.#all.exitHandler) judge.exitHandler(fibre);
  }
}
