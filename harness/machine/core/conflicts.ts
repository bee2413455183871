/**
 * Which words more than one fibre touches, learned while exploring: a switch matters only before
 * an access to one of them, and a handler only before an access to what the handler touches. Any
 * other place for it gives the same run as the next place that matters.
 *
 * The sets only grow. Decisions are made by what was known when the round began, so that a search
 * can go back to them; a round during which the sets grew was not complete, and another follows.
 */
const FIBRES_MAX = 8;
const TASKS = (1 << FIBRES_MAX) - 1;

export class Conflicts {
  /** By word: bits 0..7 fibres that touched it as tasks, 8..15 in handlers, 16..31 that wrote. */
  readonly #touched: Int32Array<ArrayBuffer>;
  /** The same as it was when the round began. */
  readonly #known: Int32Array<ArrayBuffer>;
  /** Whether a set grew since the round began. */
  grew = false;

  constructor(words: number) {
    this.#touched = new Int32Array(words);
    this.#known = new Int32Array(words);
  }

  /** Use from now on what was learned. */
  beginRound(): void {
    this.#known.set(this.#touched);
    this.grew = false;
  }

  note(index: number, fibre: number, isHandler: boolean, writes: boolean): void {
    const agent = 1 << (isHandler ? fibre + FIBRES_MAX : fibre);
    const bits = writes ? agent | (agent << 16) : agent;
    const before = this.#touched[index] as number;
    const after = before | bits;
    if (after === before) return;
    this.#touched[index] = after;
    if (isConflict(after)) this.grew = true;
  }

  /**
   * The words `from` to `end`, which one copy or fill touches at once: whoever touched any of them
   * conflicts with it, so its first word, which stands for all, gets what is known of each.
   */
  noteRange(from: number, end: number, fibre: number, isHandler: boolean, writes: boolean): void {
    let all = 0;
    for (let index = from; index < end; index++) {
      this.note(index, fibre, isHandler, writes);
      all |= this.#touched[index] as number;
    }
    const before = this.#touched[from] as number;
    if ((before | all) === before) return;
    this.#touched[from] = before | all;
    if (isConflict(before | all)) this.grew = true;
  }

  /** Whether a switch away from `fibre` matters before it touches this word. */
  mattersToOthers(index: number, fibre: number): boolean {
    const bits = this.#known[index] as number;
    if (bits >>> 16 === 0) return false;
    const own = (1 << fibre) | (1 << (fibre + FIBRES_MAX));
    return (bits & 0xffff & ~own) !== 0;
  }

  /** Whether a handler on `fibre` matters before it touches this word. */
  mattersToHandler(index: number, fibre: number): boolean {
    const bits = this.#known[index] as number;
    return bits >>> 16 !== 0 && (bits & (1 << (fibre + FIBRES_MAX))) !== 0;
  }

  /** Words that matter. */
  get size(): number {
    return this.#touched.reduce((sum, bits) => sum + Number(isConflict(bits)), 0);
  }
}

function isConflict(bits: number): boolean {
  if (bits >>> 16 === 0) return false;
  const agents = bits & 0xffff;
  // A handler nests in itself; other agents conflict in pairs.
  return (agents & ~TASKS) !== 0 || (agents & (agents - 1)) !== 0;
}
