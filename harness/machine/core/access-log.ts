/** What one access does to the books: the undo log, the learned conflicts, and spin loops. */
import { SITE_KINDS, isWrite } from "../instrument/sites.js";
import type { Conflicts } from "./conflicts.js";
import type { Fibre } from "./fibre.js";
import type { UndoLog } from "./undo.js";

const kindOf = (kind: (typeof SITE_KINDS)[number]): number => SITE_KINDS.indexOf(kind);
const LOAD = kindOf("load");
const ATOMIC_LOAD = kindOf("atomicLoad");
const RMW = kindOf("rmw");
const CMPXCHG = kindOf("cmpxchg");
const RELAX = kindOf("relax");
const WRITES = Uint8Array.from(SITE_KINDS, (kind) => Number(isWrite(kind)));

/** Whether an access only looks at a word. */
export function isLook(kind: number): boolean {
  return kind === LOAD || kind === ATOMIC_LOAD;
}

export class AccessLog {
  readonly #words: Int32Array;
  readonly #undo: UndoLog;
  readonly #conflicts: Conflicts;

  constructor(words: Int32Array, undo: UndoLog, conflicts: Conflicts) {
    this.#words = words;
    this.#undo = undo;
    this.#conflicts = conflicts;
  }

  /**
   * The next copy or fill of a frame. Kept there: between this and the access itself another fibre,
   * or a handler, may come to one of its own.
   */
  span({ frame }: Fibre, dest: number, source: number, bytes: number): void {
    frame.dest = dest >>> 0;
    frame.source = source === -1 ? -1 : source >>> 0;
    frame.bytes = bytes >>> 0;
  }

  /** The access happens right after this. @param width 0: it is a span, or touches nothing */
  note(fibre: Fibre, kind: number, width: number, address: number): void {
    const writes = WRITES[kind] === 1;
    fibre.spins = kind === RELAX;
    if (kind === RELAX || fibre.inLoop) fibre.noteTurn(kind === RELAX, isLook(kind));
    if (width === 0) {
      if (writes) this.#noteSpan(fibre);
      return;
    }
    const index = address >>> 2;
    const isHandler = fibre.depth > 0;
    if (writes) {
      this.#undo.log(index);
      if (width === 8) this.#undo.log(index + 1);
    }
    if (kind === ATOMIC_LOAD || kind === RMW || kind === CMPXCHG || kind === RELAX) {
      fibre.noteRead(address, this.#words[index] as number);
    }
    this.#conflicts.note(index, fibre.id, isHandler, writes);
    if (width === 8) this.#conflicts.note(index + 1, fibre.id, isHandler, writes);
  }

  #noteSpan(fibre: Fibre): void {
    const { dest, source, bytes } = fibre.frame;
    this.#undo.logRange(dest, bytes);
    this.#noteRange(fibre, dest, bytes, true);
    if (source >= 0) this.#noteRange(fibre, source, bytes, false);
  }

  #noteRange(fibre: Fibre, from: number, bytes: number, writes: boolean): void {
    const end = (from + bytes + 3) >>> 2;
    for (let index = from >>> 2; index < end; index++) {
      this.#conflicts.note(index, fibre.id, fibre.depth > 0, writes);
    }
  }

  /** Outside a schedule: only what undoing it takes. */
  logOnly({ frame }: Fibre, kind: number, width: number, address: number): void {
    if (WRITES[kind] === 0) return;
    if (width === 0) this.#undo.logRange(frame.dest, frame.bytes);
    else this.#undo.logRange(address >>> 0, width);
  }

  /** Whether an access of this kind and width is a copy or fill. */
  static isSpan(kind: number, width: number): boolean {
    return width === 0 && WRITES[kind] === 1;
  }
}
