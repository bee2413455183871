/**
 * Whether a module and the memory it is to work on mean the same by the same words.
 *
 * Every thread brings its own module, and two that read a free object in different ways corrupt
 * the heap without a word. What must agree: the layout (the ABI version, compared by findHeap());
 * whether free objects carry stamps and caches may have slab_debug, and whether every counter
 * counts (`HeapHeader.build`); the per-CPU layer, where a module has only one; and a module that
 * cannot encode free pointers must not meet a heap whose are encoded. What need not: trace points
 * and the instructions of the model concern one CPU alone, and all other options are asked of the
 * header at every use, by every build.
 */
import {
  BUILD_DEBUG,
  BUILD_STATS,
  HEAP_HARDENED,
  HEAP_SHEAVES,
  PERCPU_SHEAF,
  PERCPU_SLAB,
} from "./constants.js";
import type { FieldTable } from "./fields.js";
import type { PercpuLayer } from "./options.js";
import type { HeapView } from "./view.js";

/** BUILD_* of assembly/base/config.ts, and what a build that has it does. */
const BUILD_BITS = [
  [BUILD_STATS, "that counts everything (stats, debug, trace)"],
  [BUILD_DEBUG, "with slab_debug and stamps (debug, trace)"],
] as const;

/** @returns true if heaps of this layer can run on the module. */
export function hasLayer(table: FieldTable, layer: PercpuLayer): boolean {
  const bit = layer === "sheaf" ? PERCPU_SHEAF : PERCPU_SLAB;
  return (table.constants.PERCPU_LAYERS & bit) !== 0;
}

/** @throws TypeError unless the module of `view`'s table may work on the heap it reads */
export function checkAgreement(view: HeapView): void {
  const { table } = view;
  const { build, options } = view.header();
  for (const [bit, what] of BUILD_BITS) {
    const [heap, mine] = [build & bit, table.constants.BUILD & bit];
    if (heap === mine) continue;
    throwOther(`${heap === 0 ? "no" : "a"} module ${what}`, mine === 0 ? "another" : "one");
  }
  const layer = (options & HEAP_SHEAVES) !== 0 ? "sheaf" : "slab";
  if (!hasLayer(table, layer)) {
    const what = layer === "sheaf" ? "are sheaves" : "is slabs";
    throwOther(`a module whose per-CPU layer ${what}`, "another");
  }
  if ((options & HEAP_HARDENED) !== 0 && !table.build.hardens) {
    throwOther("a module that encodes free pointers (hardened, debug, trace)", "another");
  }
}

/** @throws RangeError for `hardened` and a module that would leave the free pointers plain */
export function checkHardens(table: FieldTable): void {
  if (table.build.hardens) return;
  throw new RangeError(
    "options.hardened: expected a module that encodes free pointers, got one that leaves them " +
      "plain; try createHeap({ hardened, modules: { hardened } }) with hardened.wasm of this " +
      "version instead of options.module or options.wasmUrl",
  );
}

function throwOther(expected: string, got: string): never {
  throw new TypeError(
    `attachHeap: expected ${expected}, as the heap was made by, got ${got}; ` +
      "pass heap.handle whole: its module is the one that belongs to its memory",
  );
}
