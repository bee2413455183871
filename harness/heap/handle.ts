/**
 * What a thread joins a heap by, and the refusal of what is no heap, or one that was written over.
 */
import { isUnsigned } from "./abi.js";
import { describe, hex, tagOf } from "./errors.js";
import type { FieldTable } from "./fields.js";
import { type FoundHeap, findHeap } from "./find.js";
import { brokenGuard, headerFaults } from "./header.js";
import type { HeapView } from "./view.js";
import type { WasmMemory, WasmModule } from "./wasm-types.js";

/** What another thread needs to join: it can be posted to a Worker as it is. */
export interface HeapHandle {
  /** The heap, all of it: a shared memory. */
  readonly memory: WasmMemory;
  /** The allocator, compiled. */
  readonly module: WasmModule;
  /**
   * What `heap.reap()` runs where the allocator itself has no room for it, compiled; null: it has,
   * or the heap is never reaped. Left out of a handle that is put together by hand, it is looked
   * for beside the library.
   */
  readonly reap?: WasmModule | null;
  /**
   * Address of the heap's header. Left out of a handle that is put together by hand, it is looked
   * for at the few hundred places where one can be.
   */
  readonly base?: number;
}

/** An attach that meets a heap in the middle of its boot looks this often, this far apart. */
const BOOT_LOOKS = 100;
const BOOT_LOOK_MS = 20;

/** @throws TypeError unless it is a memory, a module, and perhaps a second one and an address */
export function checkHandle(handle: unknown): asserts handle is HeapHandle {
  const { memory, module, reap = null, base } = (handle ?? {}) as Partial<HeapHandle>;
  const isShared =
    tagOf(memory) === "WebAssembly.Memory" && tagOf(memory?.buffer) === "SharedArrayBuffer";
  const hasPlace = base === undefined || isUnsigned(base);
  const hasModules = [module, reap ?? module].every((each) => tagOf(each) === "WebAssembly.Module");
  if (isShared && hasModules && hasPlace) return;
  throw new TypeError(
    "attachHeap: expected { memory, module } with a shared WebAssembly.Memory, got " +
      `${describe(handle)}; pass heap.handle of the heap that createHeap() made`,
  );
}

/** @throws Error for a heap that would be misread */
export function refuseDamage(view: HeapView): void {
  const [fault] = headerFaults(view);
  const at = fault === undefined ? brokenGuard(view) : null;
  if (fault === undefined && at === null) return;
  const got = fault ?? `one whose guard above the reserve was written to at ${hex(at ?? 0)}`;
  throw new Error(
    `attachHeap: expected a heap whose header at ${hex(view.base)} is as boot wrote it, got ` +
      `${got}; look for a program that outgrew its reserveBytes`,
  );
}

/** @returns address of the heap's header. @throws Error if there is none, or it is no use */
export async function findBase(handle: HeapHandle, table: FieldTable): Promise<number> {
  const { memory, base } = handle;
  let found: FoundHeap = { state: "none" };
  for (let look = 0; look < BOOT_LOOKS; look++) {
    found = findHeap(memory.buffer, table, base);
    if (found.state !== "booting") break;
    await new Promise((resolve) => setTimeout(resolve, BOOT_LOOK_MS));
  }
  switch (found.state) {
    case "ready":
      return found.base;
    case "booting":
      throw new Error(
        "attachHeap: expected a heap that finishes its boot, got one that did not within " +
          `${(BOOT_LOOKS * BOOT_LOOK_MS) / 1000} s; create it again with createHeap()`,
      );
    case "foreign":
      throw new Error(
        `attachHeap: expected a heap of ABI version ${table.constants.ABI_VERSION}, got one of ` +
          `version ${found.abiVersion}; use one version of slablab in all threads`,
      );
    case "none":
      if (base !== undefined) {
        throw new Error(
          `attachHeap: expected the header of a heap at handle.base, ${hex(base)}, got something ` +
            "else; look for a program that outgrew its reserveBytes and wrote over it",
        );
      }
      throw new Error(
        "attachHeap: expected a memory that holds a heap, got one without; " +
          "pass heap.handle of a heap that createHeap() made",
      );
  }
}
