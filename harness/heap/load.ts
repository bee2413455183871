/**
 * Compiles the wasm: files of this package, or what the caller brings.
 *
 * Each file is compiled once per thread; threads that get a handle use the modules in it. The URLs
 * of `sheaf` and `reap` are written out, because that is the form in which bundlers see an asset:
 * a bundle gets those two. The others lie beside them in the package, and a program that bundles
 * names theirs (`HeapOptions.modules`).
 */
import { describe, tagOf } from "./errors.js";
import { nodeModule } from "./runtime.js";
import type { Bytes, ModuleSource, UrlLike, WasmModule } from "./wasm-types.js";

const BUNDLED_URLS = {
  sheaf: () => new URL("../wasm/sheaf.wasm", import.meta.url),
  reap: () => new URL("../wasm/reap.wasm", import.meta.url),
} as const;

/** Every wasm file that a heap can need, of which the package exports each: `slablab/NAME.wasm`. */
export const MODULE_NAMES = [
  ...(["release", "sheaf", "stats", "hardened", "debug", "trace", "model"] as const),
  "reap",
] as const;
export type ModuleName = (typeof MODULE_NAMES)[number];

/** Every wasm file of the package; `bench*`, `loads` and `tlsf` are the commands'. */
export type WasmFile = ModuleName | "bench" | "bench-stats" | "bench-sheaf" | "loads" | "tlsf";

/** Compiled, or being compiled, by URL: asking twice compiles once. */
const modules = new Map<string, Promise<WebAssembly.Module>>();

/** Compile one of the package's own files. @throws Error if it cannot be found or read */
export async function compileBuild(name: WasmFile): Promise<WasmModule> {
  const url = urlOf(name);
  try {
    return await compileOnce(url);
  } catch (error) {
    throw new Error(`${messageOf(error)}; check that it is built and served, or ${tryFor(name)}`, {
      cause: error,
    });
  }
}

/**
 * Use `module` wherever this thread asks for a build from now on: how tests run what they run on an
 * allocator that was changed on purpose.
 */
export function provideBuild(name: WasmFile, module: WasmModule): void {
  modules.set(urlOf(name).href, Promise.resolve(module));
}

/** Where a build lies, there or not. @throws Error in a bundle that does not know where it lies */
function urlOf(name: WasmFile): URL {
  try {
    if (name === "sheaf" || name === "reap") return BUNDLED_URLS[name]();
    // Not the form that bundlers look for: they would take every file of the folder.
    const here = import.meta.url;
    return new URL(`../wasm/${name}.wasm`, here);
  } catch (error) {
    throw new Error(
      `expected to find the file ${name}.wasm of slablab beside this script, got none: the ` +
        "script knows no address of its own (import.meta.url), as in a bundle in CommonJS form; " +
        tryFor(name),
      { cause: error },
    );
  }
}

/** The same as text: declarations of the package name no type that only some libraries have. */
export function buildHref(name: WasmFile): string {
  return urlOf(name).href;
}

/** What a program does that a file of the package cannot be found from. */
function tryFor(name: WasmFile): string {
  const more = '"slablab/slablab.wasm" and "slablab/reap.wasm"';
  if (name === "sheaf") {
    return (
      'try createHeap({ wasmUrl: "file:///srv/slablab.wasm" }) with reap.wasm beside it, or ' +
      `createHeap({ modules: { sheaf, reap } }) with URLs, bytes or modules of ${more}`
    );
  }
  return (
    `try createHeap({ modules: { ${JSON.stringify(name).replace(/^"(\w+)"$/, "$1")} } }) ` +
    `with a URL, the bytes or the module of "slablab/${name}.wasm"`
  );
}

/**
 * Compile what a program brings: a module is one already.
 *
 * @param option its name in messages: `options.modules.reap`
 * @throws TypeError for anything else, Error if it is a URL and nothing can be read there
 */
export async function compileSource(option: string, source: ModuleSource): Promise<WasmModule> {
  if (tagOf(source) === "WebAssembly.Module") return source as WasmModule;
  if (isBytes(source)) return WebAssembly.compile(source as BufferSource);
  if (isUrl(source)) return compileUrl(option, source);
  throw new TypeError(
    `${option}: expected a WebAssembly.Module, the bytes of one or a URL, got ` +
      `${describe(source)}; try await WebAssembly.compile(bytes)`,
  );
}

/** The same for options that take no URL. */
export function compileGiven(option: string, given: ModuleSource): Promise<WasmModule> {
  if (tagOf(given) === "WebAssembly.Module" || isBytes(given)) return compileSource(option, given);
  throw new TypeError(
    `${option}: expected a WebAssembly.Module or the bytes of one, ` +
      `got ${describe(given)}; try await WebAssembly.compile(bytes)`,
  );
}

function isBytes(source: unknown): source is Bytes {
  return ArrayBuffer.isView(source) || tagOf(source) === "ArrayBuffer";
}

function isUrl(source: unknown): source is string | UrlLike {
  return typeof source === "string" || typeof (source as UrlLike | null)?.href === "string";
}

/**
 * Compile the wasm at `url`; a page resolves a relative one against itself.
 *
 * @throws TypeError if it is no URL, Error if nothing can be read there
 */
export async function compileUrl(option: string, url: string | UrlLike): Promise<WasmModule> {
  const parsed = parseUrl(option, url);
  try {
    return await compileOnce(parsed);
  } catch (error) {
    throw new Error(`${messageOf(error)}; check that it is served, or try another ${option}`, {
      cause: error,
    });
  }
}

/** @throws TypeError if it is no URL */
function parseUrl(option: string, url: string | UrlLike): URL {
  const base = (globalThis as { location?: Location }).location?.href;
  try {
    if (isUrl(url)) return new URL(typeof url === "string" ? url : url.href, base);
  } catch {
    // Said below, with what is no URL at all.
  }
  throw new TypeError(
    `${option}: expected a URL, got ${describe(url)}; ` +
      'try new URL("./slablab.wasm", import.meta.url)',
  );
}

/** The file `name` in the folder of `url`; null where there is no folder: a `data:` URL. */
export function besideUrl(option: string, url: string | UrlLike, name: string): UrlLike | null {
  const parsed = parseUrl(option, url);
  try {
    return new URL(name, parsed);
  } catch {
    return null;
  }
}

function compileOnce(url: URL): Promise<WebAssembly.Module> {
  const known = modules.get(url.href);
  if (known !== undefined) return known;
  const module = compile(url);
  modules.set(url.href, module);
  // A failure is not remembered: the file may be there the next time.
  module.catch(() => modules.delete(url.href));
  return module;
}

async function compile(url: URL): Promise<WebAssembly.Module> {
  // Node's fetch knows no file: URLs; those of Deno and Bun do, but reading is the same there.
  const files = url.protocol === "file:" ? nodeModule("node:fs/promises") : null;
  try {
    if (files !== null) return await WebAssembly.compile(await files.readFile(url));
    return await compileResponse(await fetch(url));
  } catch (error) {
    const text = `expected the wasm of slablab at ${url.href}, got: ${messageOf(error)}`;
    throw new Error(text, { cause: error });
  }
}

/** What was thrown, as the part of a sentence. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function compileResponse(response: Response): Promise<WebAssembly.Module> {
  if (!response.ok) throw new Error(`HTTP status ${response.status}`);
  // Streaming insists on the MIME type application/wasm, which many servers do not send.
  const type = response.headers.get("content-type") ?? "";
  if (type.startsWith("application/wasm")) return WebAssembly.compileStreaming(response);
  return WebAssembly.compile(await response.arrayBuffer());
}
