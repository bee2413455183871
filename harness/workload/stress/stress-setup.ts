/** What a stress runs on: one heap for each setup, and the flags that name one again. */
import { DEFER_ARMS, MERGED_ARM, type DeferArm } from "../../heap/arms.js";
import type { HeapOptions, PercpuLayer } from "../../heap/options.js";

/** The builds a stress runs on. */
export const STRESS_BUILDS = ["release", "stats", "debug", "trace"] as const;
export type StressBuild = (typeof STRESS_BUILDS)[number];

export interface StressSetup {
  readonly arm: DeferArm;
  readonly build: StressBuild;
  readonly percpu: PercpuLayer;
  readonly cpus: number;
}

/**
 * The setups that a command line asks for.
 *
 * @param arm null: all
 * @param layer "all": every arm on slabs, where most of its frees wait, and one on sheaves
 */
export function setupsOf(
  arm: DeferArm | null,
  {
    percpu: layer,
    ...setup
  }: Omit<StressSetup, "arm" | "percpu"> & {
    readonly percpu: PercpuLayer | "all";
  },
): readonly StressSetup[] {
  const arms = arm === null ? DEFER_ARMS : [arm];
  const percpu = layer === "all" ? "slab" : layer;
  const setups = arms.map((each) => ({ ...setup, percpu, arm: each }));
  if (layer !== "all") return setups;
  return [...setups, { ...setup, percpu: "sheaf", arm: arm ?? MERGED_ARM }];
}

/** What tells a setup from the others of its run: `irq-work`, or `irq-work sheaf`. */
export function nameOf({ arm, percpu }: Pick<StressSetup, "arm" | "percpu">): string {
  return percpu === "slab" ? arm : `${arm} ${percpu}`;
}

/** The arguments of `slablab stress` that run this setup and no other. */
export function flagsOf({ arm, build, percpu, cpus }: StressSetup): string[] {
  return [
    ...["--arm", arm, "--cpus", `${cpus}`],
    ...(build === "release" ? [] : ["--build", build]),
    ...["--percpu", percpu],
  ];
}

/** Room for the load, and little enough that one CPU can take all that is left. */
const MAXIMUM_BYTES_MIN = 8 * 2 ** 20;
const BYTES_PER_CPU = 2 * 2 ** 20;
/** Bytes at the bottom of the memory where CPUs hand objects over. */
const RESERVE_BYTES = 65536;
const MAX_CACHES = 64;

/** Bytes of a setup's memory. */
export function memoryBytesOf({ cpus }: StressSetup): number {
  return Math.max(MAXIMUM_BYTES_MIN, cpus * BYTES_PER_CPU);
}

/** The heap of a setup. @param seed starts the heap's own generators */
export function heapOptionsOf(setup: StressSetup, seed: number): HeapOptions {
  const { arm, build, cpus } = setup;
  const sizes = { reserveBytes: RESERVE_BYTES, maximumBytes: memoryBytesOf(setup) };
  return { build, percpu: setup.percpu, defer: arm, cpus, seed, maxCaches: MAX_CACHES, ...sizes };
}

/** A stream of random numbers for each arm and CPU: the same whatever else is run. */
export function streamOf({ arm }: StressSetup, cpu: number): number {
  return DEFER_ARMS.indexOf(arm) * 256 + cpu;
}
