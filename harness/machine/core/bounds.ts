/** What may happen in a schedule. */
export interface Bounds {
  /** Switches away from a fibre that could go on; Infinity: any number. */
  readonly preemptions: number;
  /** Handlers on each fibre, and how deep they may nest. */
  readonly handlers: number;
  readonly handlerDepth: number;
  /** Each handler interrupts the one before it: none comes after another has ended. */
  readonly handlersNest: boolean;
  /** Times that a task may be moved to another CPU. */
  readonly migrations: number;
  /**
   * Moves before any access, not only where the design says that a task survives one: what replays
   * may ask for, and whoever wants a finding.
   */
  readonly movesAnywhere: boolean;
  /** Tasks that may cease, each right before any of its accesses. */
  readonly deaths: number;
  /** Accesses after which a schedule counts as endless. */
  readonly steps: number;
  /** The part of a task before its first access is a choice of its own. */
  readonly startsAreChoices: boolean;
  /** Spin loops are run to their ends, so that who waits for a lock gets as far as to sleep. */
  readonly spinsEnd: boolean;
  /** When nobody else can go on, sleepers wake because their time is up: no lost wakeup. */
  readonly timeouts: boolean;
  /** Offer a choice only before accesses that may conflict. */
  readonly learns: boolean;
  /** Offer preemptions, NMIs, moves, deaths only in functions whose names match; null: in all. */
  readonly only: RegExp | null;
}

export const DEFAULT_BOUNDS: Bounds = {
  preemptions: Number.POSITIVE_INFINITY,
  handlers: 0,
  handlerDepth: 1,
  handlersNest: false,
  migrations: 0,
  movesAnywhere: false,
  deaths: 0,
  steps: 100_000,
  startsAreChoices: false,
  spinsEnd: false,
  timeouts: false,
  learns: false,
  only: null,
};
