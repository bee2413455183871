/**
 * Who runs next. The machine asks at every access; explorer, replay and simulation differ in
 * nothing but the answer.
 */

/** A step of a fibre: its number and what it does, in one integer. */
export type Choice = number;

/** Make the access it stands before, and run on to the next. */
export const STEP = 0;
/** Run its handler first. */
export const INTERRUPT = 1;
/** Cease right there: its stack is dropped, and whatever it holds stays as it is. */
export const DIE = 2;
/** MIGRATE + n: be moved to CPU n, then make the access. */
export const MIGRATE = 3;
const ACTION_SHIFT = 8;

export function choice(fibre: number, action: number): Choice {
  return fibre | (action << ACTION_SHIFT);
}

export function fibreOf(code: Choice): number {
  return code & ((1 << ACTION_SHIFT) - 1);
}

export function actionOf(code: Choice): number {
  return code >>> ACTION_SHIFT;
}

/** Whether a task was moved to another CPU. */
export function isMove(code: Choice): boolean {
  return actionOf(code) >= MIGRATE;
}

/** What a policy may look at. */
export interface Situation {
  /** Choices; the first is the default: go on with who runs, else the lowest number that can. */
  readonly options: Int32Array;
  readonly optionCount: number;
  /** The fibre that made the last step, or -1. */
  readonly current: number;
  /** Choices made since the schedule began. */
  readonly decisions: number;
  /** Whether the next accesses of two fibres commute. */
  independent(a: Choice, b: Choice): boolean;
}

/** Returned instead of a choice: this schedule need not be finished. */
export const PRUNE = -1;

export interface Policy {
  readonly name: string;
  /** Whether it is asked even where there is only one choice. */
  readonly asksAlways: boolean;
  /** A schedule begins. */
  begin(): void;
  /** @returns one of the options, or PRUNE */
  choose(situation: Situation): Choice;
  /** A schedule ended. @returns whether there is another */
  end(): boolean;
}
