/**
 * A stress of deaths: Workers are terminated wherever they are, reaped by another CPU while the
 * others go on, and replaced.
 *
 * After each death all live CPUs stand still between two calls: the heap must be sound, and what
 * the dead one owned must be as it left it; it is freed then. At the end no more objects may be
 * lost than the dead had in their hands.
 */
import { JobError } from "../../cpu/job-error.js";
import { type Pool, createPool } from "../../cpu/pool.js";
import type { Cpu } from "../../heap/cpu.js";
import { type Heap, createHeap } from "../../heap/heap.js";
import type { ReapReport } from "../../heap/reap.js";
import { SlabError } from "../../heap/slab-error.js";
import { countLarge, viewOf } from "../stress/stress-ending.js";
import { type StressSetup, flagsOf, heapOptionsOf, streamOf } from "../stress/stress-setup.js";
import { giveBack } from "../verify/give-back.js";
import { type FindingKind, FindingError } from "../verify/finding.js";
import { Xorshift } from "../verify/xorshift.js";
import { Estate, GO, PAUSE, STOP, checkStamp } from "./estate.js";
import { CACHE_BYTES, CACHE_NAME, type DeathArgs, GROUP_NAME } from "./deaths-job.js";

/** What a stress of deaths counts. */
export interface DeathCounts {
  deaths: number;
  reaps: number;
  /** Objects that the dead owned: each was as its owner left it, and was freed then. */
  inherited: number;
  /** Objects that nobody can have any more, and the most that may be: what the dead had in hand. */
  lost: number;
  inHand: number;
  /** What was taken back from the dead. */
  locks: number;
  slabs: number;
  pages: number;
  objects: number;
  operations: number;
  validations: number;
}

export interface DeathFinding {
  readonly kind: FindingKind;
  readonly message: string;
  readonly cpu: number;
  /** Deaths before it. */
  readonly operation: number;
  readonly reproduce: string;
}

export interface DeathRow {
  readonly setup: StressSetup;
  readonly counts: DeathCounts;
  readonly finding: DeathFinding | null;
  readonly elapsedMs: number;
}

export interface DeathResults {
  readonly rows: readonly DeathRow[];
  readonly interrupted: boolean;
}

export interface DeathOptions {
  readonly setups: readonly StressSetup[];
  readonly seed: number;
  /** Milliseconds for all setups together. */
  readonly durationMs: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (share: number, setup: StressSetup) => void;
}

const JOB = { module: new URL("./deaths-job.js", import.meta.url).href, name: "deathJob" };
/** Milliseconds that a Worker has, at most, before the next of them dies. */
const LIFE_MS_MAX = 24;
/** So long a CPU may take to come out of a call before it counts as stuck. */
const STUCK_MS = 180_000;
/** The least a setup gets. */
const MINIMUM_MS = 100;
const GROUP_BYTES = 512 * 4096;

export async function runDeaths(options: DeathOptions): Promise<DeathResults> {
  const { setups, signal, durationMs } = options;
  const begun = performance.now();
  const rows: DeathRow[] = [];
  for (const [index, setup] of setups.entries()) {
    if (signal?.aborted === true) break;
    options.onProgress?.(index / setups.length, setup);
    const leftMs = durationMs - (performance.now() - begun);
    const shareMs = Math.max(MINIMUM_MS, leftMs / (setups.length - index));
    rows.push(await runSetup(setup, shareMs, options));
  }
  return { rows, interrupted: signal?.aborted === true };
}

async function runSetup(
  setup: StressSetup,
  durationMs: number,
  { seed, signal }: DeathOptions,
): Promise<DeathRow> {
  const { cpus } = setup;
  const begun = performance.now();
  const random = new Xorshift(seed, streamOf(setup, 254));
  // One CPU that never dies is this thread's; one number is free for whoever revives itself.
  const heap = await createHeap({ ...heapOptionsOf(setup, random.next()), cpus: cpus + 2 });
  const run = new DeathRun(heap, setup, seed, random);
  let finding: DeathFinding | null = null;
  try {
    await run.begin();
    // At least one: starting the Workers may take longer than the share of a setup.
    do await run.round();
    while (performance.now() - begun < durationMs && signal?.aborted !== true);
    await run.finish();
  } catch (error) {
    finding = describe(error, run, setup, seed, durationMs);
  } finally {
    await run.close();
  }
  return { setup, counts: run.counts, finding, elapsedMs: performance.now() - begun };
}

class DeathRun {
  readonly counts: DeathCounts = {
    ...{ deaths: 0, reaps: 0, inherited: 0, lost: 0, inHand: 0 },
    ...{ locks: 0, slabs: 0, pages: 0, objects: 0, operations: 0, validations: 0 },
  };
  /** Who died last. */
  dead: readonly number[] = [];
  readonly #heap: Heap;
  readonly #setup: StressSetup;
  readonly #seed: number;
  readonly #random: Xorshift;
  readonly #estate: Estate;
  readonly #cpu: Cpu;
  #pool: Pool | null = null;
  /** By Worker: what its job came to. */
  readonly #jobs: Promise<string | null>[] = [];
  #generation = 0;

  constructor(heap: Heap, setup: StressSetup, seed: number, random: Xorshift) {
    this.#heap = heap;
    this.#setup = setup;
    this.#seed = seed;
    this.#random = random;
    this.#estate = new Estate(setup.cpus);
    this.#cpu = heap.cpu(setup.cpus);
  }

  async begin(): Promise<void> {
    const { cpus } = this.#setup;
    this.#cpu.memcgCreate({ name: GROUP_NAME, limitBytes: GROUP_BYTES });
    this.#cpu.kmemCacheCreate({ name: CACHE_NAME, size: CACHE_BYTES });
    this.#pool = await createPool(this.#heap, { cpus });
    for (let worker = 0; worker < cpus; worker++) this.#start(worker);
  }

  #start(worker: number): void {
    const stream = streamOf(this.#setup, worker) + this.#generation++ * 1009;
    const args: DeathArgs = {
      ...{ estate: this.#estate.buffer, seed: this.#seed, stream: stream & 0xffff },
    };
    const running = (this.#pool as Pool).run<string | null>(JOB, { args, on: [worker] });
    this.#jobs[worker] = running.then(([wrong = null]) => wrong);
    // Looked at when its time comes; until then it is nobody's concern.
    this.#jobs[worker].catch(() => undefined);
  }

  /** A Worker dies, or two at once; they are reaped while the others go on, and replaced. */
  async round(): Promise<void> {
    const pool = this.#pool as Pool;
    await sleep(this.#random.below(LIFE_MS_MAX));
    const dead = this.#chooseWhoDies();
    this.dead = dead;
    await Promise.all(dead.map((cpu) => pool.terminate(cpu)));
    for (const cpu of dead) await this.#checkDeath(cpu);
    this.counts.deaths += dead.length;
    for (const report of await this.#reap(dead)) this.#add(report);
    this.counts.reaps += dead.length;
    await this.#pause();
    this.#validate();
    for (const cpu of dead) this.#inherit(cpu);
    this.#estate.ask(GO);
    for (const cpu of dead) this.#start(cpu);
  }

  #chooseWhoDies(): [number, ...number[]] {
    const { cpus } = this.#setup;
    const first = this.#random.below(cpus);
    const isAlone = cpus === 1 || this.#random.below(3) !== 0;
    return isAlone ? [first] : [first, (first + 1 + this.#random.below(cpus - 1)) % cpus];
  }

  /** By this thread's CPU, in a call for each or one for all; or by the Worker that comes next. */
  async #reap(dead: readonly [number, ...number[]]): Promise<ReapReport[]> {
    const way = this.#random.below(3);
    const reports: ReapReport[] = [];
    if (way === 0) {
      reports.push(...(await Promise.all(dead.map((cpu) => this.#heap.reap(cpu)))));
    } else if (way === 1) reports.push(await this.#heap.reap(...dead));
    return [...reports, ...(await (this.#pool as Pool).revive())];
  }

  /** It ended because it was ended. @throws FindingError if it ended before */
  async #checkDeath(cpu: number): Promise<void> {
    try {
      const wrong = await this.#jobs[cpu];
      throw this.#found("stamp", wrong ?? "a job ended that nobody asked to");
    } catch (error) {
      if (!(error instanceof JobError) || error.thrown !== null) throw error;
    }
  }

  #add({ locks, slabs, pages, objects, lost }: ReapReport): void {
    // Beside the operation's own: what a drain in it was freeing.
    this.counts.inHand += lost;
    this.counts.locks += locks;
    this.counts.slabs += slabs;
    this.counts.pages += pages;
    this.counts.objects += objects;
  }

  /** Until every live CPU stands between two calls. */
  async #pause(): Promise<void> {
    this.#estate.ask(PAUSE);
    const until = performance.now() + STUCK_MS;
    for (let cpu = 0; cpu < this.#setup.cpus; cpu++) {
      while (!this.dead.includes(cpu) && !this.#estate.isParked(cpu)) {
        await this.#lookAt(cpu);
        if (performance.now() < until) continue;
        throw this.#found("no-end", `CPU ${cpu} did not come out of a call in ${STUCK_MS} ms`);
      }
    }
  }

  /** Wait a moment; a job that ended is a finding. */
  async #lookAt(cpu: number): Promise<void> {
    const ended = await Promise.race([this.#jobs[cpu], sleep(1).then(() => undefined)]);
    if (ended === undefined) return;
    throw this.#found("stamp", ended ?? `the job of CPU ${cpu} ended`);
  }

  #validate(): void {
    this.counts.validations++;
    const [first] = this.#heap.validate();
    if (first === undefined) return;
    throw this.#found("validate", `${first.invariant} at ${first.where}: ${first.message}`);
  }

  /** What it owned is as it was, and is freed. Context: everybody stands still. */
  #inherit(cpu: number): void {
    const { objects, inHand, operations } = this.#estate.inherit(cpu);
    this.counts.inHand += inHand;
    this.counts.operations += operations;
    for (const address of objects) this.#free(address);
    this.counts.inherited += objects.length;
  }

  #free(address: number): void {
    const wrong = checkStamp(this.#cpu, address);
    if (wrong !== null) throw this.#found("stamp", wrong);
    this.#cpu.kfree(address);
  }

  /** Everybody ends; then nothing is in use but what may be lost. */
  async finish(): Promise<void> {
    this.#estate.ask(STOP);
    for (const [worker, job] of this.#jobs.entries()) {
      const wrong = await job;
      if (wrong !== null) throw this.#found("stamp", wrong);
      this.counts.operations += this.#estate.inherit(worker).operations;
    }
    await this.#pool?.close();
    for (const address of this.#estate.takeMail()) this.#free(address);
    this.#cpu.rcuBarrier();
    this.#cpu.exports.defer_free_barrier();
    giveBack(this.#cpu.exports, viewOf({ heap: this.#heap }));
    this.#cpu.offline();
    this.#validate();
    this.counts.lost = this.#inUse();
    if (this.counts.lost <= this.counts.inHand) return;
    const { lost, inHand } = this.counts;
    throw this.#found("leak", `expected at most ${inHand} objects to be lost, got ${lost}`);
  }

  /** Objects in use, whole pages included. Context: no CPU is online. */
  #inUse(): number {
    const objects = this.#heap.slabinfo().reduce((sum, { active_objs }) => sum + active_objs, 0);
    return objects + countLarge(viewOf({ heap: this.#heap }));
  }

  #found(kind: FindingKind, message: string): FindingError {
    return new FindingError({ kind, message, operation: this.counts.deaths });
  }

  async close(): Promise<void> {
    this.#estate.ask(STOP);
    await this.#pool?.close();
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** @throws whatever is no finding */
function describe(
  error: unknown,
  { dead, counts }: DeathRun,
  setup: StressSetup,
  seed: number,
  durationMs: number,
): DeathFinding {
  const flags = [...flagsOf(setup), "--duration", `${Math.ceil(durationMs)}ms`];
  const reproduce = `npx slablab stress --kill --seed 0x${seed.toString(16)} ${flags.join(" ")}`;
  const more = { cpu: dead[0] ?? 0, operation: counts.deaths, reproduce };
  if (error instanceof FindingError) return { ...error.finding, ...more };
  if (error instanceof JobError || error instanceof RangeError) {
    return { kind: "worker", message: error.message, ...more };
  }
  if (error instanceof SlabError) return { kind: "refused", message: error.message, ...more };
  if (error instanceof WebAssembly.RuntimeError) {
    return { kind: "trap", message: error.message, ...more };
  }
  throw error;
}
