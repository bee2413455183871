/** What the page of `--html` plots: percentiles, rounds over time, scaling. */
import type { BenchResults, BenchRow } from "../../measure/bench/bench-row.js";
import { decodeHistogram, percentileNs } from "../../measure/common/histogram.js";
import type { PagePlot } from "./bench-page-script.js";

/** Shown as nines: as far from each other as tails are rare. */
const CURVE = [0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 99.999] as const;

/** All plots of a suite, in order. */
export function suitePlots({ rows }: BenchResults, suite: string): PagePlot[] {
  const own = rows.filter((row) => row.suite === suite);
  if (own.length === 0) return [];
  const scaling = scalingPlot(own, suite);
  return [percentilePlot(own, suite), roundPlot(own, suite), ...(scaling ? [scaling] : [])];
}

function percentilePlot(rows: readonly BenchRow[], suite: string): PagePlot {
  const most = Math.max(...rows.map(({ chunk }) => chunk.count));
  const shown = CURVE.filter((percent) => isKnown(percent, most));
  return {
    id: `${suite}-percentiles`,
    title: "percentiles of chunks",
    xLabel: "percentile",
    yLabel: "ns per operation",
    isLogarithmic: true,
    x: shown.map((percent) => -Math.log10(1 - percent / 100)),
    xNames: shown.map((percent) => (percent === 0 ? "fastest" : `p${percent}`)),
    series: rows.map(({ name, hdr, chunk }) => {
      const histogram = decodeHistogram(hdr);
      const values = shown.map((percent) => {
        if (!isKnown(percent, chunk.count)) return null;
        // A logarithm has no zero.
        return Math.max(0.001, percentileNs(histogram, percent));
      });
      return { name, values };
    }),
  };
}

/** Whether there are enough chunks to tell. */
function isKnown(percent: number, chunks: number): boolean {
  return chunks * (100 - percent) * 1.000001 >= 100 || percent <= 50;
}

function roundPlot(rows: readonly BenchRow[], suite: string): PagePlot {
  const rounds = Math.max(...rows.map(({ samples }) => samples.length));
  const numbers = Array.from({ length: rounds }, (_, round) => round);
  return {
    ...{ id: `${suite}-rounds`, title: "rounds over time", xLabel: "round" },
    ...{ yLabel: "ns per operation", isLogarithmic: false, x: numbers, xNames: [] },
    series: rows.map(({ name, samples }) => {
      return { name, values: numbers.map((round) => samples[round] ?? null) };
    }),
  };
}

/** Null on one number of CPUs. */
function scalingPlot(rows: readonly BenchRow[], suite: string): PagePlot | null {
  const counts = [...new Set(rows.map(({ cpus }) => cpus))].sort((a, b) => a - b);
  if (counts.length < 2) return null;
  const flavours = [...new Set(rows.map(({ flavour }) => flavour))];
  const mopsOf = (flavour: string | null, cpus: number) =>
    rows.find((row) => row.flavour === flavour && row.cpus === cpus)?.mops.median ?? null;
  return {
    ...{ id: `${suite}-scaling`, title: "scaling", xLabel: "CPUs" },
    ...{ yLabel: "million operations per second", isLogarithmic: false },
    ...{ x: counts, xNames: counts.map(String) },
    series: flavours.map((flavour) => ({
      name: flavour ?? "all",
      values: counts.map((cpus) => mopsOf(flavour, cpus)),
    })),
  };
}
