/**
 * Reaping: taking over what a CPU held whose thread is gone.
 *
 * `worker.terminate()` and crashes end a thread between any two of its accesses: its CPU stays
 * taken, locks may be held, objects and slabs in its hands are on no list. Another CPU breaks the
 * locks and rebuilds what they protected. Nobody but the caller can know that the thread is gone:
 * so each is first said to be dead, and recovery begins when no other CPU holds on to a lock as a
 * dead one would. Until then it waits here, not in the wasm, so that this thread can learn of more.
 */
import { hasReap, instantiateReap, reapCallsOf, standIn } from "./abi.js";
import { CPU_FREE, CPU_REAPING } from "./constants.js";
import { type CpuState, checkTask } from "./cpu-state.js";
import { throwNotInteger } from "./errors.js";
import { type FieldTable, readFieldTable } from "./fields.js";
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
  /** Pages of objects that wait for a grace period, which another CPU has now. */
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
  /** Be one of them, or a CPU for this call. */
  readonly onCpu: (work: (state: CpuState) => ReapReport | null) => ReapReport | null;
}

/**
 * Take over from CPUs whose threads are gone, and from all others that are known to be.
 *
 * @throws RangeError, TypeError for a number that cannot be; RangeError for one that somebody else
 * reaps, and if no number is free; Error inside nmi() or a constructor, and after ten seconds in
 * which a CPU did not let go of a lock
 */
export async function reapCpus(
  place: ReapPlace,
  victims: readonly [number, ...number[]],
): Promise<ReapReport> {
  for (const victim of victims) checkDead(place, victim);
  const module = hasReap(place.module) ? place.module : (place.reap ?? throwNeverReaped());
  for (const state of place.own()) checkTask(state, "heap.reap");
  const { view, memory } = place;
  const calls = instantiateReap(module, memory);
  for (const victim of victims) {
    if (calls.cpu_died(view.base, victim) === 0) throwReaped(victim);
  }
  const isLeft = () => victims.some((victim) => isDead(view, victim));
  const until = performance.now() + PATIENCE_MS;
  let report: ReapReport | null = null;
  for (let pause = 1; isLeft(); pause = Math.min(pause * 2, PAUSE_MS_MAX)) {
    const blocker = calls.reap_blocker(view.base) - 1;
    if (blocker < 0) report = place.onCpu((state) => reapAs(state, module, victims[0])) ?? report;
    if (!isLeft()) break;
    if (performance.now() > until) throwBlocked(victims, blocker);
    await sleep(pause);
  }
  return report ?? reportOf(victims[0], () => 0, view.table.build.debugs);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** @throws RangeError, TypeError unless it is a number that is taken, and not by this thread */
function checkDead({ view, cpus, own }: ReapPlace, cpu: number): void {
  if (!Number.isInteger(cpu) || cpu < 0 || cpu >= cpus) {
    throwNotInteger(`heap.reap: cpu (the heap was made for ${cpus} CPUs)`, cpu, 0, cpus - 1);
  }
  if (own().some(({ id }) => id === cpu)) {
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

function throwReaped(cpu: number): never {
  throw new RangeError(
    `heap.reap: cpu: expected a CPU that nobody reaps yet, got ${cpu}; ` +
      "its number is free once the other call has returned",
  );
}

function throwNeverReaped(): never {
  throw new Error(
    "heap.reap: expected a heap that can be reaped, got one that was made without the module " +
      "reap; create it without modules: { reap: null }",
  );
}

function throwBlocked(victims: readonly number[], blocker: number): never {
  const seconds = PATIENCE_MS / 1000;
  const all = victims.join(", ");
  throw new Error(
    blocker < 0
      ? `heap.reap: another thread has been reaping CPU ${all} for ${seconds} s; ` +
          "if it is gone, reap the CPU that it was: that takes over its work"
      : `heap.reap: CPU ${blocker} has kept CPU ${all} from being reaped for ${seconds} s, ` +
          `by a lock it holds; if its thread is gone too, heap.reap(${blocker}) reaps all of them`,
  );
}

/**
 * Reap as the CPU of `state`.
 *
 * @param module the module `reap`, or the heap's own, which has the calls
 * @returns null if others reap all there was to reap
 */
function reapAs(state: CpuState, module: WasmModule, victim: number): ReapReport | null {
  const { view, memory, area } = state;
  const own = reapCallsOf(state.exports);
  const calls = own ?? standIn(instantiateReap(module, memory), view.base, state.id);
  const report = area + view.table.constants.CPU_SCRATCH;
  if (calls.cpu_reap_dead(report) === 0) return null;
  return readReport(view, own === null ? readFieldTable(module) : view.table, report, victim);
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

function stateOf(view: HeapView, cpu: number): number {
  view.refresh();
  const { cpu_areas, cpu_area_size } = view.header();
  const { state } = view.table.offsets.cpu_area;
  return view.u32(cpu_areas + cpu * cpu_area_size + state);
}
