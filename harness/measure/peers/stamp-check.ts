/**
 * Whether a heap keeps what a load puts into it: the load runs on it with stamps on every object,
 * which are checked as it runs. Nothing of this is timed.
 *
 * All heaps run side by side; if one ends the run itself, each runs alone to find which.
 */
import { JobError } from "../../cpu/job-error.js";
import type { LoadDefinition } from "../../workload/loads/definition.js";
import { heapBytesOf } from "../bench/load-run.js";
import { runVariants } from "../bench/variants-run.js";
import type { Contender } from "./contenders.js";
import type { PeerSite } from "./peer-row.js";

export interface StampOptions {
  readonly contenders: readonly Contender[];
  readonly scale: number;
  readonly seed: number;
  readonly signal: AbortSignal;
}

/** What is wrong with a heap on so many CPUs; null: nothing. */
export type Broken = (heap: string, cpus: number) => string | null;

type Suspect = Pick<PeerSite, "heap" | "cpus">;

/** What a heap that goes round in circles may take: a limit ends what hangs, it judges nothing. */
const LIMIT_MS = 60_000;

export async function checkStamps(
  load: LoadDefinition,
  sites: readonly PeerSite[],
  options: StampOptions,
): Promise<Broken> {
  const suspects = new Map<string, Suspect>();
  for (const { heap, cpus } of sites) {
    const kind = options.contenders.find(({ name }) => name === heap)?.kind;
    if (kind !== undefined && kind !== "null") suspects.set(keyOf(heap, cpus), { heap, cpus });
  }
  const found = await checkAll(load, [...suspects.values()], options);
  return (heap, cpus) => found.get(keyOf(heap, cpus)) ?? null;
}

function keyOf(heap: string, cpus: number): string {
  return `${heap} x${cpus}`;
}

async function checkAll(
  load: LoadDefinition,
  suspects: readonly Suspect[],
  options: StampOptions,
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  if (suspects.length === 0 || options.signal.aborted) return found;
  try {
    const damaged = await stampedRun(load, suspects, options);
    for (const [index, { heap, cpus }] of suspects.entries()) {
      const count = damaged[index] ?? 0;
      const message = `corrupt: ${count} objects were not as their owner left them`;
      if (count > 0) found.set(keyOf(heap, cpus), message);
    }
  } catch (error) {
    if (!(error instanceof JobError || error instanceof RangeError)) throw error;
    const [only] = suspects;
    if (suspects.length === 1 && only !== undefined) {
      return found.set(keyOf(only.heap, only.cpus), `failed with stamps: ${error.message}`);
    }
    for (const suspect of suspects) {
      for (const [key, message] of await checkAll(load, [suspect], options))
        found.set(key, message);
    }
  }
  return found;
}

/** @returns objects damaged, by suspect */
async function stampedRun(
  load: LoadDefinition,
  suspects: readonly Suspect[],
  { contenders, scale, seed, signal }: StampOptions,
): Promise<number[]> {
  const variants = [];
  for (const { heap, cpus } of suspects) {
    const contender = contenders.find(({ name }) => name === heap);
    if (contender === undefined) throw new RangeError(`expected a heap ${heap}, got none`);
    // Stamps take room beside each object.
    const { source } = await contender.open(cpus, 2 * heapBytesOf(load, cpus, scale));
    variants.push({ ...source, cpus, through: "stamps" } as const);
  }
  const run = await runVariants({
    ...{ load, variants, scale, seed, signal, durationMs: 0, windows: 1, windowMs: 10 },
    limitMs: LIMIT_MS,
  });
  return run.variants.map(({ ends }) => ends.reduce((sum, { damaged }) => sum + damaged, 0));
}
