/**
 * The modules of a heap: its own build, and `reap` beside a build that has no room for recovery.
 *
 * Both are had before there is a heap. A program must not learn from its first dead Worker that a
 * file was never deployed.
 */
import { hasReap, isReap } from "./abi.js";
import { hasLayer } from "./agreement.js";
import { type FieldTable, readFieldTable } from "./fields.js";
import {
  type ModuleName,
  besideUrl,
  compileBuild,
  compileGiven,
  compileSource,
  compileUrl,
  messageOf,
} from "./load.js";
import type { HeapOptions, PercpuLayer, ResolvedOptions } from "./options.js";
import type { ModuleSource, UrlLike, WasmModule } from "./wasm-types.js";

/** The compiled modules of a heap. */
export interface LoadedModules {
  readonly module: WasmModule;
  /** The layout that `module` says it has. */
  readonly table: FieldTable;
  /** null: the module can reap by itself, or this heap is never reaped. */
  readonly reap: WasmModule | null;
}

/**
 * Compile what a heap of these options runs on.
 *
 * @throws TypeError, Error for what is no module of this version, or cannot be had
 */
export async function loadModules(
  options: HeapOptions,
  resolved: ResolvedOptions,
): Promise<LoadedModules> {
  const { modules = {}, wasmUrl } = options;
  const module = await loadOwn(options, resolved);
  const table = readFieldTable(module);
  return { module, table, reap: await loadReap(module, modules.reap, wasmUrl) };
}

function loadOwn(
  options: HeapOptions,
  { build = "release", hardened, percpu }: ResolvedOptions,
): Promise<WasmModule> {
  const { modules = {}, module, wasmUrl } = options;
  if (module !== undefined) return compileGiven("options.module", module);
  if (wasmUrl !== undefined) return compileUrl("options.wasmUrl", wasmUrl);
  const name = build === "release" ? releaseOf(hardened, percpu, options) : build;
  const given = modules[name];
  if (given !== undefined) return compileSource(`options.modules.${name}`, given);
  return compileBuild(name);
}

/**
 * The build `release` is a module for each per-CPU layer, which no fast path has to ask for. Of a
 * program that brings one of the two and names no layer it is that one.
 */
function releaseOf(
  hardened: boolean,
  percpu: PercpuLayer,
  { percpu: asked, modules = {} }: HeapOptions,
): Exclude<ModuleName, "reap"> {
  if (hardened) return "hardened";
  const brought =
    asked === undefined && modules.sheaf === undefined && modules.release !== undefined;
  return percpu === "slab" || brought ? "release" : "sheaf";
}

/**
 * The layer of a heap on this module: what was asked for, or what the module has.
 *
 * @throws RangeError if the program asks for a layer that the module has not
 */
export function layerOf(
  table: FieldTable,
  { percpu: asked }: HeapOptions,
  { percpu }: ResolvedOptions,
): PercpuLayer {
  if (hasLayer(table, percpu)) return percpu;
  const other = percpu === "sheaf" ? "slab" : "sheaf";
  if (asked === undefined) return other;
  throw new RangeError(
    `options.percpu: expected a layer that the module has, ${other} alone, got ${percpu}; ` +
      "leave options.module and options.wasmUrl out, or give those of the other layer",
  );
}

/**
 * The module `reap` for a heap that runs on `module`.
 *
 * @param given what the program brings; undefined: look for it
 * @param wasmUrl where the heap's own module was: `reap.wasm` may lie beside it
 * @returns null if the module needs none, or was given none
 * @throws TypeError, Error for what is no module of this version, or cannot be had
 */
export async function loadReap(
  module: WasmModule,
  given?: ModuleSource | null,
  wasmUrl?: string | UrlLike,
): Promise<WasmModule | null> {
  if (given === null || hasReap(module)) return null;
  if (given !== undefined) {
    return checkReap(await compileSource("options.modules.reap", given), module);
  }
  const beside = wasmUrl === undefined ? null : besideUrl("options.wasmUrl", wasmUrl, "reap.wasm");
  const places = [() => compileBuild("reap")];
  if (beside !== null) places.unshift(() => compileUrl("options.modules.reap", beside));
  const failures: string[] = [];
  for (const load of places) {
    try {
      return checkReap(await load(), module);
    } catch (error) {
      failures.push(messageOf(error));
    }
  }
  throw new Error(
    "options.modules.reap: expected the module reap, without which nothing can recover from a " +
      `Worker that died, got none (${failures.join("; ")}); try createHeap({ modules: { reap } })` +
      ' with a URL, the bytes or the module of "slablab/reap.wasm", or { reap: null } for a heap ' +
      "that is never reaped",
  );
}

/** @throws TypeError if it is another module than reap, or not of the version of `module` */
function checkReap(reap: WasmModule, module: WasmModule): WasmModule {
  const versionOf = (each: WasmModule) => readFieldTable(each).constants.ABI_VERSION;
  const other = isReap(reap) ? null : "another module";
  if (other === null && versionOf(reap) === versionOf(module)) return reap;
  throw new TypeError(
    "options.modules.reap: expected the file reap.wasm of the version that the heap's own module " +
      `is of, got ${other ?? "one of another version"}; try "slablab/reap.wasm" of this package`,
  );
}
