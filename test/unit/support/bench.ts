/** Runs of loads and rows of bench, written by hand. */
import type { BenchResults, BenchRow } from "slablab/internal/measure/bench/bench-row.js";
import { loadFindings, loadRows } from "slablab/internal/measure/bench/load-rows.js";
import type { LoadRun, VariantRun } from "slablab/internal/measure/bench/load-run.js";
import type { SpannedRecord } from "slablab/internal/workload/loads/load-board.js";
import { larson } from "slablab/internal/workload/loads/larson.js";
import { RECORDER_BYTES, Recorder } from "slablab/internal/workload/loads/time-recorder.js";

export const SEED = 0x51ab1ab;
export const WINDOW_NS = 25e6;
const CHUNK_OPERATIONS = 200;

/** A window in which every CPU took so many ns per operation. */
export function windowOf(...ns: readonly number[]): SpannedRecord[] {
  return ns.map((each) => {
    const operations = Math.round(WINDOW_NS / each);
    const chunks = operations / CHUNK_OPERATIONS;
    const elapsedNs = operations * each;
    return { operations, elapsedNs, idleNs: 0, chunks, spanNs: elapsedNs };
  });
}

/** A variant whose windows these were. */
export function variantOf(
  flavour: VariantRun["flavour"],
  windows: readonly (readonly SpannedRecord[] | null)[],
  more: Partial<VariantRun> = {},
): VariantRun {
  const cpus = windows.find((window) => window !== null)?.length ?? 1;
  const buffer = new SharedArrayBuffer(cpus * RECORDER_BYTES);
  const recorders = Array.from({ length: cpus }, (_, cpu) => {
    const recorder = new Recorder(buffer, cpu * RECORDER_BYTES);
    for (const window of windows) {
      const { elapsedNs = 0, operations = 0 } = window?.[cpu] ?? {};
      if (operations > 0) recorder.record(elapsedNs / operations, operations);
    }
    return recorder;
  });
  const end = {
    variant: 0,
    steps: 1,
    pagesWritten: null,
    remote: 0,
    damaged: 0,
    isOutOfMemory: false,
  };
  const ends = recorders.map(() => end);
  return { flavour, cpus, windows, recorders, ends, findings: [], ...more };
}

export function runOf(...variants: readonly VariantRun[]): LoadRun {
  return { load: larson, windowMs: 25, variants, isInterrupted: false, heap: null };
}

/** Windows around `ns`, one percent apart, on so many CPUs. */
export function steady(ns: number, cpus = 1, rounds = 20): SpannedRecord[][] {
  return Array.from({ length: rounds }, (_, round) => {
    const each = ns * (1 + (((round * 7) % 5) - 2) / 100);
    return windowOf(...Array.from({ length: cpus }, () => each));
  });
}

/** A row of a load on one CPU, around `ns`. */
export function rowOf(ns: number, more: Partial<BenchRow> = {}): BenchRow {
  const [row] = loadRows(runOf(variantOf("fused", steady(ns))), SEED);
  if (row === undefined) throw new Error("expected a row");
  return { ...row, ...more };
}

/** The results of one run of a load. */
export function resultsOf(run: LoadRun, more: Partial<BenchResults> = {}): BenchResults {
  const suite = {
    ...({ name: "larson", kind: "load", about: larson.model, rounds: 20 } as const),
    ...{ operationsPerSample: null, windowMs: 25, parameters: larson.parameters(1, 1) },
  };
  return {
    ...{ suites: [suite], rows: loadRows(run, SEED), budgets: [] },
    ...{ findings: loadFindings(run), warnings: [], interrupted: false },
    ...more,
  };
}
