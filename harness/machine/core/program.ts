/**
 * What simulated CPUs do: programs of calls, as data.
 *
 * A slot holds what a call returned, for a later call on any CPU; a free takes it out. Slots that
 * the setup filled are
 * the same at the start of every schedule.
 */

/** Slots that programs name. */
export const SLOTS_MAX = 36;

/** An argument: a number, or what is in a slot. */
export type Argument = number | { readonly slot: number };

/** What a call means for who owns which object. */
export type Role = "alloc" | "free" | "realloc" | "other";

export interface Operation {
  /** Export of the module. */
  readonly call: string;
  readonly args: readonly Argument[];
  /** Slot for its result; -1: nobody wants it. */
  readonly into: number;
  readonly role: Role;
  /** For `free` and `realloc`: which argument is the object. */
  readonly object: number;
  /** For `alloc` and `realloc`: bytes that become the caller's, of each object. */
  readonly bytes: number;
  /** Objects: more than 1 go through `array` and as many slots from `into` on. */
  readonly count: number;
  /** Address of `count` words that belong to this operation alone. */
  readonly array: number;
  /** The result that says that the object stays the caller's; null: it never does. */
  readonly refusal: "zero" | "other" | null;
  /** What it must return; null: anything. */
  readonly mustReturn: number | null;
  /** The object is freed once no reader of now can see it any more. */
  readonly waits: boolean;
  /** The call may not wait for anybody: a turn of a spin loop in it is a finding. */
  readonly nolock: boolean;
  /** Task that must have died before it; if that one comes to its end, it is skipped. -1: none. */
  readonly awaits: number;
  /** It does not wait: unless that one is dead by now, it is skipped. */
  readonly skips: boolean;
}

export interface Task {
  /** The CPU it starts on. */
  readonly cpu: number;
  readonly operations: readonly Operation[];
  /** What an NMI on it does; empty: it gets none. */
  readonly handler: readonly Operation[];
  /** Whether it may die, where the bounds allow a death. @default true */
  readonly mayDie?: boolean;
  /** It is not always a CPU, and gets no NMI while it is none. */
  readonly comesAndGoes?: boolean;
}

/** An operation with everything that most have as it usually is. */
export function operation(call: string, ...args: Argument[]): Operation {
  return {
    ...{ call, args, into: -1, role: "other", object: 0, bytes: 0, nolock: false, awaits: -1 },
    ...{ count: 1, array: 0, refusal: null, mustReturn: null, waits: false, skips: false },
  };
}
