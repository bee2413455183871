/**
 * How hard these tests try, and with which seeds.
 *
 * SLABLAB_SEED=N starts from that seed instead of a new one; SLABLAB_DEEP=1 does everything many
 * times over, for nights rather than for `npm test`. A browser has no environment: it tries as
 * hard as usual, with new seeds.
 */
import { vi } from "vitest";

interface Environment {
  readonly SLABLAB_SEED?: string;
  readonly SLABLAB_DEEP?: string;
}

const host = globalThis as { process?: { env?: Environment } };
const env: Environment = host.process?.env ?? {};

/** Whether there is time. */
export const isDeep = env.SLABLAB_DEEP === "1";

const MINUTE_MS = 60_000;
/** A run of a job that takes longer hangs. */
export const runTimeoutMs = (isDeep ? 30 : 8) * MINUTE_MS;
if (isDeep) vi.setConfig({ testTimeout: 2 * runTimeoutMs });

/** `count`, or twenty times as much where there is time. */
export function effort(count: number): number {
  return isDeep ? count * 20 : count;
}

/** Every test of that many seeds: 1, or 5 where there is time. */
export const seedCount = isDeep ? 5 : 1;

const start = env.SLABLAB_SEED === undefined ? Date.now() >>> 0 : Number(env.SLABLAB_SEED) >>> 0;
let given = 0;

/** Seeds of this run, one after the other; a test that fails names the one it had. */
export function nextSeed(): number {
  return env.SLABLAB_SEED === undefined ? (start + given++) >>> 0 : start;
}
