/** Programs of other packages, whose heaps are peers of ours: only their allocator is called. */

/** Functions that are meant to do something, by name. */
export type ProgramFunctions = Readonly<Record<string, (...args: number[]) => number>>;

/** Entries of a table that a program brings its functions into. */
const TABLE_ENTRIES = 20_000;

/**
 * An instance on `memory`. Not by the loader: it would wrap what loads call once more, and these
 * programs were not written in AssemblyScript.
 *
 * Everything else that `module` imports is a function that returns 0 or a global of 0, as nothing
 * of the program runs but what the caller calls.
 */
export function instantiateProgram(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  functions: ProgramFunctions = {},
): WebAssembly.Exports {
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    imports[from] ??= {};
    imports[from][name] = importOf(kind, memory, functions[name]);
  }
  return new WebAssembly.Instance(module, imports).exports;
}

function importOf(
  kind: WebAssembly.ImportExportKind,
  memory: WebAssembly.Memory,
  given: ProgramFunctions[string] | undefined,
): WebAssembly.ImportValue {
  if (kind === "memory") return memory;
  if (kind === "global") return new WebAssembly.Global({ value: "i32", mutable: true }, 0);
  if (kind === "table")
    return new WebAssembly.Table({ initial: TABLE_ENTRIES, element: "anyfunc" });
  return given ?? (() => 0);
}
