/** How far scenarios are explored, and how one is written down. */
import type { ExploreOptions } from "../../explore.js";

export interface NamedScenario {
  readonly name: string;
  /** What it is about, in a few words. */
  readonly about: string;
  readonly text: string;
  readonly options: Partial<ExploreOptions>;
}

type Budget = Partial<ExploreOptions>;

/** One CPU, an NMI before every access, nothing left out. */
export const NMI_ONCE: Budget = { bound: 0, nmi: 1, nmiDepth: 1, learns: false };
/** Two NMIs, one in the other or one after the other. */
export const NMI_TWICE: Budget = { bound: 0, nmi: 2, nmiDepth: 2, learns: false };
/** Two NMIs, one in the other. */
export const NMI_NESTED: Budget = { bound: 0, nmi: 2, nmiDepth: 2, nmiNests: true, learns: false };
/** Three NMIs, each in the one before. */
export const NMI_IN_NMI: Budget = { bound: 0, nmi: 3, nmiDepth: 3, nmiNests: true, learns: false };
/** Several CPUs, every schedule with at most two preemptions. */
export const PAIR: Budget = { bound: 2 };
/** With at most one, where two are too many. */
export const PAIR_ONCE: Budget = { bound: 1 };
/** With at most one, before any access whatever: words that nobody else touches count too. */
export const PAIR_ANYWHERE: Budget = { bound: 1, learns: false };
/** With at most two, and an NMI on each. */
export const PAIR_WITH_NMI: Budget = { bound: 2, nmi: 1 };
/** At random, with a probability to have missed a bug of depth 3. */
export const RANDOM: Budget = { policy: "pct", depth: 3, schedules: 3000 };

/** The same, with an NMI. */
export const RANDOM_WITH_NMI: Budget = { ...RANDOM, nmi: 1 };

/**
 * A row of `explore --all`.
 *
 * @param text in the language that ../scenario.ts describes, without the build and the bytes
 */
export function scenario(
  name: string,
  about: string,
  text: string,
  options: Budget,
  bytes = 16000,
): NamedScenario {
  return { name, about, text: `model/${bytes}/${text}`, options };
}
