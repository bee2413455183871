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
import type { LoadCalls } from "./exports.js";
import { type HeapSource, type LoadHeap, openHeap } from "./heaps.js";

export interface LoadVariant extends HeapSource {
  /** CPUs that run; the others stand by. */
  readonly cpus: number;
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
}

const WARM_UP_WINDOWS = 2;
const STEPS_FIRST = 16;
const STEPS_MAX = 1 << 22;
const NS_PER_MS = 1e6;

/** One variant on this CPU. */
interface Site {
  readonly variant: LoadVariant;
  readonly heap: LoadHeap;
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
  const load = loadNamed(args.load);
  const takesPart = index < variant.cpus;
  let site: Site | null = null;
  if (takesPart) {
    const heap = await openHeap(variant, load, index, args.module);
    const { calls } = heap;
    const block = heap.allocateBlock(calls.blockBytes());
    calls.init(block, index, variant.cpus, seedOf(args.seed, index));
    const parameters = load.parameters(args.scale, variant.cpus);
    for (const [number, { value }] of parameters.entries()) calls.parameter(block, number, value);
    calls.arrays(block, heap.allocateBlock(calls.bytes(block)));
    site = { variant, heap, block, shared: 0, steps: STEPS_FIRST, begun: 0 };
    if (index === 0) share(site, table);
  }
  context.startLine();
  if (site !== null) {
    site.shared = Atomics.load(table, 0) >>> 0;
    site.heap.calls.shared(site.block, site.shared);
    site.heap.calls.prepare(site.block);
  }
  context.startLine();
  return site;
}

/** CPU 0 makes what all share, and tells the others where it lies. */
function share({ heap, block }: Site, table: Int32Array): void {
  const bytes = heap.calls.sharedBytes(block);
  if (bytes === 0) return;
  const shared = heap.allocateBlock(bytes);
  heap.calls.shared(block, shared);
  heap.calls.share(block);
  Atomics.store(table, 0, shared);
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
  if (load.between !== "none") site?.heap.renew();
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
    const { heap, block } = site;
    table[context.index] = heap.calls.arrays(block, 0);
  }
  context.startLine();
  if (site === null) return;
  const { heap, block, variant } = site;
  heap.calls.arrays(block, (table[(context.index + 1) % variant.cpus] ?? 0) >>> 0);
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
  const { heap, block } = site;
  let { calls }: { calls: LoadCalls } = heap;
  let operations = 0;
  let idleNs = 0;
  let chunks = 0;
  const begun = context.now();
  const end = begun + windowMs;
  let before = begun;
  while (before < end) {
    const done = calls.phase(block, renewSteps > 0 ? renewSteps : site.steps);
    if (renewSteps > 0) {
      heap.renew();
      ({ calls } = heap);
    }
    const now = context.now();
    const ns = (now - before) * NS_PER_MS;
    if (done === 0) {
      idleNs += ns;
      if (calls.failed(block) !== 0) break;
    } else {
      record(ns / done, done);
      chunks++;
    }
    operations += done;
    before = now;
  }
  return { operations, elapsedNs: (before - begun) * NS_PER_MS, idleNs, chunks };
}

/** Free everything, CPU after CPU: what one leaves in shared arrays the last one frees. */
function takeDown(context: JobContext, sites: readonly (Site | null)[]): VariantEnd[] {
  const ends: VariantEnd[] = [];
  for (const [variant, site] of sites.entries()) {
    context.startLine();
    site?.heap.calls.release(site.block);
    context.startLine();
    if (site === null) continue;
    const { heap, block, steps, shared } = site;
    const { calls } = heap;
    const isOutOfMemory = calls.failed(block) !== 0;
    const [remote, damaged] = [calls.remote(block), calls.damaged(block)];
    ends.push({ variant, steps, remote, damaged, isOutOfMemory });
    if (context.index === 0 && shared !== 0) heap.freeBlock(shared);
    heap.freeBlock(calls.arrays(block, 0));
    heap.freeBlock(block);
    heap.end();
  }
  return ends;
}
