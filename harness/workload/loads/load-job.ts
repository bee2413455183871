/**
 * What each Worker does for a load: set every variant up, run the windows in the order it is given,
 * and take everything down again.
 *
 * A window is a stretch of time that all CPUs of a variant begin together. Within it a CPU calls
 * the load for a chunk of steps at a time, each long against the clock's grain, and records what
 * an operation of the chunk took. The first windows of a variant find the length of a chunk and
 * are not recorded.
 */
import type { JobContext } from "../../cpu/job.js";
import { Rested } from "../../heap/rested.js";
import { createRandom } from "../random.js";
import { LoadBoard, type BoardShape, type WindowRecord } from "./load-board.js";
import { loadNamed } from "./catalogue.js";
import type { LoadDefinition } from "./definition.js";
import type { LoadCalls } from "./exports.js";
import { type HeapSource, type LoadHeap, openHeap } from "./heaps.js";
import { rptest } from "./rptest.js";
import { pagesWritten } from "../peers/pages-written.js";

export interface LoadVariant extends HeapSource {
  /** CPUs that run; the others stand by. */
  readonly cpus: number;
  /** Rounds of rptest that each CPU runs on the heap before the load begins. @default 0 */
  readonly agedRounds?: number;
}

export interface LoadJobArgs {
  readonly load: string;
  readonly scale: number;
  readonly seed: number;
  readonly variants: readonly LoadVariant[];
  /** The module of the loads by themselves. */
  readonly module: WebAssembly.Module;
  readonly shape: BoardShape;
  readonly board: SharedArrayBuffer;
  readonly windowMs: number;
  /** Where a copy of the heap of variant `restedVariant` goes before it is emptied, or null. */
  readonly rested: SharedArrayBuffer | null;
  readonly restedVariant: number;
  /** Milliseconds that a chunk should take. */
  readonly chunkMs: number;
}

/** What a CPU says at the end of each variant it ran. */
export interface VariantEnd {
  readonly variant: number;
  readonly steps: number;
  readonly remote: number;
  readonly damaged: number;
  readonly isOutOfMemory: boolean;
  /** 4 KiB pages of the variant's memory that are not zero after the last window; of CPU 0. */
  readonly pagesWritten: number | null;
}

const WARM_UP_WINDOWS = 2;
/** Of rptest at a time. */
const AGED_ROUNDS_EACH = 1000;
const STEPS_FIRST = 16;
const STEPS_MAX = 1 << 22;
const NS_PER_MS = 1e6;

/** One variant on this CPU. */
interface Site {
  readonly variant: LoadVariant;
  readonly heap: LoadHeap;
  readonly load: LoadDefinition;
  calls: LoadCalls;
  readonly block: number;
  shared: number;
  steps: number;
  /** When its window began, in milliseconds of this CPU's clock. */
  begun: number;
}

export async function loadJob(context: JobContext, args: LoadJobArgs): Promise<VariantEnd[]> {
  const { shape, variants } = args;
  const board = new LoadBoard(shape, args.board);
  const sites: (Site | null)[] = [];
  for (const [index, variant] of variants.entries()) {
    sites.push(await setUp(context, args, variant, board.tableOf(index)));
  }
  // The same on every CPU: an order of its own for each window.
  const random = createRandom(args.seed);
  let goesOn = true;
  for (let window = -WARM_UP_WINDOWS; window < shape.windows && goesOn; window++) {
    for (const index of random.shuffle([...variants.keys()])) {
      goesOn = runWindow(context, args, board, index, sites[index] ?? null, window);
      if (!goesOn) break;
    }
  }
  keep(context, args);
  return takeDown(context, sites);
}

/** Keep the heap as the load left it. Context: every CPU has left its last window. */
function keep(context: JobContext, { rested, variants, restedVariant }: LoadJobArgs): void {
  if (rested === null) return;
  context.startLine();
  const handle = variants[restedVariant]?.handle ?? null;
  if (context.index === 0 && handle !== null) new Rested(rested).take(handle.memory);
  context.startLine();
}

async function setUp(
  context: JobContext,
  args: LoadJobArgs,
  variant: LoadVariant,
  table: Int32Array,
): Promise<Site | null> {
  const { index } = context;
  const heap = index < variant.cpus ? await openHeap(variant, index, args.module) : null;
  const { agedRounds = 0 } = variant;
  if (agedRounds > 0) age(context, args, variant, heap, table);
  return furnish(context, args, variant, heap, loadNamed(args.load), table);
}

/** Use the heap for something else, and leave it empty. */
function age(
  context: JobContext,
  args: LoadJobArgs,
  variant: LoadVariant,
  heap: LoadHeap | null,
  table: Int32Array,
): void {
  const { agedRounds = 0 } = variant;
  const site = furnish(context, args, variant, heap, rptest, table);
  for (let round = 0; round < agedRounds; round += AGED_ROUNDS_EACH) {
    site?.calls.phase(site.block, Math.min(AGED_ROUNDS_EACH, agedRounds - round));
  }
  remove(context, site);
  table.fill(0);
  context.startLine();
}

/** Make what a load needs on this CPU, if it takes part. */
function furnish(
  context: JobContext,
  args: LoadJobArgs,
  variant: LoadVariant,
  heap: LoadHeap | null,
  load: LoadDefinition,
  table: Int32Array,
): Site | null {
  const { index } = context;
  let site: Site | null = null;
  if (heap !== null) {
    const calls = heap.callsOf(load.prefix);
    const block = heap.allocateBlock(calls.blockBytes());
    calls.init(block, index, variant.cpus, seedOf(args.seed, index));
    const parameters = load.parameters(args.scale, variant.cpus);
    for (const [number, { value }] of parameters.entries()) calls.parameter(block, number, value);
    calls.arrays(block, heap.allocateBlock(calls.bytes(block)));
    site = { variant, heap, load, calls, block, shared: 0, steps: STEPS_FIRST, begun: 0 };
    if (index === 0) share(site, table);
  }
  context.startLine();
  if (site !== null) {
    site.shared = Atomics.load(table, 0) >>> 0;
    site.calls.shared(site.block, site.shared);
    site.calls.prepare(site.block);
  }
  context.startLine();
  return site;
}

/** CPU 0 makes what all share, and tells the others where it lies. */
function share({ heap, calls, block }: Site, table: Int32Array): void {
  const bytes = calls.sharedBytes(block);
  if (bytes === 0) return;
  const shared = heap.allocateBlock(bytes);
  calls.shared(block, shared);
  calls.share(block);
  Atomics.store(table, 0, shared);
}

/** Be a new CPU, with what the one before has left. */
function renew(site: Site): void {
  site.heap.renew();
  site.calls = site.heap.callsOf(site.load.prefix);
}

function seedOf(seed: number, cpu: number): number {
  return (seed ^ Math.imul(cpu + 1, 0x85eb_ca6b)) >>> 0;
}

/**
 * @returns false if the run was stopped. All CPUs look between the same two start lines, and CPU 0
 * stops it only outside of these: whoever looked at another time could leave one line too early.
 */
function runWindow(
  context: JobContext,
  args: LoadJobArgs,
  board: LoadBoard,
  index: number,
  site: Site | null,
  window: number,
): boolean {
  const load = loadNamed(args.load);
  if (site !== null && load.between !== "none") renew(site);
  if (load.between === "inherit") inherit(context, site, board.tableOf(index));
  if (context.index === 0 && context.isStopped()) board.stop();
  context.startLine();
  if (board.isStopped) return false;
  if (site !== null) {
    site.begun = context.now();
    const isRecorded = window >= 0;
    const recorder = isRecorded ? board.recorder(index, context.index) : null;
    const record = isRecorded
      ? run(context, args, site, load.renewSteps, (ns, count) => recorder?.record(ns, count))
      : warmUp(context, args, site, load.renewSteps);
    if (isRecorded) board.write(index, window, context.index, record);
  }
  context.startLine();
  if (site !== null && window >= 0) {
    board.writeSpan(index, window, context.index, (context.now() - site.begun) * NS_PER_MS);
  }
  if (context.index === 0 && window >= 0) board.endWindow();
  return true;
}

/** Every CPU goes on with the arrays of the next. */
function inherit(context: JobContext, site: Site | null, table: Int32Array): void {
  if (site !== null) {
    table[context.index] = site.calls.arrays(site.block, 0);
  }
  context.startLine();
  if (site === null) return;
  const { calls, block, variant } = site;
  calls.arrays(block, (table[(context.index + 1) % variant.cpus] ?? 0) >>> 0);
}

/** Find how many steps take as long as a chunk should. */
function warmUp(context: JobContext, args: LoadJobArgs, site: Site, renew: number): WindowRecord {
  const record = run(context, args, site, renew, (ns, count) => {
    const chunkNs = ns * count;
    if (chunkNs < args.chunkMs * NS_PER_MS * 0.7) site.steps = Math.min(STEPS_MAX, site.steps * 2);
  });
  return record;
}

function run(
  context: JobContext,
  { windowMs }: LoadJobArgs,
  site: Site,
  renewSteps: number,
  record: (ns: number, count: number) => void,
): WindowRecord {
  const { block } = site;
  let operations = 0;
  let idleNs = 0;
  let chunks = 0;
  const begun = context.now();
  const end = begun + windowMs;
  let before = begun;
  while (before < end) {
    const done = site.calls.phase(block, renewSteps > 0 ? renewSteps : site.steps);
    if (renewSteps > 0) renew(site);
    const now = context.now();
    const ns = (now - before) * NS_PER_MS;
    if (done === 0) {
      idleNs += ns;
      if (site.calls.failed(block) !== 0) break;
    } else {
      record(ns / done, done);
      chunks++;
    }
    operations += done;
    before = now;
  }
  return { operations, elapsedNs: (before - begun) * NS_PER_MS, idleNs, chunks };
}

/** Free everything of every variant, and leave the heaps. */
function takeDown(context: JobContext, sites: readonly (Site | null)[]): VariantEnd[] {
  const ends: VariantEnd[] = [];
  for (const [variant, site] of sites.entries()) {
    const written = site !== null && context.index === 0 ? memoryOf(site.variant) : null;
    const pages = written === null ? null : pagesWritten(written);
    const end = remove(context, site);
    if (site === null || end === null) continue;
    ends.push({ variant, steps: site.steps, pagesWritten: pages, ...end });
    site.heap.end();
  }
  return ends;
}

function memoryOf({ handle, peer, memory }: LoadVariant): WebAssembly.Memory | null {
  return handle?.memory ?? peer?.memory ?? memory;
}

/** Free what a load has, CPU after CPU: what one leaves in shared arrays the last one frees. */
function remove(
  context: JobContext,
  site: Site | null,
): Pick<VariantEnd, "remote" | "damaged" | "isOutOfMemory"> | null {
  context.startLine();
  site?.calls.release(site.block);
  context.startLine();
  if (site === null) return null;
  const { heap, calls, block, shared } = site;
  const isOutOfMemory = calls.failed(block) !== 0;
  const [remote, damaged] = [calls.remote(block), calls.damaged(block) + heap.broken()];
  if (context.index === 0 && shared !== 0) heap.freeBlock(shared);
  heap.freeBlock(calls.arrays(block, 0) >>> 0);
  heap.freeBlock(block);
  return { remote, damaged, isOutOfMemory };
}
