/**
 * What a `Cpu` and its `KmemCache`s share, and the checks and reports that both need.
 *
 * `calls` is replaced by functions that throw when the CPU goes offline, so that no hot path has
 * to ask whether it still exists.
 */
import type { HeapCalls, RawExports } from "./abi.js";
import { checkUnsigned } from "./arguments.js";
import type { Constructors } from "./constructors.js";
import type { ResolvedOptions } from "./options.js";
import { makeSlabError } from "./slab-error.js";
import type { Thrown } from "./thrown.js";
import type { Tracer } from "./trace.js";
import type { HeapView } from "./view.js";
import type { WasmMemory } from "./wasm-types.js";

export interface CpuState {
  readonly id: number;
  readonly memory: WasmMemory;
  readonly options: ResolvedOptions;
  readonly view: HeapView;
  readonly constructors: Constructors;
  /** The handler of this CPU's trace points, or null. */
  readonly tracer: Tracer | null;
  /** What its handlers threw; null: none can throw. */
  thrown: Thrown | null;
  /** Address of the CPU's area. */
  readonly area: number;
  /** Until `cpu.offline()`. */
  isOnline: boolean;
  calls: HeapCalls;
  exports: RawExports;
  /** The memory as words, as far as it reached when last somebody needed more (bulk.ts). */
  words: Uint32Array;
  /** Word of the area from which on a small bulk call has its addresses; 0 while one has. */
  bulkAt: number;
}

/**
 * Throw for a pointer the wasm refused.
 *
 * @param wanted name of the cache it was given to, or null
 */
export function throwRefused(
  state: CpuState,
  call: string,
  pointer: number,
  code: number,
  wanted: string | null = null,
): never {
  throw makeSlabError(state.view, { call, pointer, code, wanted });
}

/** @throws SlabError unless `pointer` is an object in use, NULL or ZERO_SIZE_PTR */
export function checkObject(state: CpuState, call: string, pointer: number): void {
  checkUnsigned(`${call}: pointer`, pointer);
  const refused = state.calls.check_object(pointer, 0);
  if (refused !== 0) throwRefused(state, call, pointer, refused);
}

/** @throws Error inside `nmi()`, a constructor or any other section of this CPU */
export function checkTask(state: CpuState, call: string): void {
  if (state.calls.preempt_count() === 0) return;
  throw new Error(
    `${call}: expected to be called outside nmi() and constructors and handlers of trace points, ` +
      "got a call from inside one; try it after they returned",
  );
}

/** @throws Error once the CPU is offline: for calls that need no wasm */
export function checkAlive(state: CpuState): void {
  state.calls.preempt_count();
}
