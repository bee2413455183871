/**
 * The traffic of a comparison: how many frees are nolock frees, in which phase, on which CPU.
 *
 * All of it follows from the parameters and the number of a phase, never from the time: every arm
 * of deferral gets exactly the same numbers.
 */

export interface Traffic {
  /** Bytes of an object. */
  readonly sizeBytes: number;
  readonly cpus: number;
  /** Nolock frees in one simulated NMI. */
  readonly burst: number;
  /** CPUs that free nolock only: the last ones. */
  readonly nolockCpus: number;
  /** Chance that a nolock free goes to another CPU's list, 0..1. */
  readonly migrate: number;
  readonly seed: number;
}

/** Whether `cpu` frees nolock only. */
export function isNolockCpu({ cpus, nolockCpus }: Traffic, cpu: number): boolean {
  return cpu >= cpus - nolockCpus;
}

/** The share of `cpu`'s frees that are nolock frees where the mixed CPUs' share is `share`. */
export function shareOf(traffic: Traffic, cpu: number, share: number): number {
  return isNolockCpu(traffic, cpu) ? 1 : share;
}

/**
 * Bursts in phase number `phase` of `frees`: whole ones, spread over the phases so that the share
 * is right over any number of them, even where it is less than one burst a phase.
 */
export function burstsOf(traffic: Traffic, phase: number, frees: number, share: number): number {
  const perPhase = (share * frees) / traffic.burst;
  // Half a burst ahead, so that rounding never decides between two products that are equal.
  const until = (count: number) => Math.floor(count * perPhase + 0.5);
  return Math.min(until(phase + 1) - until(phase), Math.floor(frees / traffic.burst));
}

/** Chances as wasm takes them: in 1/65536. */
export function fixedPoint16(chance: number): number {
  return Math.round(chance * 65536);
}
