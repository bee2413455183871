/**
 * Runs loads on heaps of others and on ours: for each load, every heap on every number of CPUs in
 * every state is a variant of one interleaved run (bench/variants-run.ts). Before that the load
 * runs on each heap with stamps on its objects, and a heap that breaks them is not timed.
 */
import { JobError } from "../../cpu/job-error.js";
import type { LoadDefinition } from "../../workload/loads/definition.js";
import type { LoadVariant } from "../../workload/loads/load-site.js";
import { fitCounts } from "../bench/bench-run.js";
import { heapBytesOf } from "../bench/load-run.js";
import { runVariants } from "../bench/variants-run.js";
import type { Contender, Opened } from "./contenders.js";
import {
  type HeapCalls,
  type HeapState,
  type PeerRow,
  type PeerSite,
  untimed,
} from "./peer-row.js";
import type { PeerVariant } from "./peer-variant.js";
import { peerRows } from "./peers-rows.js";
import { checkStamps } from "./stamp-check.js";

export interface PeersRequest {
  readonly loads: readonly LoadDefinition[];
  readonly contenders: readonly Contender[];
  /** The heap that ratios are to. */
  readonly ours: string;
  readonly cpuCounts: readonly number[];
  readonly states: readonly HeapState[];
  readonly calls: readonly HeapCalls[];
  /** Milliseconds of each load, all heaps together. */
  readonly durationMs: number;
  readonly scale: number;
  readonly seed: number;
  /** Milliseconds. @default 25 */
  readonly windowMs?: number;
  /** What an aged heap has served before, for each slot of rptest. @default 2000 */
  readonly agedVisits?: number;
  readonly signal: AbortSignal;
  /** @param share of this load that is done, 0..1 */
  readonly onProgress?: (load: LoadDefinition, share: number) => void;
}

/** Some 2 million visits a CPU. */
const AGED_VISITS = 2000;

/** Interrupted by `signal`, it returns what it has. */
export async function runPeers(
  request: PeersRequest,
): Promise<{ rows: PeerRow[]; interrupted: boolean }> {
  const rows: PeerRow[] = [];
  for (const load of request.loads) {
    if (request.signal.aborted) break;
    rows.push(...(await runPeersLoad(load, request)));
  }
  return { rows, interrupted: request.signal.aborted };
}

interface Planned {
  readonly contender: Contender;
  readonly site: PeerSite;
  readonly opened: Opened;
  readonly variant: LoadVariant;
}

async function runPeersLoad(load: LoadDefinition, request: PeersRequest): Promise<PeerRow[]> {
  const { scale, seed, durationMs, windowMs, signal, onProgress } = request;
  const sites = sitesOf(load, request);
  const broken = await checkStamps(load, sites, request);
  const sound = sites.filter(({ heap, cpus }) => broken(heap, cpus) === null);
  const spoilt = sites.flatMap((site) => {
    const note = broken(site.heap, site.cpus);
    return note === null ? [] : [untimed(site, note)];
  });
  if (signal.aborted || sound.length === 0) return spoilt;
  try {
    const planned = await openAll(load, sound, request);
    const variants = planned.map(({ variant }) => variant);
    const run = await runVariants({
      ...{ load, variants, scale, seed, durationMs, signal },
      ...(windowMs !== undefined && { windowMs }),
      onProgress: (share) => onProgress?.(load, share),
    });
    const measured = planned.flatMap(({ contender, site, opened }, index): PeerVariant[] => {
      const times = run.variants[index];
      return times === undefined ? [] : [{ contender, site, times, findings: opened.inspect() }];
    });
    return [...peerRows(measured, request), ...spoilt];
  } catch (error) {
    // What other loads found is worth having still.
    if (!(error instanceof JobError || error instanceof RangeError)) throw error;
    return [...sound.map((site) => untimed(site, `ended early: ${error.message}`)), ...spoilt];
  }
}

/** Every heap, on every number of CPUs, in every state, called in every way. */
function sitesOf(load: LoadDefinition, request: PeersRequest): PeerSite[] {
  const { contenders, states, calls } = request;
  return fitCounts(load, request.cpuCounts).cpuCounts.flatMap((cpus) =>
    contenders.flatMap(({ name: heap, kind }) => {
      if (kind === "null" && !load.flavours.includes("null")) return [];
      // Without a heap nothing ages.
      const own = kind === "null" ? (["fresh"] as const) : states;
      return calls.flatMap((each) =>
        own.map((state) => ({ load: load.name, cpus, state, heap, calls: each })),
      );
    }),
  );
}

async function openAll(
  load: LoadDefinition,
  sites: readonly PeerSite[],
  { contenders, scale, agedVisits: visits = AGED_VISITS }: PeersRequest,
): Promise<Planned[]> {
  const planned: Planned[] = [];
  for (const site of sites) {
    const contender = contenders.find(({ name }) => name === site.heap);
    if (contender === undefined) continue;
    const { cpus, state, calls } = site;
    const opened = await contender.open(cpus, heapBytesOf(load, cpus, scale));
    const agedVisits = state === "aged" ? visits : 0;
    const through = calls === "js" ? "script" : "nothing";
    const variant: LoadVariant = { ...opened.source, cpus, agedVisits, through };
    planned.push({ contender, site, opened, variant });
  }
  return planned;
}

/** Whether a heap that is none of ours can run a load: it calls malloc and free alone. */
export function isForPeers({ flavours }: LoadDefinition): boolean {
  return flavours.includes("imports");
}
