/** What memory.size and memory.grow say: the memory itself has its full size from the start. */
export class Growth {
  /** Pages of 64 KiB, now and at the start of every schedule. */
  pages: number;
  #atStart: number;
  readonly #max: number;

  constructor(pages: number, max: number) {
    this.pages = pages;
    this.#atStart = pages;
    this.#max = max;
  }

  /** Take what is now as the start. */
  settle(): void {
    this.#atStart = this.pages;
  }

  restore(): void {
    this.pages = this.#atStart;
  }

  /** @returns the pages before, or -1 if there are not so many more */
  grow(delta: number): number {
    const before = this.pages;
    if (before + delta > this.#max) return -1;
    this.pages = before + delta;
    return before;
  }
}
