/**
 * The start line: nobody passes until everybody is there, and then all pass within nanoseconds.
 *
 * Two phases. Whoever comes first may have to wait for a module to load elsewhere or, with more
 * CPUs than cores, for a turn: it spins a little and then sleeps. When the last has come all are
 * woken and line up again, hot: from there on nobody sleeps unless cores are missing, so that no
 * CPU starts with the time of a wake-up behind it.
 *
 * Law: a run that cannot go on never leaves anybody waiting. A failed run sets `aborted`; a CPU
 * whose job has ended counts in `left`; either ends every wait with a throw.
 */
import { availableParallelism } from "../heap/runtime.js";
import { WORD, WORDS_BYTES, type Word } from "./protocol.js";

/** Looks at a word before a waiter that may sleep does: some tens of microseconds. */
const LOOKS_BEFORE_SLEEP = 20_000;
/** The same at the hot line while every CPU has a core: milliseconds, longer than any wake-up. */
const LOOKS_WHEN_HOT = 2_000_000;
/** Sleepers look by themselves this often, in milliseconds. */
const SLEEP_MS = 5;

/** Name of the error below, by which it is known on the other side of a message. */
export const START_LINE_ERROR = "StartLineError";

/** Thrown at a start line that cannot be passed any more. */
export class StartLineError extends Error {
  override readonly name = START_LINE_ERROR;
}

export class StartLine {
  readonly #words: Int32Array;
  readonly #cpus: number;
  readonly #looksAtLine: number;

  /** @param words WORDS_BYTES, zeroed, shared by the `cpus` CPUs of one run */
  constructor(words: SharedArrayBuffer, cpus: number) {
    this.#words = new Int32Array(words);
    this.#cpus = cpus;
    this.#looksAtLine = cpus <= availableParallelism() ? LOOKS_WHEN_HOT : LOOKS_BEFORE_SLEEP;
  }

  /** Words for one run. */
  static makeWords(): SharedArrayBuffer {
    return new SharedArrayBuffer(WORDS_BYTES);
  }

  /**
   * Wait until every CPU of the run is here. May be passed any number of times.
   *
   * Context: a thread that may sleep. @throws StartLineError if somebody will never come
   */
  pass(): void {
    this.#meet(WORD.gathered, WORD.gatherings, LOOKS_BEFORE_SLEEP);
    this.#meet(WORD.ready, WORD.starts, this.#looksAtLine);
  }

  /** This CPU's job has ended: it will come to no start line any more. */
  leave(): void {
    Atomics.add(this.#words, WORD.left, 1);
    this.#wakeAll();
  }

  /** The run has failed: release whoever waits. Callable from outside the run. */
  abort(): void {
    Atomics.store(this.#words, WORD.aborted, 1);
    Atomics.store(this.#words, WORD.stopped, 1);
    this.#wakeAll();
  }

  /** Ask the jobs to come to an end. Callable from outside the run. */
  stop(): void {
    Atomics.store(this.#words, WORD.stopped, 1);
  }

  /** Whether the jobs were asked to come to an end. */
  get isStopped(): boolean {
    return Atomics.load(this.#words, WORD.stopped) !== 0;
  }

  /**
   * One barrier: the last to come resets the count and moves the generation on, which is what all
   * others wait for; nobody can come a second time before it has moved.
   */
  #meet(count: Word, generation: Word, looks: number): void {
    const words = this.#words;
    const before = Atomics.load(words, generation);
    if (Atomics.add(words, count, 1) + 1 === this.#cpus) {
      Atomics.store(words, count, 0);
      Atomics.add(words, generation, 1);
      Atomics.notify(words, generation);
      return;
    }
    for (let look = 0; Atomics.load(words, generation) === before; look++) {
      if (look % 64 === 0) this.#checkPassable(generation, before);
      if (look >= looks) Atomics.wait(words, generation, before, SLEEP_MS);
    }
  }

  #checkPassable(generation: Word, before: number): void {
    const words = this.#words;
    if (Atomics.load(words, WORD.aborted) !== 0) {
      throw new StartLineError("released from the start line: another CPU of this run failed");
    }
    const left = Atomics.load(words, WORD.left);
    // Whoever was let through with us may have left already: then the generation has moved.
    if (left === 0 || Atomics.load(words, generation) !== before) return;
    throw new StartLineError(
      `expected all ${this.#cpus} CPUs of the run at the start line, got a job that ended on ` +
        `${left} of them; let every CPU call startLine() equally often`,
    );
  }

  #wakeAll(): void {
    Atomics.notify(this.#words, WORD.gatherings);
    Atomics.notify(this.#words, WORD.starts);
  }
}
