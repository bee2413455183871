/**
 * Making a module that asks before every access: hooks, then Asyncify, so that the host can
 * suspend it there and go on with another.
 *
 * Works on the emitted, optimised binary: what is explored is what runs, because hooks put in
 * before optimising would keep the optimiser from doing its work. Memory accesses that Asyncify
 * itself adds come later and are not hooked.
 *
 * Binaryen is a tool of the build, not of the published package: it is loaded only here.
 */
import type Binaryen from "binaryen";
import { GROW, HOOK, Hooker, NOTIFY, SIZE, SPAN, SWAPPED, WAIT } from "./hooker.js";
import { withNames } from "./name-section.js";
import type { Places } from "./places.js";
import { type CallSignature, HANDLER_CALLS, SITE_TABLE_VERSION, type SiteTable } from "./sites.js";
import { InstrumentError } from "./walker.js";

export { InstrumentError };

type Api = typeof Binaryen;
type Module = InstanceType<Api["Module"]>;

export interface InstrumentOptions {
  /** Names by function index, for a binary that has no name section. */
  readonly names?: readonly string[];
  /** Exports that handlers may call. @default HANDLER_CALLS */
  readonly handlerCalls?: readonly string[];
  /** 0 takes a third of the time, for a bigger module. @default 2 */
  readonly optimizeLevel?: number;
  /** Where the sources have each access. */
  readonly places?: Places;
}

export interface Instrumented {
  readonly wasm: Uint8Array;
  readonly table: SiteTable;
  /** The module with hooks and before Asyncify, as text: what a test of completeness counts. */
  readonly text: string;
}

const POINT = "machine/point";
const NEXT = "machine/next";
const ARGUMENT = "machine/argument";
const DONE = "machine/done";
const HANDLER = "machine/handler";

/**
 * Instrument a binary.
 *
 * @throws InstrumentError that says which function cannot be instrumented and why
 */
export async function instrument(
  bytes: Uint8Array,
  { names, handlerCalls = HANDLER_CALLS, optimizeLevel = 2, places }: InstrumentOptions = {},
): Promise<Instrumented> {
  const { default: api } = await loadBinaryen();
  const module = api.readBinary(names === undefined ? bytes : withNames(bytes, names));
  try {
    module.setFeatures(featuresOf(api));
    const own = functionsOf(api, module);
    const calls = callsOf(api, module);
    const hooker = new Hooker(api, module);
    for (const name of own) hookFunction(hooker, name);
    const operations = handlerCalls.filter((name) => calls[name] !== undefined);
    addHost(api, module, operations, calls);
    const text = module.emitText();
    const wasm = finish(api, module, optimizeLevel);
    const table = {
      version: SITE_TABLE_VERSION,
      build: await hashOf(bytes),
      sites: hooker.sites.map((site) => ({
        ...site,
        place: places?.get(site.function)?.[site.index] ?? null,
      })),
      calls: Object.fromEntries(
        Object.entries(calls).map(([name, { parameters, hasResult }]) => [
          ...([name, { parameters, hasResult }] as const),
        ]),
      ),
      handlerCalls: operations,
    };
    return { wasm, table, text };
  } finally {
    module.dispose();
  }
}

async function loadBinaryen(): Promise<{ default: Api }> {
  try {
    return await import("binaryen");
  } catch {
    throw new InstrumentError(
      "instrumenting: expected the package binaryen, got none; " +
        "try the instrumented modules that the package brings, or npm install --save-dev binaryen",
    );
  }
}

/** What engines have without flags; of more, Binaryen might make use (types of the GC proposal). */
function featuresOf({ Features: of }: Api): number {
  const memory = of.Atomics | of.BulkMemory | of.BulkMemoryOpt;
  return memory | of.SIMD128 | of.MutableGlobals | of.SignExt | of.NontrappingFPToInt;
}

function hookFunction(hooker: Hooker, name: string): void {
  try {
    hooker.hook(name);
  } catch (error) {
    if (!(error instanceof InstrumentError)) throw error;
    throw new InstrumentError(`instrumenting: the function ${name} cannot be: ${error.message}`);
  }
}

function functionsOf(api: Api, module: Module): string[] {
  const all = Array.from({ length: module.getNumFunctions() }, (_, index) =>
    api.getFunctionInfo(module.getFunctionByIndex(index)),
  );
  return all.filter(({ base }) => base === "").map(({ name }) => name);
}

interface Call extends CallSignature {
  readonly target: string;
}

/** Exported functions whose parameters and result are i32. */
function callsOf(api: Api, module: Module): Record<string, Call> {
  const calls: Record<string, Call> = {};
  for (let index = 0; index < module.getNumExports(); index++) {
    const { kind, name, value } = api.getExportInfo(module.getExportByIndex(index));
    if (kind !== api.ExternalFunction) continue;
    const { params, results } = api.getFunctionInfo(module.getFunction(value));
    const types = [...api.expandType(params), ...api.expandType(results)];
    if (types.some((type) => type !== api.i32)) continue;
    const parameters = api.expandType(params).length;
    calls[name] = { target: value, parameters, hasResult: results === api.i32 };
  }
  return calls;
}

/** Imports, the hook, and the handler that runs an NMI's operations inside wasm. */
function addHost(
  api: Api,
  module: Module,
  operations: readonly string[],
  calls: Readonly<Record<string, Call>>,
): void {
  const { i32, none } = api;
  const many = (count: number) => api.createType(Array.from({ length: count }, () => i32));
  const add = (name: string, parameters: number, results: number) =>
    module.addFunctionImport(name, ...split(name), many(parameters), results);
  add(POINT, 2, i32);
  add(SPAN, 3, none);
  add(SWAPPED, 1, none);
  add(WAIT, 3, i32);
  add(NOTIFY, 2, i32);
  add(SIZE, 0, i32);
  add(GROW, 1, i32);
  add(NEXT, 0, i32);
  add(ARGUMENT, 1, i32);
  add(DONE, 1, none);
  const site = () => module.local.get(0, i32);
  const address = () => module.local.get(1, i32);
  // A handler may come at the same access again, and a switch after it: so ask until it is "go".
  const ask = module.if(
    module.call(POINT, [site(), address()], i32),
    module.block(null, [module.call(HANDLER, [], none), module.br("again")]),
  );
  module.addFunction(HOOK, many(2), none, [], module.loop("again", ask));
  module.addFunction(HANDLER, none, none, [i32], handlerBody(api, module, operations, calls));
}

/** Loop: ask for an operation, call it, hand over its result; -1 ends. */
function handlerBody(
  api: Api,
  module: Module,
  operations: readonly string[],
  calls: Readonly<Record<string, Call>>,
): number {
  const { i32, none } = api;
  const operation = () => module.local.get(0, i32);
  const cases = operations.map((name, index) => {
    const { target, parameters, hasResult } = calls[name] as Call;
    const operands = Array.from({ length: parameters }, (_, at) =>
      module.call(ARGUMENT, [module.i32.const(at)], i32),
    );
    const call = module.call(target, operands, hasResult ? i32 : none);
    const done = (value: number) => module.call(DONE, [value], none);
    const body = hasResult
      ? [done(call), module.br("next")]
      : [call, done(module.i32.const(0)), module.br("next")];
    return module.if(module.i32.eq(operation(), module.i32.const(index)), module.block(null, body));
  });
  const loop = [module.local.set(0, module.call(NEXT, [], i32)), ...cases];
  return module.loop("next", module.block(null, loop));
}

function split(name: string): [string, string] {
  const [space = "", field = ""] = name.split("/");
  return [space, field];
}

function finish(api: Api, module: Module, optimizeLevel: number): Uint8Array {
  api.setOptimizeLevel(optimizeLevel);
  api.setShrinkLevel(0);
  api.setDebugInfo(true);
  const suspending = [POINT, WAIT].map((name) => split(name).join("."));
  api.setPassArgument("asyncify-imports", suspending.join(","));
  try {
    module.runPasses(["asyncify"]);
    module.optimize();
    if (module.validate() === 0) throw new InstrumentError("instrumenting: the result is invalid");
    return module.emitBinary();
  } finally {
    api.clearPassArguments();
    api.setDebugInfo(false);
  }
}

/** First 8 hex digits of SHA-256. */
async function hashOf(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", Uint8Array.from(bytes));
  return [...new Uint8Array(digest)]
    .slice(0, 4)
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
