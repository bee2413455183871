/**
 * Reaping: taking over what a CPU held whose thread is gone.
 *
 * `worker.terminate()` and crashes end a thread between any two of its accesses: its CPU stays
 * taken, locks may be held, objects and slabs in its hands are on no list. Another CPU breaks the
 * locks and rebuilds what they protected; a thread that is none does so as one of the dead. Nobody
 * but the caller can know that the thread is gone: so each is first said to be dead, and recovery
 * begins when no other CPU holds on to a lock as a dead one would. Where one does, before or in the
 * middle, it waits here, not in the wasm, so that this thread can learn of more. In browsers it
 * first waits until the thread is gone.
 */
import { type ReapCalls, hasReap, instantiateReap, reapCallsOf, standIn } from "./abi.js";
import { CPU_FREE, CPU_REAPER_SHIFT, CPU_REAPING, CPU_TAKEN } from "./constants.js";
import { type CpuState, checkTask } from "./cpu-state.js";
import { throwNotInteger } from "./errors.js";
import { type FieldTable, readFieldTable } from "./fields.js";
import { awaitEnd, endsUnseen, threadSign } from "./thread-sign.js";
import type { HeapView } from "./view.js";
import type { WasmMemory, WasmModule } from "./wasm-types.js";

/**
 * What was found on a CPU whose thread is gone: see `Heap.reap()`. CPUs that are known to be dead
 * are recovered together: the figures are of all of them, in the report of one of the calls; those
 * of the others are 0.
 */
export interface ReapReport {
  /** The number, which is free again. Of a call for several CPUs: the first. */
  readonly cpu: number;
  /** Locks it held, which were broken. */
  readonly locks: number;
  /** Slabs it allocated from or had in its hands, which went back to their nodes. */
  readonly slabs: number;
  /** Pages of 4 KiB that it kept or had in its hands, which are free again. */
  readonly pages: number;
  /** Objects whose free it had put off, or was about to make for others: they are free now. */
  readonly objects: number;
  /** Free objects of its slabs that were on their way from one list to another. */
  readonly freeObjects: number;
  /** Pages and sheaves of objects that wait for a grace period, which the heap has now. */
  readonly rcuPages: number;
  /** Bytes that memory control groups were charged for nothing. */
  readonly chargedBytes: number;
  /**
   * Objects that may be lost, at most: those that it was freeing for others, one for each drain, or
   * 16 that it had taken together after a grace period. The argument of a free
   * of its own and the result of an allocation, which nobody can know of, come on top. What it had
   * allocated is no loss: it stays as it is, for whoever has the addresses.
   */
  readonly lost: number;
  /** Objects in use that it allocated, of caches that note it; null: no build with slab_debug. */
  readonly tracked: number | null;
}

/** How long a CPU may hold a lock that it takes for less than a millisecond. */
const PATIENCE_MS = 10_000;
const PAUSE_MS_MAX = 50;

/** Where a heap is reaped. */
export interface ReapPlace {
  readonly view: HeapView;
  /** The heap's own build. */
  readonly module: WasmModule;
  /** The module `reap`, where that build leaves recovery to it. */
  readonly reap: WasmModule | null | undefined;
  readonly memory: WasmMemory;
  readonly cpus: number;
  /** CPUs of this thread that are online. */
  readonly own: () => readonly CpuState[];
}

/**
 * Take over from CPUs whose threads are gone, and from all others that are known to be.
 *
 * @throws RangeError, TypeError for a number that cannot be; Error inside nmi() or a constructor,
 * and after ten seconds in which a CPU did not let go of a lock, or another thread reaped one
 */
export async function reapCpus(
  place: ReapPlace,
  dead: readonly [number, ...number[]],
): Promise<ReapReport> {
  const { view, memory } = place;
  for (const cpu of dead) checkDead(place, cpu);
  const module = hasReap(place.module) ? place.module : (place.reap ?? throwNeverReaped());
  for (const state of place.own()) checkTask(state, "heap.reap");
  const gone = endsUnseen() ? await whoIsGone(place, dead) : dead;
  // At once, before the number can be another thread's. One that is reaped already is waited for.
  for (const cpu of gone) exchangeState(place, cpu, CPU_TAKEN, CPU_REAPING);
  const calls = instantiateReap(module, memory);
  const isLeft = () => dead.some((cpu) => isDead(view, cpu));
  const until = performance.now() + PATIENCE_MS;
  let report: ReapReport | null = null;
  for (let pause = 1; isLeft(); pause = Math.min(pause * 2, PAUSE_MS_MAX)) {
    const blocker = calls.reap_blocker(view.base) - 1;
    if (blocker < 0) report = reapOnce(place, module, calls, dead) ?? report;
    if (!isLeft()) break;
    if (performance.now() > until) throwBlocked(view, dead, blocker);
    await sleep(pause);
  }
  return report ?? reportOf(dead[0], () => 0, view.table.build.debugs);
}

/**
 * Wait until the threads of all of `dead` are gone: see thread-sign.ts.
 *
 * @returns those whose numbers are no other thread's by then
 * @throws Error if one is alive after ten seconds
 */
async function whoIsGone(place: ReapPlace, dead: readonly number[]): Promise<number[]> {
  const signOf = (cpu: number) => fieldOf(place.view, cpu, "thread");
  const waited = dead.map(async (cpu) => {
    if (isDead(place.view, cpu)) return [];
    const sign = signOf(cpu);
    if (!(await awaitEnd(sign, PATIENCE_MS))) throwAlive(cpu);
    return signOf(cpu) === sign ? [cpu] : [];
  });
  return (await Promise.all(waited)).flat();
}

function throwAlive(cpu: number): never {
  throw new Error(
    `heap.reap: cpu: expected a CPU whose thread is gone, got ${cpu}, whose thread has held its ` +
      `Web Lock for ${PATIENCE_MS / 1000} s and so is alive; end it with worker.terminate()`,
  );
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** @throws RangeError, TypeError */
function checkNumber({ cpus }: ReapPlace, call: string, cpu: number): void {
  if (Number.isInteger(cpu) && cpu >= 0 && cpu < cpus) return;
  throwNotInteger(`${call}: cpu (the heap was made for ${cpus} CPUs)`, cpu, 0, cpus - 1);
}

/** @throws RangeError, TypeError unless it is a number that is taken, and not by this thread */
function checkDead(place: ReapPlace, cpu: number): void {
  const { view, own } = place;
  checkNumber(place, "heap.reap", cpu);
  const isOurs = threadSign() !== 0 && fieldOf(view, cpu, "thread") === threadSign();
  if (own().some(({ id }) => id === cpu) || (isOurs && stateOf(view, cpu) === CPU_TAKEN)) {
    throw new RangeError(
      `heap.reap: cpu: expected a CPU whose thread is gone, got ${cpu}, which is of this thread; ` +
        "end it with cpu.offline()",
    );
  }
  if (isTaken(view, cpu)) return;
  throw new RangeError(
    `heap.reap: cpu: expected a CPU whose thread is gone, got ${cpu}, which nobody is; ` +
      `heap.cpu(${cpu}) takes it as it is`,
  );
}

function throwNeverReaped(): never {
  throw new Error(
    "heap.reap: expected a heap that can be reaped, got one that was made without the module " +
      "reap; create it without modules: { reap: null }",
  );
}

function throwBlocked(
  view: HeapView,
  dead: readonly [number, ...number[]],
  blocker: number,
): never {
  const seconds = PATIENCE_MS / 1000;
  const all = dead.join(", ");
  if (blocker >= 0) {
    throw new Error(
      `heap.reap: CPU ${blocker} has kept CPU ${all} from being reaped for ${seconds} s, ` +
        `by a lock it holds; if its thread is gone too, heap.reap(${blocker}) reaps all of them`,
    );
  }
  const reaped = dead.find((cpu) => reaperOf(view, cpu) >= 0) ?? dead[0];
  const reaper = reaperOf(view, reaped);
  const hint =
    reaper === reaped
      ? `heap.reaperDied(${reaped}), then heap.reap(${reaped}) takes over its work`
      : `heap.reap(${reaper}) takes over its work`;
  throw new Error(
    reaper < 0
      ? `heap.reap: CPU ${all} could not be reaped for ${seconds} s, since live CPUs held locks ` +
          "each time; try again when they do less"
      : `heap.reap: another thread has been reaping CPU ${reaped} for ${seconds} s, as CPU ` +
          `${reaper}; if it is gone, ${hint}`,
  );
}

/**
 * One pass, as a CPU of this thread, or as one of the dead.
 *
 * @param module the module `reap`, or the heap's own, which has the calls
 * @returns null if it could not be done: others reap them, or hold a lock
 */
function reapOnce(
  { view, own }: ReapPlace,
  module: WasmModule,
  calls: ReapCalls,
  dead: readonly [number, ...number[]],
): ReapReport | null {
  const [mine] = own();
  if (mine !== undefined) {
    const work = () => reapAs(mine, module, dead[0]);
    // What its handler throws is thrown here: what the dead left has been taken over then.
    return mine.thrown === null ? work() : mine.thrown.call(work, () => {});
  }
  const table = readFieldTable(module);
  for (const cpu of dead) {
    // The area is nobody's when it is read here: another thread first has to become that CPU.
    const at = areaOf(view, cpu) + view.table.constants.CPU_SCRATCH;
    if (calls.cpu_reap_as(view.base, cpu, at) === 0) continue;
    return readReport(view, table, at, dead[0]);
  }
  return null;
}

/** Reap as the CPU of `state`. @returns as reapOnce() */
function reapAs(state: CpuState, module: WasmModule, cpu: number): ReapReport | null {
  const { view, memory, area } = state;
  const own = reapCallsOf(state.exports);
  const calls = own ?? standIn(instantiateReap(module, memory), view.base, state.id);
  const report = area + view.table.constants.CPU_SCRATCH;
  if (calls.cpu_reap_dead(report) === 0) return null;
  return readReport(view, own === null ? readFieldTable(module) : view.table, report, cpu);
}

/** @param table of the module that wrote it: the release build does not know the report */
function readReport(view: HeapView, table: FieldTable, at: number, cpu: number): ReapReport {
  view.refresh();
  const fields = table.fields.filter(({ struct }) => struct === "reap_report");
  const read = (name: string) => {
    const field = fields.find((each) => each.name === name);
    return field === undefined ? 0 : view.u32(at + field.offset);
  };
  return reportOf(cpu, read, view.table.build.debugs);
}

function reportOf(cpu: number, read: (name: string) => number, debugs: boolean): ReapReport {
  return {
    cpu,
    locks: read("locks"),
    slabs: read("slabs"),
    pages: read("pages"),
    objects: read("objects"),
    freeObjects: read("freelists"),
    rcuPages: read("rcu_pages"),
    chargedBytes: read("charges"),
    lost: read("lost"),
    tracked: debugs ? read("tracked") : null,
  };
}

/** Whether some thread is that CPU, was it until it died, or reaps it. */
export function isTaken(view: HeapView, cpu: number): boolean {
  return stateOf(view, cpu) !== CPU_FREE;
}

/** Whether it is known to be dead, and its number is not free yet. */
function isDead(view: HeapView, cpu: number): boolean {
  return (stateOf(view, cpu) & CPU_REAPING) !== 0;
}

/** The CPU as which some thread recovers it, which may be itself; -1: none does. */
function reaperOf(view: HeapView, cpu: number): number {
  return isDead(view, cpu) ? (stateOf(view, cpu) >>> CPU_REAPER_SHIFT) - 1 : -1;
}

/** Say that the thread is gone that recovers CPU `cpu` as that CPU. @returns whether one did */
export function reaperDied(place: ReapPlace, cpu: number): boolean {
  checkNumber(place, "heap.reaperDied", cpu);
  const reapsItself = CPU_REAPING | ((cpu + 1) << CPU_REAPER_SHIFT);
  return exchangeState(place, cpu, reapsItself, CPU_REAPING);
}

/** What cpu_died() and cpu_reaper_died() do, in JavaScript. @returns whether it was `from` */
function exchangeState({ view, memory }: ReapPlace, cpu: number, from: number, to: number) {
  const at = areaOf(view, cpu) + view.table.offsets.cpu_area.state;
  return Atomics.compareExchange(new Int32Array(memory.buffer), at >>> 2, from, to) === from;
}

function areaOf(view: HeapView, cpu: number): number {
  view.refresh();
  const { cpu_areas, cpu_area_size } = view.header();
  return cpu_areas + cpu * cpu_area_size;
}

function stateOf(view: HeapView, cpu: number): number {
  return fieldOf(view, cpu, "state");
}

function fieldOf(view: HeapView, cpu: number, field: "state" | "thread"): number {
  return view.u32(areaOf(view, cpu) + view.table.offsets.cpu_area[field]);
}
