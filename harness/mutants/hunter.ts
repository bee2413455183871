/**
 * Hunters: what may notice that an allocator is broken. A campaign sends them after a mutant one
 * after the other, cheapest first; the first that kills it gets it.
 *
 * A hunter runs in a process of its own, which is ended when it does not come back: a defect may
 * well be an endless loop. So all it is given can be sent to another process.
 */
import type { SiteTable } from "../machine/instrument/sites.js";
import type { Mutant } from "./mutant.js";

/** A build of a mutant, or of the sources as they are. */
export interface Prey {
  readonly name: string;
  /** The target of asconfig.json that it is a build of. */
  readonly target: string;
  readonly bytes: Uint8Array;
  readonly module: WebAssembly.Module;
  /** What was instrumented in it: the target `model` alone. */
  readonly table: SiteTable | null;
  /** Unit tests that are directed at what was edited. */
  readonly tests: readonly string[];
  /** Names of shapes, shapes.ts, that are directed at it. */
  readonly shapes: readonly string[];
}

export interface HuntOptions {
  /** Milliseconds after which to give up. */
  readonly budgetMs: number;
  readonly seed: number;
  readonly signal?: AbortSignal;
}

export interface HuntResult {
  readonly killed: boolean;
  /** What was found; empty if nothing was. */
  readonly what: string;
  /** How much was tried: see `Hunter.unit`. */
  readonly schedules: number;
  readonly seconds: number;
}

export interface Hunter {
  readonly name: string;
  /** What `HuntResult.schedules` counts, in the plural. */
  readonly unit: string;
  /** The target it hunts on; null: this mutant is none of its business. */
  targetOf(mutant: Pick<Mutant, "target" | "tests">): string | null;
  /**
   * A kill counts only where the allocator as it is survives the same hunt: it runs what may be
   * broken by itself.
   */
  readonly asksOriginal?: boolean;
  hunt(prey: Prey, options: HuntOptions): Promise<HuntResult>;
}

/** Runs `work`, and says how long it took. */
export async function timed(work: () => Promise<Omit<HuntResult, "seconds">>): Promise<HuntResult> {
  const begun = performance.now();
  const result = await work();
  return { ...result, seconds: (performance.now() - begun) / 1000 };
}
