/**
 * What a fuzz runs on: the setups of its matrix, their names, and the flags that name one again.
 *
 * A setup is one heap: an arm of deferral, a kind of local locks, and what its caches are made
 * with. `heapOptionsOf()` is the one place that turns a setup into options of a heap: what the
 * heap learns to do is added to `FuzzSetup`, to it, and to `flagsOf()`.
 */
import { DEFER_ARMS, type DeferArm } from "../../heap/arms.js";
import type { HeapOptions, PercpuLayer } from "../../heap/options.js";

export interface FuzzSetup {
  readonly arm: DeferArm;
  readonly rt: boolean;
  readonly noCmpxchg: boolean;
  readonly hardened: boolean;
  readonly randomize: boolean;
  /** As the heap's option of that name; empty: no checks. */
  readonly slabDebug: string;
  readonly percpu: PercpuLayer;
  /** Whether every other allocation is charged to a memory control group. */
  readonly memcg: boolean;
  /** How deep hooks re-enter, 0..3. */
  readonly depth: number;
  /** CPUs that run at the same time. 1: in the calling thread; more: that many Workers. */
  readonly cpus: number;
}

export const DEPTH_MAX = 3;

/** The features a setup may have beside its arm; all absent: the plain one. */
export type FuzzFeatures = Partial<
  Pick<FuzzSetup, "rt" | "noCmpxchg" | "hardened" | "randomize" | "slabDebug" | "percpu" | "memcg">
>;

/**
 * Every arm with both kinds of local locks, plain and with all that changes freelists, with
 * debug caches, with sheaves, and with a memory control group.
 */
const MATRIX_FEATURES: readonly FuzzFeatures[] = [false, true].flatMap((rt) => [
  { rt },
  { rt, hardened: true, randomize: true },
  { rt, slabDebug: "FZPU" },
  { rt, percpu: "sheaf" },
  { rt, memcg: true },
]);

export interface MatrixOptions {
  /** null: all. */
  readonly arm: DeferArm | null;
  /** null: those of the matrix where the arm is null, else none. */
  readonly features: FuzzFeatures | null;
  readonly depth: number;
  readonly cpus: number;
}

/** The setups that a command line asks for. */
export function makeMatrix({ arm, features, depth, cpus }: MatrixOptions): FuzzSetup[] {
  const arms = arm === null ? DEFER_ARMS : [arm];
  const all = features !== null ? [features] : arm === null ? MATRIX_FEATURES : [{}];
  return all.flatMap((each) => arms.map((name) => makeSetup({ arm: name, depth, cpus, ...each })));
}

/** A setup with nothing in it but what is said. */
export function makeSetup(
  setup: Pick<FuzzSetup, "arm"> & FuzzFeatures & Partial<Pick<FuzzSetup, "depth" | "cpus">>,
): FuzzSetup {
  const plain = { rt: false, noCmpxchg: false, hardened: false, randomize: false };
  return {
    ...plain,
    slabDebug: "",
    percpu: "slab",
    memcg: false,
    depth: DEPTH_MAX,
    cpus: 1,
    ...setup,
  };
}

/** `irq-work rt hardened randomize`: what tells a setup from the others of its matrix. */
export function nameOf(setup: FuzzSetup): string {
  return [setup.arm, ...featureNames(setup)].join(" ");
}

/** What a setup has beside its arm, in words. */
export function featureNames(setup: FuzzSetup): string[] {
  const names = (["rt", "noCmpxchg", "hardened", "randomize"] as const).filter(
    (name) => setup[name],
  );
  const debug = setup.slabDebug === "" ? [] : [`slab_debug=${setup.slabDebug}`];
  const layer = setup.percpu === "slab" ? [] : [setup.percpu];
  return [...names, ...debug, ...layer, ...(setup.memcg ? ["memcg"] : [])];
}

/** The arguments of `slablab fuzz` that run this setup and no other. */
export function flagsOf(setup: FuzzSetup): string[] {
  return [
    ...["--arm", setup.arm, "--cpus", `${setup.cpus}`],
    ...(setup.rt ? ["--rt"] : []),
    ...(setup.noCmpxchg ? ["--no-cmpxchg"] : []),
    ...(setup.hardened ? ["--hardened"] : []),
    ...(setup.randomize ? ["--randomize"] : []),
    ...(setup.slabDebug === "" ? [] : ["--slab-debug", setup.slabDebug]),
    ...(setup.percpu === "slab" ? [] : ["--percpu", setup.percpu]),
    ...(setup.memcg ? ["--memcg"] : []),
    ...(setup.depth === DEPTH_MAX ? [] : ["--depth", `${setup.depth}`]),
  ];
}

/** Bytes at the bottom of a heap's memory that belong to the fuzz: arrays of bulk calls. */
export const RESERVE_BYTES = 65536;
/** Room for the load, and little enough that it runs out of memory now and then. */
export const MAXIMUM_BYTES = 8 * 2 ** 20;

/** The heap of a setup. @param seed starts the heap's own generators */
export function heapOptionsOf(setup: FuzzSetup, seed: number): HeapOptions {
  const { arm, cpus, rt, noCmpxchg, hardened, randomize, percpu } = setup;
  const features = { rt, noCmpxchg, hardened, randomize, percpu };
  const sizes = { reserveBytes: RESERVE_BYTES, maximumBytes: MAXIMUM_BYTES, maxCaches: 48 };
  const more = setup.slabDebug === "" ? {} : { slabDebug: setup.slabDebug };
  return { build: "trace", defer: arm, cpus, seed, ...sizes, ...features, ...more };
}

/** A stream of random numbers per setup and CPU: the same wherever it stands in a matrix. */
export function streamOf(setup: FuzzSetup, cpu: number): number {
  const name = `${nameOf(setup)} ${setup.cpus} ${setup.depth} ${cpu}`;
  let hash = 0x811c9dc5;
  for (const char of name) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return (hash ^ (hash >>> 16)) & 0xffff;
}
