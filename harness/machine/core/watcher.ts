/** What looks at a schedule while it runs: judges, timelines. The machine calls all of it. */
import type { Fibre } from "./fibre.js";
import type { Operation } from "./program.js";

/** What a schedule ended with. */
export interface FoundHere {
  readonly kind: string;
  readonly message: string;
  readonly fibre: number;
  /** The access it stood before, or -1. */
  readonly site: number;
  /** The call it was in. */
  readonly operation: string;
  readonly step: number;
}

export class Watcher {
  /** A schedule begins. */
  begin(): void {}
  /** An access happens right after this. */
  access(_fibre: Fibre, _site: number, _kind: number, _width: number, _address: number): void {}
  /** It is a copy or fill: where and how much. @param _source -1 for a fill */
  span(_fibre: Fibre, _dest: number, _source: number, _bytes: number): void {}
  /** Whether the cmpxchg just made stored. */
  swapped(_fibre: Fibre, _did: boolean): void {}
  /** It takes an object out of a slot, to free it. */
  takes(_fibre: Fibre, _slot: number, _object: number, _operation: Operation): void {}
  /** The call did not want it: it is in the slot again. */
  returns(_fibre: Fibre, _slot: number, _object: number): void {}
  /** It put a result into a slot. */
  puts(_fibre: Fibre, _slot: number): void {}
  /** @param _steps own accesses it took, those of handlers left out */
  endOperation(_fibre: Fibre, _operation: Operation, _result: number, _steps: number): void {}
  enterHandler(_fibre: Fibre): void {}
  exitHandler(_fibre: Fibre): void {}
  /** It is about to sleep in memory.atomic.wait32, if the word says so. */
  sleeps(_fibre: Fibre): void {}
  wakes(_by: Fibre, _fibre: Fibre): void {}
  /** `to` goes on on the CPU that `from` had. */
  handsOver(_from: Fibre, _to: Fibre): void {}
  grows(_fibre: Fibre): void {}
}
