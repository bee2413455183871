/**
 * Rows of heaps side by side, and what may be said of one against ours.
 *
 * On one CPU it is the net time that is compared, without what the load costs by itself, measured
 * in the same rounds; on many CPUs throughput, because heaps there wait for each other and loads
 * do not, and it holds what the load costs. So does the time of a load that runs on no heap. Where
 * a heap is less than a tenth of what was measured there is no ratio, neither net nor gross.
 */
import { loadNamed } from "../../workload/loads/catalogue.js";
import { entriesOfRecorders, histogramOf, percentilesOf } from "../common/histogram.js";
import { type Estimate, estimateMedian, estimatePairedRatio } from "../common/statistics.js";
import { type Window, isBusy, mopsOf, nsOf, sumOf } from "../bench/windows.js";
import { NULL_HEAP } from "./contenders.js";
import { type PeerRow, type RatioBasis, untimed } from "./peer-row.js";
import type { PeerVariant } from "./peer-variant.js";

export interface RowsOptions {
  /** The heap that ratios are to. */
  readonly ours: string;
  readonly seed: number;
}

/** Of the time of an operation: below this the heap cannot be told from the load. */
export const NET_SHARE_MIN = 0.1;
/** Of gross: a net time that noise has made less counts as this in a round. */
const NET_SHARE_FLOOR = 0.01;
const PAGE_BYTES = 4096;
const PS_PER_NS = 1000;

/** @param variants of one load, measured side by side */
export function peerRows(variants: readonly PeerVariant[], options: RowsOptions): PeerRow[] {
  return variants.map((variant) => peerRow(variants, variant, options));
}

function peerRow(
  variants: readonly PeerVariant[],
  variant: PeerVariant,
  options: RowsOptions,
): PeerRow {
  const { site, times } = variant;
  const wrong = wrongWith(variant);
  if (wrong !== null) return untimed(site, wrong);
  const windows = times.windows.filter(isBusy);
  if (windows.length === 0) return untimed(site, "it ended no round");
  const beside = besideOf(variants, variant, options.ours);
  const entries = entriesOfRecorders(times.recorders);
  const chunks = windows.reduce((sum, window) => sum + sumOf(window, "chunks"), 0);
  const { p50, p99_9 } = percentilesOf(histogramOf(entries), chunks);
  const net = netOf(variant, beside.none);
  const { seed } = options;
  return {
    ...site,
    rounds: windows.length,
    nsPerOp: estimateMedian(windows.map(nsOf), { seed }),
    netNs: net === null ? null : estimateMedian(net, { seed }),
    mops: estimateMedian(windows.map(mopsOf), { seed }),
    ...{ p50, p99_9 },
    slowest: entries.reduce((most, { ps }) => Math.max(most, ps / PS_PER_NS), 0),
    peakBytes: peakBytesOf(variant),
    ...ratioOf(variant, beside, options),
  };
}

/** Why a heap's times are worth nothing; null: they are. */
function wrongWith({ times, findings }: PeerVariant): string | null {
  const damaged = times.ends.reduce((sum, end) => sum + end.damaged, 0);
  if (damaged > 0) return `corrupt: ${damaged} objects were not as their owner left them`;
  if (times.ends.some(({ isOutOfMemory }) => isOutOfMemory)) return "ran out of memory";
  const [first] = findings;
  return first === undefined ? null : `not sound afterwards: ${first}`;
}

interface Beside {
  readonly ours: PeerVariant | undefined;
  readonly none: PeerVariant | undefined;
}

function besideOf(
  variants: readonly PeerVariant[],
  { site: { cpus, calls, state } }: PeerVariant,
  ours: string,
): Beside {
  const same = variants.filter(({ site }) => site.cpus === cpus && site.calls === calls);
  return {
    ours: same.find(({ site }) => site.heap === ours && site.state === state),
    none: same.find(({ site }) => site.heap === NULL_HEAP),
  };
}

/** Net ns of each round that both ended; null: there is nothing to take off. */
function netOf(variant: PeerVariant, none: PeerVariant | undefined): number[] | null {
  if (none === undefined || variant === none) return null;
  const both = together([variant, none]);
  return both.length === 0 ? null : both.map(([own, load]) => nsOf(own) - nsOf(load));
}

/** Of loads that time the lives of CPUs. */
const LIVES = "a new CPU is another thing in every heap, and its birth is timed";

type Ratio = Pick<PeerRow, "ratioToOurs" | "basis" | "note">;

function ratioOf(variant: PeerVariant, { ours, none }: Beside, { seed }: RowsOptions): Ratio {
  const nothing = { ratioToOurs: null, basis: null } as const;
  if (variant.contender.kind === "null" || ours === undefined) return { ...nothing, note: null };
  if (loadNamed(variant.site.load).renewSteps > 0) return { ...nothing, note: LIVES };
  if (wrongWith(ours) !== null) return { ...nothing, note: `${ours.site.heap} has no time` };
  if (none !== undefined) {
    const small = tooSmall([variant, ours], none, seed);
    if (small !== null) return { ...nothing, note: small };
  }
  if (variant.site.cpus > 1 || none === undefined) {
    const pairs = together([variant, ours]);
    const rates = (side: 0 | 1) => pairs.map((windows) => mopsOf(windows[side] as Window));
    return { ...judged(rates(1), rates(0), "gross", seed), note: null };
  }
  const rounds = together([variant, ours, none]);
  const net = (side: 0 | 1) => rounds.map((windows) => netWithin(windows, side));
  return { ...judged(net(0), net(1), "net", seed), note: null };
}

/** Which of these cannot be told from the load, in a sentence; null: none. */
function tooSmall(heaps: readonly PeerVariant[], none: PeerVariant, seed: number): string | null {
  const shares = heaps.map((each) => ({ each, share: netShare(each, none, seed) }));
  const small = shares.find(({ share }) => share < NET_SHARE_MIN);
  if (small === undefined) return null;
  const percent = Math.max(0, small.share * 100).toFixed(0);
  return `${small.each.site.heap} is ${percent} % of what was measured`;
}

function judged(
  numerators: readonly number[],
  denominators: readonly number[],
  basis: RatioBasis,
  seed: number,
): { ratioToOurs: Estimate | null; basis: RatioBasis | null } {
  if (numerators.length === 0) return { ratioToOurs: null, basis: null };
  return { ratioToOurs: estimatePairedRatio(numerators, denominators, { seed }), basis };
}

/** Part of the gross time of a heap that is its own. */
function netShare(variant: PeerVariant, none: PeerVariant, seed: number): number {
  const rounds = together([variant, none]);
  if (rounds.length === 0) return 0;
  const shares = rounds.map(([own, load]) => 1 - nsOf(load) / nsOf(own));
  return estimateMedian(shares, { seed }).median;
}

function netWithin(windows: readonly Window[], side: 0 | 1): number {
  const gross = nsOf(windows[side] as Window);
  return Math.max(gross - nsOf(windows[2] as Window), gross * NET_SHARE_FLOOR);
}

/** The rounds in which every one of these did something, each with a window of each. */
function together<const Variants extends readonly PeerVariant[]>(
  variants: Variants,
): { [Index in keyof Variants]: Window }[] {
  const rounds = Math.max(...variants.map(({ times }) => times.windows.length));
  return Array.from({ length: rounds }, (_, round) => {
    return variants.map(({ times }) => times.windows[round]);
  }).filter((windows) => windows.every(isBusy)) as { [Index in keyof Variants]: Window }[];
}

function peakBytesOf({ contender, times }: PeerVariant): number | null {
  const pages = times.ends.find(({ pagesWritten }) => pagesWritten !== null)?.pagesWritten ?? null;
  if (pages === null || contender.kind === "null") return null;
  return Math.max(0, pages - contender.ownPages) * PAGE_BYTES;
}
