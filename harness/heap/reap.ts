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
  /** Objects whose free it had put off, which are free now or wait for the others. */
  readonly objects: number;
  /**
   * Objects that it is known to have had in its hands and that nobody can have any more. Those it
   * had allocated are not among them: they stay as they are, for whoever has their addresses.
   */
  readonly lost: number;
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
  const { view, memory, area } = state;
  const own = module === null ? reapCallOf(state.exports) : null;
  const reap = own ?? reaperOf(state, module as WebAssembly.Module);
  const report = area + view.table.constants.CPU_SCRATCH;
  new Uint32Array(memory.buffer, report, REPORT_WORDS).fill(0);
  if (reap(victim, report) === 1) return readReport(memory, report, victim);
  throw new RangeError(
    `heap.reap: cpu: expected a CPU that nobody reaps yet, got ${victim}; ` +
      "its number is free once the other call has returned",
  );
}

function reaperOf({ view, memory, area }: CpuState, module: WebAssembly.Module): ReapCall {
  return instantiateReap(module, memory, [area, view.base, view.header().mem_map]);
}

/** Words at CPU_SCRATCH: the ReapReport of assembly/reap/. */
const REPORT_WORDS = 8;

function readReport(memory: WebAssembly.Memory, at: number, cpu: number): ReapReport {
  const [locks = 0, slabs = 0, pages = 0, objects = 0, lost = 0] = new Uint32Array(
    memory.buffer,
    at,
    REPORT_WORDS,
  );
  return { cpu, locks, slabs, pages, objects, lost };
}

/** Whether some thread is that CPU, or reaps it. */
export function isTaken(view: HeapView, cpu: number): boolean {
  view.refresh();
  const { cpu_areas, cpu_area_size } = view.header();
  const { state } = view.table.offsets.cpu_area;
  return view.u32(cpu_areas + cpu * cpu_area_size + state) !== CPU_FREE;
}
