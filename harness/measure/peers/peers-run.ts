/**
 * Runs loads on heaps of others and on ours: for each load, every heap on every number of CPUs in
 * every state is a variant of one interleaved run (bench/variants-run.ts).
 */
import type { LoadDefinition } from "../../workload/loads/definition.js";
import type { LoadVariant } from "../../workload/loads/load-job.js";
import { fitCounts } from "../bench/bench-run.js";
import { heapBytesOf } from "../bench/load-run.js";
import { runVariants } from "../bench/variants-run.js";
import type { Contender, Opened } from "./contenders.js";
import type { HeapState, PeerRow } from "./peer-row.js";
import type { PeerVariant } from "./peer-variant.js";
import { peerRows } from "./peers-rows.js";

export interface PeersRequest {
  readonly loads: readonly LoadDefinition[];
  readonly contenders: readonly Contender[];
  /** The heap that ratios are to. */
  readonly ours: string;
  readonly cpuCounts: readonly number[];
  readonly states: readonly HeapState[];
  /** Milliseconds of each load, all heaps together. */
  readonly durationMs: number;
  readonly scale: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  /** @param share of this load that is done, 0..1 */
  readonly onProgress?: (load: LoadDefinition, share: number) => void;
}

/** What an aged heap has served before: 130 operations each, on each CPU. */
const AGED_ROUNDS = 5000;

/** Interrupted by `signal`, it returns what it has. */
export async function runPeers(
  request: PeersRequest,
): Promise<{ rows: PeerRow[]; interrupted: boolean }> {
  const rows: PeerRow[] = [];
  for (const load of request.loads) {
    if (request.signal.aborted) break;
    const variants = await runPeersLoad(load, request);
    rows.push(...peerRows(load, variants, request));
  }
  return { rows, interrupted: request.signal.aborted };
}

interface Planned {
  readonly contender: Contender;
  readonly state: HeapState;
  readonly opened: Opened;
  readonly variant: LoadVariant;
}

async function runPeersLoad(load: LoadDefinition, request: PeersRequest): Promise<PeerVariant[]> {
  const { scale, seed, durationMs, signal, onProgress } = request;
  const planned = await plan(load, request);
  const variants = planned.map(({ variant }) => variant);
  const run = await runVariants({
    ...{ load, variants, scale, seed, durationMs, signal },
    onProgress: (share) => onProgress?.(load, share),
  });
  return planned.flatMap(({ contender, state, opened }, index) => {
    const times = run.variants[index];
    return times === undefined ? [] : [{ contender, state, times, findings: opened.inspect() }];
  });
}

async function plan(load: LoadDefinition, request: PeersRequest): Promise<Planned[]> {
  const { contenders, states, scale } = request;
  const planned: Planned[] = [];
  for (const cpus of fitCounts(load, request.cpuCounts).cpuCounts) {
    const bytes = heapBytesOf(load, cpus, scale);
    for (const contender of contenders) {
      const isNull = contender.kind === "null";
      if (isNull && !load.flavours.includes("null")) continue;
      // Without a heap nothing ages.
      for (const state of isNull ? (["fresh"] as const) : states) {
        const opened = await contender.open(cpus, bytes);
        const agedRounds = state === "aged" ? AGED_ROUNDS : 0;
        planned.push({ contender, state, opened, variant: { ...opened.source, cpus, agedRounds } });
      }
    }
  }
  return planned;
}

/** Whether a heap that is none of ours can run a load: it calls malloc and free alone. */
export function isForPeers({ flavours }: LoadDefinition): boolean {
  return flavours.includes("imports");
}
