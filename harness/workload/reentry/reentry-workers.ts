/**
 * One setup on several Workers that share a heap. The order in which they run is the machine's:
 * a seed names the load of each, not the interleaving.
 */
import { JobError } from "../../cpu/job-error.js";
import { type Pool, createPool } from "../../cpu/pool.js";
import { Rested } from "../../heap/rested.js";
import type { FoundFinding } from "../verify/finding.js";
import type { ReentryArgs } from "./reentry-job.js";
import type { FuzzOutcome } from "./reentry-run.js";
import { type FuzzSetup, MAXIMUM_BYTES, streamOf } from "./reentry-setup.js";
import { handleOf, makeStage } from "./reentry-stage.js";
import { type Tally, addTallies, makeTally } from "./reentry-tally.js";
import { Xorshift } from "../verify/xorshift.js";

/** Beyond its load, a run may take so long before it is taken to hang. */
const GRACE_MS = 60_000;

export interface WorkersLimits {
  readonly operations: number | null;
  readonly durationMs: number | null;
  readonly signal?: AbortSignal;
  readonly keepHeap?: boolean;
}

/** Workers that run one setup after the other; they are replaced where one did not come back. */
export class FuzzWorkers {
  readonly #cpus: number;
  #pool: Pool | null = null;

  constructor(cpus: number) {
    this.#cpus = cpus;
  }

  /** Run a setup until a limit. Never throws for what it finds. */
  async run(setup: FuzzSetup, seed: number, limits: WorkersLimits): Promise<FuzzOutcome> {
    const { operations, durationMs, signal } = limits;
    this.#pool ??= await createPool([], { cpus: this.#cpus });
    const pool = this.#pool;
    const stage = await makeStage(setup, new Xorshift(seed, streamOf(setup, 0)).next());
    const control = new SharedArrayBuffer(4);
    const rested = limits.keepHeap === true ? new Rested(MAXIMUM_BYTES) : null;
    const args: ReentryArgs = {
      ...{ setup, seed, stage: handleOf(stage), rested: rested?.buffer ?? null },
      ...{ operations, durationMs, control },
    };
    const stop = () => pool.stop();
    signal?.addEventListener("abort", stop, { once: true });
    const findings: FoundFinding[] = [];
    let tally = makeTally();
    const begun = performance.now();
    try {
      const timeoutMs = durationMs === null ? {} : { timeoutMs: durationMs + GRACE_MS };
      const running = pool.run<Tally>(JOB, { args, heap: null, ...timeoutMs });
      if (signal?.aborted === true) stop();
      tally = addTallies(await running);
    } catch (error) {
      if (!(error instanceof JobError)) throw error;
      // Locks may be held, and other Workers may wait for them.
      findings.push({ kind: "worker", message: error.message, operation: 0 });
      await this.close();
    } finally {
      signal?.removeEventListener("abort", stop);
    }
    const heap = rested?.heap(stage.heap.handle.module) ?? null;
    return { setup, tally, findings, elapsedMs: performance.now() - begun, heap };
  }

  /** End the Workers. */
  async close(): Promise<void> {
    const pool = this.#pool;
    this.#pool = null;
    await pool?.close();
  }
}

const JOB = { module: new URL("./reentry-job.js", import.meta.url).href, name: "reentryJob" };
