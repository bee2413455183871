/**
 * What a handler of one CPU threw. It runs in the middle of a call, locks held, and nothing can be
 * thrown through the wasm: so it is kept, and thrown by the call that was running when that has
 * come to its end, with the heap as sound as after any other.
 */

/** What one CPU's `onTrace` or `onReport` threw first. */
export class Thrown {
  #calls = 0;
  #first: { readonly error: unknown } | null = null;

  /** Keep what a handler threw; the first of a call counts. */
  keep(error: unknown): void {
    this.#first ??= { error };
  }

  /**
   * Run a call of the library or of the wasm, and throw what a handler threw meanwhile. Calls from
   * inside others, as handlers and constructors make them, leave that to the outermost.
   *
   * @param undo gives back what the call allocated, which nobody will hear of
   */
  call<T>(work: () => T, undo: (result: T) => void): T {
    if (this.#calls === 0) this.#first = null;
    this.#calls++;
    try {
      const result = work();
      if (this.#calls === 1 && this.#first !== null) undo(result);
      return result;
    } finally {
      this.#calls--;
      if (this.#calls === 0) this.#rethrow();
    }
  }

  /** Out of a `finally`: what the handler threw comes before what the call itself threw. */
  #rethrow(): void {
    const thrown = this.#first;
    this.#first = null;
    if (thrown !== null) throw thrown.error;
  }
}
