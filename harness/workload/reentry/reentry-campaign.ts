/**
 * A fuzz as the command runs it: every setup of the matrix for an equal part of the time, on one
 * CPU or on several.
 */
import type { RestedHeap } from "../../heap/rested.js";
import type { FoundFinding } from "../verify/finding.js";
import { type FuzzOutcome, runSetup } from "./reentry-run.js";
import { type FuzzSetup, flagsOf } from "./reentry-setup.js";
import { type Tally, addTallies } from "./reentry-tally.js";
import { FuzzWorkers } from "./reentry-workers.js";

export interface CampaignOptions {
  readonly setups: readonly FuzzSetup[];
  readonly seed: number;
  /** Milliseconds for all setups together; null: `operations` bounds them. */
  readonly durationMs: number | null;
  /** Operations of each CPU in each setup, or null. */
  readonly operations: number | null;
  readonly signal?: AbortSignal;
  /** Keep a copy of the heap of the last setup, or of the last with a finding. */
  readonly keepHeap?: boolean;
  /** Told before each setup: the share that is done, 0..1, and what runs now. */
  readonly onProgress?: (share: number, setup: FuzzSetup) => void;
}

export interface CampaignFinding extends FoundFinding {
  /** The command that finds it again. */
  readonly reproduce: string;
}

export interface CampaignRow {
  readonly setup: FuzzSetup;
  readonly tally: Tally;
  readonly findings: readonly CampaignFinding[];
  readonly elapsedMs: number;
}

export interface CampaignResults {
  readonly rows: readonly CampaignRow[];
  /** All rows together. */
  readonly total: Tally;
  readonly interrupted: boolean;
  /** With `keepHeap`: a heap before everything was freed; null: none came to rest. */
  readonly heap: KeptFuzzHeap | null;
}

/** A heap at rest, and what it was of. */
export interface KeptFuzzHeap extends RestedHeap {
  readonly setup: FuzzSetup;
}

/** Run all setups, or those that fit before `signal`. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignResults> {
  const { setups, seed, signal } = options;
  const begun = performance.now();
  const rows: CampaignRow[] = [];
  const workers = new Map<number, FuzzWorkers>();
  let overheadMs = 0;
  let kept: KeptFuzzHeap | null = null;
  let hasFinding = false;
  try {
    for (const [index, setup] of setups.entries()) {
      if (signal?.aborted === true) break;
      options.onProgress?.(index / setups.length, setup);
      const { cpus } = setup;
      if (cpus > 1 && !workers.has(cpus)) workers.set(cpus, new FuzzWorkers(cpus));
      // What one setup did not use, or took too much of, is the others' equally; making a heap and
      // giving everything back is taken to last as long as it did so far.
      const left = (options.durationMs ?? 0) - (performance.now() - begun);
      const share = Math.max(MINIMUM_MS, left / (setups.length - index) - overheadMs);
      const durationMs = options.durationMs === null ? null : share;
      const crew = workers.get(cpus);
      const { operations, keepHeap = false } = options;
      const limits = { operations, keepHeap, ...(signal && { signal }) };
      const deadlineMs = durationMs === null ? null : performance.now() + durationMs;
      const outcome = await (crew === undefined
        ? runSetup(setup, seed, { ...limits, deadlineMs })
        : crew.run(setup, seed, { ...limits, durationMs }));
      rows.push(describe(outcome, seed, options));
      const isFound = outcome.findings.length > 0;
      if (outcome.heap !== null && (isFound || !hasFinding)) kept = { setup, ...outcome.heap };
      hasFinding ||= isFound;
      if (durationMs !== null) {
        overheadMs = (overheadMs + Math.max(0, outcome.elapsedMs - durationMs)) / 2;
      }
    }
  } finally {
    await Promise.all([...workers.values()].map((each) => each.close()));
  }
  const total = addTallies(rows.map(({ tally }) => tally));
  return { rows, total, interrupted: signal?.aborted === true, heap: kept };
}

/** The least a setup gets, so that a short fuzz of a long matrix still does something in each. */
const MINIMUM_MS = 20;

function describe(outcome: FuzzOutcome, seed: number, options: CampaignOptions): CampaignRow {
  const { setup, tally, elapsedMs } = outcome;
  const findings = outcome.findings.map((finding) => ({
    ...finding,
    reproduce: reproduce(setup, seed, finding, tally, options),
  }));
  return { setup, tally, findings, elapsedMs };
}

/** On one CPU the number of operations is part of the name; on several the time is. */
function reproduce(
  setup: FuzzSetup,
  seed: number,
  finding: FoundFinding,
  tally: Tally,
  { operations, durationMs }: CampaignOptions,
): string {
  const isAlone = setup.cpus === 1;
  const length = isAlone
    ? ["--ops", `${Math.max(1, finding.operation, tally.operations)}`]
    : operations !== null
      ? ["--ops", `${operations}`]
      : ["--duration", `${Math.ceil((durationMs ?? 10_000) / 1000)}s`];
  const flags = flagsOf(setup).map(quote).join(" ");
  return `npx slablab fuzz --seed 0x${seed.toString(16)} ${flags} ${length.join(" ")}`;
}

/** As a shell takes it. */
function quote(word: string): string {
  return /^[\w.,/=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
