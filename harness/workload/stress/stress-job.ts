/**
 * What each Worker of a stress does.
 *
 * The load comes in sections. Between two of them all CPUs stand at a start line while the first
 * validates the heap and decides whether there is another section. Who finds something halts all
 * others where they are, so that the last operations of each say what happened at that time.
 */
import type { JobContext } from "../../cpu/job.js";
import { START_LINE_ERROR } from "../../cpu/start-line.js";
import { type HeapHandle, attachHeap } from "../../heap/heap.js";
import { Rested } from "../../heap/rested.js";
import { Exchange } from "../verify/exchange.js";
import { FindingError } from "../verify/finding.js";
import { Xorshift } from "../verify/xorshift.js";
import { Board } from "./stress-board.js";
import { CacheSlots } from "./stress-caches.js";
import { GROUP, StressCpu } from "./stress-cpu.js";
import { finish, freeAll, unpublish, validateHeap } from "./stress-ending.js";
import { step } from "./stress-operations.js";
import { endPressure, startPressure } from "./pressure.js";
import { Published } from "./published.js";
import { type Sabotage, Saboteur } from "./sabotage.js";
import { type StressSetup, streamOf } from "./stress-setup.js";

export interface StressArgs {
  readonly setup: StressSetup;
  readonly seed: number;
  readonly heap: HeapHandle;
  readonly shadow: SharedArrayBuffer;
  readonly board: SharedArrayBuffer;
  readonly caches: SharedArrayBuffer;
  readonly published: SharedArrayBuffer;
  /** An Int32 all CPUs share: 1 once there is no further section. */
  readonly ended: SharedArrayBuffer;
  readonly durationMs: number;
  /** Sections after which it is over, if time is not. */
  readonly sections: number;
  readonly sabotage: Sabotage | null;
  /** Gets a copy of the heap at each quiescent point; null: nobody wants one. */
  readonly rested: SharedArrayBuffer | null;
}

/** Operations of a CPU between two walks over the whole heap. */
const SECTION_OPERATIONS = 8192;
/** One step in so many is followed by a look at the exchange. */
const EXCHANGE_RARITY = 6;
/** Operations between two looks at the clock. */
const CLOCK_MASK = 127;
/** The first quiescent point and one in so many others tries to destroy a cache that is in use. */
const REFUSE_RARITY = 4;
/** What slab_debug says of a cache that is to go and has objects. */
const OBJECTS_REMAIN =
  /^BUG stress-\d.*: Objects remaining on __kmem_cache_shutdown\(\)$|^Object 0x\w+ @offset=\d+$/m;
/** What the group may be charged, in bytes for each CPU: less than its objects take at most. */
const GROUP_BYTES = 96 * 4096;

/** Never throws for what it finds: that is on the board. */
export async function stressJob(context: JobContext, args: StressArgs): Promise<void> {
  const board = new Board(context.cpus, args.board);
  try {
    await stress(context, args, board);
  } catch (error) {
    if (error instanceof FindingError) board.halt(context.index, error.finding);
    // Others left the start line, or an operation, because of a finding.
    else if (!(error instanceof Error && error.name === START_LINE_ERROR && board.isHalted)) {
      throw error;
    }
  }
}

async function stress(context: JobContext, args: StressArgs, board: Board): Promise<void> {
  const { index, cpus } = context;
  const { setup, seed } = args;
  const heap = await attachHeap(args.heap);
  const cpu = new StressCpu({
    ...{ heap, index, cpus, board },
    random: new Xorshift(seed, streamOf(setup, index)),
    shadow: new Int32Array(args.shadow),
    caches: new CacheSlots(args.caches),
    published: new Published(args.published),
  });
  const exchange = new Exchange(heap.handle.memory);
  if (index === 0) cpu.cpu.memcgCreate({ name: GROUP, limitBytes: cpus * GROUP_BYTES });
  context.startLine();
  cpu.joinGroup();
  sections(context, args, cpu, exchange);
  if (board.isHalted) return;
  exchange.takeAll(cpu);
  if (index === 0) unpublish(cpu);
  freeAll(cpu);
  context.startLine();
  if (index !== 0) cpu.leave();
  context.startLine();
  if (index === 0) finish(cpu);
  cpu.flushCounts();
  cpu.throwFinding();
}

function sections(context: JobContext, args: StressArgs, cpu: StressCpu, exchange: Exchange): void {
  const ended = new Int32Array(args.ended);
  const deadlineMs = context.now() + args.durationMs;
  const isOver = () => context.now() >= deadlineMs || context.isStopped();
  const saboteur =
    args.sabotage === null || context.index !== 0 ? null : new Saboteur(args.sabotage);
  for (let section = 0; Atomics.load(ended, 0) === 0; section++) {
    if (section % context.cpus === context.index) startPressure(cpu);
    load(cpu, exchange, saboteur, isOver);
    cpu.objects.checkAll();
    cpu.flushCounts();
    cpu.throwFinding();
    if (cpu.board.isHalted) return;
    context.startLine();
    if (context.index === 0) {
      if (args.rested !== null) new Rested(args.rested).take(cpu.heap.handle.memory);
      rest(cpu, section === 0);
      if (isOver() || section + 1 >= args.sections) Atomics.store(ended, 0, 1);
    }
    cpu.throwFinding();
    context.startLine();
    endPressure(cpu);
  }
}

function load(
  cpu: StressCpu,
  exchange: Exchange,
  saboteur: Saboteur | null,
  isOver: () => boolean,
): void {
  const until = cpu.operations + SECTION_OPERATIONS;
  while (cpu.operations < until && !cpu.board.isHalted) {
    saboteur?.plant(cpu);
    step(cpu);
    if (cpu.random.below(EXCHANGE_RARITY) === 0) {
      if (cpu.random.below(2) === 0) exchange.give(cpu);
      else exchange.take(cpu);
    }
    // Everybody leaves a section early when time is up: the line is where they meet.
    if ((cpu.operations & CLOCK_MASK) === 0 && isOver()) return;
  }
}

/** Look at everything. Context: all CPUs are at the start line. */
function rest(cpu: StressCpu, isFirst: boolean): void {
  validateHeap(cpu);
  cpu.throwFinding();
  if (!isFirst && cpu.random.below(REFUSE_RARITY) !== 0) return;
  cpu.run("cacheDestroy", 0, () => {
    const refused = cpu.withReports(OBJECTS_REMAIN, () => cpu.caches.refuse(cpu.cpu, cpu.random));
    if (refused === null) return;
    cpu.count("destroysRefused");
    if (refused.wrong !== null) cpu.report("leak", refused.wrong);
  });
}
