/**
 * Rows of a load, from the windows of its variants.
 *
 * A window of one number ran side by side in all variants, so rows are compared within it; windows
 * in which a side did nothing are left out on both.
 */
import type { SpannedRecord } from "../../workload/loads/load-board.js";
import type { BenchFinding, BenchRow, CpuRow } from "./bench-row.js";
import {
  barsOf,
  encodeHistogram,
  entriesOfRecorders,
  histogramOf,
  percentilesOf,
} from "../common/histogram.js";
import type { LoadRun, VariantRun } from "./load-run.js";
import { jainIndex, scalingEfficiency } from "./scaling.js";
import { type Window, isBusy, mopsOf, nsOf, rateOf, sumOf } from "./windows.js";
import {
  type Estimate,
  estimateMedian,
  estimatePairedDifference,
  estimatePairedRatio,
  mad,
} from "../common/statistics.js";

const NS_PER_US = 1000;

/** `fused x2` */
function variantName({ flavour, cpus }: Pick<VariantRun, "flavour" | "cpus">): string {
  return `${flavour} x${cpus}`;
}

/** A row for each variant that ended a window in which it did something. */
export function loadRows(run: LoadRun, seed: number): BenchRow[] {
  return run.variants.flatMap((variant) => loadRow(run, variant, seed) ?? []);
}

function loadRow(run: LoadRun, variant: VariantRun, seed: number): BenchRow | null {
  const windows = variant.windows.filter(isBusy);
  if (windows.length === 0) return null;
  const { load } = run;
  const { flavour, cpus, recorders } = variant;
  const entries = entriesOfRecorders(recorders);
  const histogram = histogramOf(entries);
  const chunk = chunkOf(windows);
  const samples = windows.map(nsOf);
  const find = (otherFlavour: string, otherCpus: number) =>
    run.variants.find((each) => each.flavour === otherFlavour && each.cpus === otherCpus);
  const none = flavour === "imports" ? find("null", cpus) : undefined;
  const fused = flavour === "imports" ? find("fused", cpus) : undefined;
  const few = run.variants
    .filter((each) => each.flavour === flavour && each.cpus < cpus)
    .sort((a, b) => a.cpus - b.cpus)
    .find((each) => each.windows.some(isBusy));
  return {
    ...{ suite: load.name, name: variantName(variant), unit: load.unit, flavour, load: null, cpus },
    ...{ rounds: windows.length, ns: estimateMedian(samples, { seed }), mad: mad(samples) },
    // Calls of the flavour null cross from module to module, which those of fused do not.
    netNs: pairNs(variant, none, estimatePairedDifference, seed),
    mops: estimateMedian(windows.map(mopsOf), { seed }),
    ratio: pairNs(variant, fused, estimatePairedRatio, seed),
    ratioTo: fused === undefined ? null : variantName(fused),
    efficiency: few === undefined ? null : efficiencyOf(variant, few, seed),
    efficiencyBase: few?.cpus ?? null,
    fairness: cpus === 1 ? null : estimateMedian(windows.map(fairnessOf), { seed }),
    percentiles: percentilesOf(histogram, chunk.count),
    chunk,
    bars: barsOf(entries, histogram),
    hdr: encodeHistogram(histogram),
    samples,
    perCpu: cpus === 1 ? [] : recorders.map((_, cpu) => cpuRow(variant, windows, cpu, seed)),
  };
}

/** What is wrong with the heaps of a load. */
export function loadFindings({ load, variants }: LoadRun): BenchFinding[] {
  return variants.flatMap((variant) => {
    const row = variantName(variant);
    const damaged = variant.ends.reduce((sum, end) => sum + end.damaged, 0);
    const messages = [...variant.findings];
    if (damaged > 0) messages.push(`${damaged} objects were not as their owner left them`);
    if (variant.ends.some((end) => end.isOutOfMemory)) {
      messages.push("ran out of memory; try a smaller --scale, or fewer --cpus");
    }
    return messages.map((message) => ({ suite: load.name, row, message }));
  });
}

function fairnessOf(window: Window): number {
  return jainIndex(window.map(rateOf));
}

function chunkOf(windows: readonly Window[]): BenchRow["chunk"] {
  const sum = (key: keyof SpannedRecord) =>
    windows.reduce((all, each) => all + sumOf(each, key), 0);
  const count = sum("chunks");
  const busyNs = sum("elapsedNs") - sum("idleNs");
  return { count, operations: sum("operations") / count, us: busyNs / count / NS_PER_US };
}

/** Windows that both sides did something in. */
function pair(own: VariantRun, other: VariantRun): { own: Window[]; other: Window[] } {
  const both = own.windows.flatMap((window, number) => {
    const beside = other.windows[number];
    return isBusy(window) && isBusy(beside) ? [{ window, beside }] : [];
  });
  return { own: both.map(({ window }) => window), other: both.map(({ beside }) => beside) };
}

function pairNs(
  variant: VariantRun,
  other: VariantRun | undefined,
  combine: typeof estimatePairedRatio,
  seed: number,
): Estimate | null {
  if (other === undefined) return null;
  const both = pair(variant, other);
  return both.own.length === 0 ? null : combine(both.own.map(nsOf), both.other.map(nsOf), { seed });
}

function efficiencyOf(many: VariantRun, few: VariantRun, seed: number): Estimate | null {
  const both = pair(many, few);
  if (both.own.length === 0) return null;
  const [own, other] = [both.own, both.other].map((windows) => windows.map(mopsOf));
  return scalingEfficiency(
    { cpus: many.cpus, rates: own ?? [] },
    { cpus: few.cpus, rates: other ?? [] },
    seed,
  );
}

function cpuRow(
  { ends }: VariantRun,
  windows: readonly Window[],
  cpu: number,
  seed: number,
): CpuRow {
  const records = windows.flatMap((window) => window[cpu] ?? []);
  const sum = (key: keyof SpannedRecord) => records.reduce((all, record) => all + record[key], 0);
  const times = records.flatMap(({ elapsedNs, operations }) =>
    operations > 0 ? [elapsedNs / operations] : [],
  );
  return {
    cpu,
    ns: times.length === 0 ? null : estimateMedian(times, { seed }),
    mops: estimateMedian(records.map(rateOf), { seed }),
    idleShare: sum("idleNs") / sum("elapsedNs"),
    remoteFrees: ends[cpu]?.remote ?? 0,
  };
}
