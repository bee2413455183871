/**
 * What a pool and its Workers say to each other.
 *
 * Two ways. Messages carry commands and their replies: a Worker between two jobs sits in its event
 * loop and burns nothing. Words carry what cannot wait for an event loop: start lines, "stop" and
 * "give up". Each run has words of its own, in a small SharedArrayBuffer that no heap knows, so
 * that waiting at a start line never touches a line of the heap that is being measured, and one run
 * cannot disturb the next.
 */
import type { HeapHandle } from "../heap/heap.js";

/** Int32 elements from one word to the next: each word has a 64-byte line to itself. */
const LINE = 16;

/** Words of a run, as indices into an Int32Array. */
export const WORD = {
  /** CPUs that have come to the start line and may still sleep. */
  gathered: 0,
  /** Start lines at which everybody has come, a number that only grows. */
  gatherings: LINE,
  /** CPUs that stand at the line hot, spinning. */
  ready: 2 * LINE,
  /** Starts so far. */
  starts: 3 * LINE,
  /** CPUs whose job has ended: nobody may wait for them any more. */
  left: 4 * LINE,
  /** 1: the run has failed; whoever waits at a start line throws. */
  aborted: 5 * LINE,
  /** 1: the pool asked the jobs to come to an end. */
  stopped: 6 * LINE,
} as const;

export type Word = (typeof WORD)[keyof typeof WORD];

/** Bytes of a run's words. */
export const WORDS_BYTES = 7 * LINE * Int32Array.BYTES_PER_ELEMENT;

/** A function that Workers run: an export of a module that each of them imports. */
export interface JobRef {
  /** Absolute URL of an ES module, as text. */
  readonly module: string;
  /** Name of the export: a `Job`. */
  readonly name: string;
}

/** Join a heap as one of its CPUs. */
export interface AttachCommand {
  readonly type: "attach";
  readonly ticket: number;
  /** The pool's number for this heap. */
  readonly heap: number;
  readonly handle: HeapHandle;
  /** The CPU number to become. */
  readonly cpu: number;
  /** CPUs whose threads are gone: reap those that are left first. */
  readonly dead?: readonly number[];
}

/** Go offline on a heap and forget it. */
export interface DetachCommand {
  readonly type: "detach";
  readonly ticket: number;
  readonly heap: number;
}

export interface RunCommand {
  readonly type: "run";
  readonly ticket: number;
  readonly job: JobRef;
  /** The heap that `context.heap` and `context.cpu` stand for; null: none. */
  readonly heap: number | null;
  /** This CPU's place among those of the run, from 0. */
  readonly index: number;
  /** CPUs in the run. */
  readonly cpus: number;
  readonly words: SharedArrayBuffer;
  readonly args: unknown;
}

/** Go offline on every heap; the Worker's last command. */
export interface CloseCommand {
  readonly type: "close";
  readonly ticket: number;
}

export type Command = AttachCommand | DetachCommand | RunCommand | CloseCommand;

/** What was thrown, in words that survive every clone. */
export interface ThrownText {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

export interface DoneReply {
  readonly type: "done";
  readonly ticket: number;
  readonly value: unknown;
}

export interface FailedReply {
  readonly type: "failed";
  readonly ticket: number;
  readonly thrown: ThrownText;
}

/** Each command is answered by one reply with its ticket. */
export type Reply = DoneReply | FailedReply;

/** Anything that was thrown, as text. */
export function describeThrown(thrown: unknown): ThrownText {
  if (!(thrown instanceof Error)) return { name: "Error", message: String(thrown), stack: "" };
  return { name: thrown.name, message: thrown.message, stack: thrown.stack ?? "" };
}
