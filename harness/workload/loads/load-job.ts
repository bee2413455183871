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
import { openHeap } from "./heaps.js";
import {
  type LoadVariant,
  type Site,
  type SiteEnd,
  age,
  furnish,
  remove,
  renew,
} from "./load-site.js";
import { pagesWritten } from "../peers/pages-written.js";

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
export interface VariantEnd extends SiteEnd {
  readonly variant: number;
  readonly steps: number;
  /** 4 KiB pages of the variant's memory that are not zero after the last window; of CPU 0. */
  readonly pagesWritten: number | null;
}

const WARM_UP_WINDOWS = 2;
const STEPS_MAX = 1 << 22;
const NS_PER_MS = 1e6;

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
  const { agedVisits = 0 } = variant;
  if (agedVisits > 0) age(context, args, variant, heap, table);
  return furnish(context, args, variant, heap, loadNamed(args.load), table);
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
