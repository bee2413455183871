/**
 * What the parts of the machine share: machine.ts runs the schedules, hooks.ts answers the
 * instances, decisions.ts asks the policy, and all three read and write what stands here.
 *
 * One thread runs them, and each call from wasm comes back before the next: no field is ever seen
 * half-changed. The invariants say what holds between two accesses of a schedule.
 */
import type { Conflicts } from "./conflicts.js";
import type { Fibre } from "./fibre.js";
import type { Growth } from "./growth.js";
import type { MachineModule } from "./module.js";
import type { UndoLog } from "./undo.js";
import type { FoundHere, Watcher } from "./watcher.js";

export interface Shared {
  readonly module: MachineModule;
  /**
   * The whole memory, by 32-bit words.
   *
   * invariant: every word outside the fibres' stacks that differs from the start of the schedule
   * is in `undo`, entered before it changed.
   */
  readonly words: Int32Array;
  readonly undo: UndoLog;
  /**
   * The tasks by id; the first `live` of them (chooser.ts) take part in the schedule.
   *
   * invariant: at most one of them is neither suspended nor FRESH, BLOCKED or over: who runs now.
   */
  readonly fibres: readonly Fibre[];
  /**
   * Who touched which word, in every schedule so far.
   *
   * invariant: only grows; decisions go by what it held when the round began.
   */
  readonly conflicts: Conflicts;
  /** By site, over all schedules: how often it was passed; 1 if anything was ever put before it. */
  readonly passed: Float64Array;
  readonly injected: Uint8Array;
  /**
   * The judges and recorders, told of everything in this order.
   *
   * invariant: replaced as a whole, and only between two schedules.
   */
  readonly watchers: readonly Watcher[];
  readonly growth: Growth;
  /**
   * Accesses that have happened in this schedule.
   *
   * invariant: raised by hooks.ts alone, right before the access; reset by machine.ts alone.
   */
  steps: number;
  /**
   * The first finding of this schedule, or null.
   *
   * invariant: once set it stays until the next schedule begins, and no decision is made any more:
   * `decide` answers PRUNE, so that whoever runs suspends itself before its next access.
   */
  readonly found: FoundHere | null;
  /** The policy gave this schedule up. invariant: set by decisions.ts alone, to true alone. */
  wasPruned: boolean;

  /** End the schedule with a finding. The first counts. @param at the access, if not the next */
  report(kind: string, message: string, fibre: number, at?: number): void;
  /** Time passes: whoever sleeps for a while goes on. @returns false if that is nobody */
  passTime(): boolean;
  /** Nobody can go on: the time of the first sleeper is up. @returns false if there is none */
  timesOut(): boolean;
  /** A sleeper whose time would be up: nobody else will wake it. */
  reportSleeper(): void;
}
