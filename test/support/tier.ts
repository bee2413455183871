/**
 * How much a run of the tests does, and with which seeds. docs/testing.md has what is in which
 * tier.
 *
 * `npm test` makes every kind of check once: one row of a table of sizes, arms or seeds, or a few.
 * `npm run test:deep` (SLABLAB_DEEP=1) makes every check and tries harder; SLABLAB_NIGHT=1 beside
 * it harder still. SLABLAB_TABLES=whole makes every check and tries no harder, as a hunt for
 * mutants does. SLABLAB_SEED=N starts from that seed instead of a new one.
 */

interface Environment {
  readonly SLABLAB_SEED?: string;
  readonly SLABLAB_DEEP?: string;
  readonly SLABLAB_NIGHT?: string;
  readonly SLABLAB_TABLES?: string;
}

const host = globalThis as { process?: { env?: Environment } };
const env: Environment = host.process?.env ?? {};

/** Whether there is time. */
export const isDeep = env.SLABLAB_DEEP === "1";

/** Whether there is a night. */
export const isNight = isDeep && env.SLABLAB_NIGHT === "1";

/** Whether every check is made, and not one of each kind alone. */
export const isWhole = isDeep || env.SLABLAB_TABLES === "whole";

const MINUTE_MS = 60_000;
/** A run of a job that takes longer hangs. */
export const runTimeoutMs = (isDeep ? 30 : 8) * MINUTE_MS;

/**
 * The rows of a table whose rows repeat one kind of check: all in the deep run, in the ordinary one
 * those that `isKept` says. A row that plants a defect is kept: it shows that the test can fail.
 */
export function rows<T>(all: readonly T[], isKept: (row: T) => boolean): T[] {
  const kept = all.filter((row) => isWhole || isKept(row));
  if (kept.length === 0) throw new Error("expected a row that the ordinary run keeps, got none");
  return kept;
}

/** `rows()` of a long table: `count` of them, spread evenly, and always the first. */
export function someRows<T>(all: readonly T[], count: number): T[] {
  const step = all.length / count;
  const kept = new Set(Array.from({ length: count }, (_, at) => all[Math.floor(at * step)]));
  return rows(all, (row) => kept.has(row));
}

/** `count`, or four times as much where there is time, or twenty times in a night. */
export function effort(count: number): number {
  return isNight ? count * 20 : isDeep ? count * 4 : count;
}

/** Every test of that many seeds. */
export const seedCount = isNight ? 5 : isDeep ? 2 : 1;

const start = env.SLABLAB_SEED === undefined ? Date.now() >>> 0 : Number(env.SLABLAB_SEED) >>> 0;
let given = 0;

/** Seeds of this run, one after the other; a test that fails names the one it had. */
export function nextSeed(): number {
  return env.SLABLAB_SEED === undefined ? (start + given++) >>> 0 : start;
}
