/** Where a schedule departed from the default: what names it. */
import type { Choice } from "../policies/policy.js";
import type { Deviation } from "../policies/replay-policy.js";

const INITIAL = 1024;

export class DeviationLog {
  #at = new Int32Array(INITIAL);
  #code = new Int32Array(INITIAL);
  #count = 0;

  clear(): void {
    this.#count = 0;
  }

  add(at: number, code: Choice): void {
    const index = this.#count++;
    if (index === this.#at.length) {
      this.#at = doubled(this.#at);
      this.#code = doubled(this.#code);
    }
    this.#at[index] = at;
    this.#code[index] = code;
  }

  toArray(): Deviation[] {
    return Array.from({ length: this.#count }, (_, index) => ({
      at: this.#at[index] as number,
      code: this.#code[index] as number,
    }));
  }
}

function doubled(from: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const to = new Int32Array(from.length * 2);
  to.set(from);
  return to;
}
