/**
 * Reaping: taking over what a CPU held whose thread is gone.
 *
 * `worker.terminate()` and crashes end a thread between any two of its accesses: its CPU stays
 * taken, locks may be held, objects and slabs in its hands are on no list. Another CPU breaks the
 * locks and rebuilds what they protected. Nobody but the caller can know that the thread is gone.
 */
import { type ReapCall, instantiateReap, reapCallOf } from "./abi.js";
import { type CpuState, checkTask } from "./cpu-state.js";
import { throwNotInteger } from "./errors.js";
import { type FieldTable, readFieldTable } from "./fields.js";
import type { HeapView } from "./view.js";

/** What was found on a CPU whose thread is gone: see `Heap.reap()`. */
export interface ReapReport {
  /** The number, which is free again. */
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
   * Objects that may be lost, at most: those that it was freeing for others. The argument of a free
   * of its own and the result of an allocation, which nobody can know of, come on top. What it had
   * allocated is no loss: it stays as it is, for whoever has the addresses.
   */
  readonly lost: number;
  /** Objects in use that it allocated, of caches that note it; null: no build with slab_debug. */
  readonly tracked: number | null;
}

const CPU_FREE = 0;

/** @throws RangeError, TypeError unless `cpu` is a number of the heap that is taken */
export function checkDead(view: HeapView, cpu: number, cpus: number): void {
  if (!Number.isInteger(cpu) || cpu < 0 || cpu >= cpus) {
    throwNotInteger(`heap.reap: cpu (the heap was made for ${cpus} CPUs)`, cpu, 0, cpus - 1);
  }
  if (isTaken(view, cpu)) return;
  throw new RangeError(
    `heap.reap: cpu: expected a CPU whose thread is gone, got ${cpu}, which nobody is; ` +
      `heap.cpu(${cpu}) takes it as it is`,
  );
}

/** A thread that calls is not gone. */
export function throwOwn(cpu: number): never {
  throw new RangeError(
    `heap.reap: cpu: expected a CPU whose thread is gone, got ${cpu}, which is of this thread; ` +
      "end it with cpu.offline()",
  );
}

/**
 * Reap as the CPU of `state`.
 *
 * @param module the module `reap`; null: the state's own instance has cpu_reap()
 * @throws RangeError if somebody else does at this moment; Error inside nmi() or a constructor
 */
export function reapAs(
  state: CpuState,
  module: WebAssembly.Module | null,
  victim: number,
): ReapReport {
  checkTask(state, "heap.reap");
  const { view, area } = state;
  const own = module === null ? reapCallOf(state.exports) : null;
  const reap = own ?? reaperOf(state, module as WebAssembly.Module);
  const report = area + view.table.constants.CPU_SCRATCH;
  const table = module === null ? view.table : readFieldTable(module);
  if (reap(victim, report) === 1) return readReport(view, table, report, victim);
  throw new RangeError(
    `heap.reap: cpu: expected a CPU that nobody reaps yet, got ${victim}; ` +
      "its number is free once the other call has returned",
  );
}

function reaperOf({ view, memory, id }: CpuState, module: WebAssembly.Module): ReapCall {
  return instantiateReap(module, memory, { base: view.base, cpu: id });
}

/** @param table of the module that wrote it: the release build does not know the report */
function readReport(view: HeapView, table: FieldTable, at: number, cpu: number): ReapReport {
  view.refresh();
  const fields = table.fields.filter(({ struct }) => struct === "reap_report");
  const read = (name: string) => {
    const field = fields.find((each) => each.name === name);
    return field === undefined ? 0 : view.u32(at + field.offset);
  };
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
    tracked: view.table.build.debugs ? read("tracked") : null,
  };
}

/** Whether some thread is that CPU, or reaps it. */
export function isTaken(view: HeapView, cpu: number): boolean {
  view.refresh();
  const { cpu_areas, cpu_area_size } = view.header();
  const { state } = view.table.offsets.cpu_area;
  return view.u32(cpu_areas + cpu * cpu_area_size + state) !== CPU_FREE;
}
