/**
 * Finds and compiles the wasm: a build of this package, or bytes that the caller brings.
 *
 * Each module is compiled once per thread; threads that get a handle use the module in it. The
 * URL of each build is written out, because that is the form in which bundlers see an asset.
 */
import { describe, tagOf } from "./errors.js";
import { nodeModule } from "./runtime.js";

const BUILD_URLS = {
  release: () => new URL("../wasm/release.wasm", import.meta.url),
  stats: () => new URL("../wasm/stats.wasm", import.meta.url),
  hardened: () => new URL("../wasm/hardened.wasm", import.meta.url),
  trace: () => new URL("../wasm/trace.wasm", import.meta.url),
  debug: () => new URL("../wasm/debug.wasm", import.meta.url),
  model: () => new URL("../wasm/model.wasm", import.meta.url),
  bench: () => new URL("../wasm/bench.wasm", import.meta.url),
  "bench-stats": () => new URL("../wasm/bench-stats.wasm", import.meta.url),
  loads: () => new URL("../wasm/loads.wasm", import.meta.url),
  reap: () => new URL("../wasm/reap.wasm", import.meta.url),
} as const;

/** Every wasm file of the package; `bench*`, `loads` and `reap` are no option of a heap. */
export type WasmFile = keyof typeof BUILD_URLS;

/** Compiled, or being compiled, by URL: asking twice compiles once. */
const modules = new Map<string, Promise<WebAssembly.Module>>();

/** Compile one of the package's own builds. @throws Error if the file cannot be read */
export function compileBuild(name: WasmFile): Promise<WebAssembly.Module> {
  return compileOnce(BUILD_URLS[name]());
}

/** Where a build lies, whether it is there or not. */
export function buildUrl(name: WasmFile): URL {
  return BUILD_URLS[name]();
}

/**
 * Use `module` wherever this thread asks for a build from now on: how tests run what they run on an
 * allocator that was changed on purpose.
 */
export function provideBuild(name: WasmFile, module: WebAssembly.Module): void {
  modules.set(BUILD_URLS[name]().href, Promise.resolve(module));
}

/**
 * Compile the wasm at `wasmUrl`; a page resolves a relative one against itself.
 *
 * @throws TypeError if it is no URL, Error if nothing can be read there
 */
export function compileUrl(wasmUrl: string | URL): Promise<WebAssembly.Module> {
  return compileOnce(parseUrl(wasmUrl));
}

/** Take a module as it is, or compile bytes. @throws TypeError for anything else */
export async function compileGiven(
  given: WebAssembly.Module | BufferSource,
): Promise<WebAssembly.Module> {
  if (tagOf(given) === "WebAssembly.Module") return given as WebAssembly.Module;
  if (ArrayBuffer.isView(given) || tagOf(given) === "ArrayBuffer") {
    return WebAssembly.compile(given as BufferSource);
  }
  throw new TypeError(
    "options.module: expected a WebAssembly.Module or the bytes of one, " +
      `got ${describe(given)}; try await WebAssembly.compile(bytes)`,
  );
}

function parseUrl(wasmUrl: string | URL): URL {
  const base = (globalThis as { location?: Location }).location?.href;
  try {
    return new URL(wasmUrl, base);
  } catch {
    throw new TypeError(
      `options.wasmUrl: expected a URL, got ${describe(wasmUrl)}; ` +
        'try new URL("./slablab.wasm", import.meta.url)',
    );
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
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `expected the wasm of slablab at ${url.href}, got: ${reason}; ` +
        "check that it is built and served, or try options.wasmUrl or options.module",
      { cause: error },
    );
  }
}

async function compileResponse(response: Response): Promise<WebAssembly.Module> {
  if (!response.ok) throw new Error(`HTTP status ${response.status}`);
  // Streaming insists on the MIME type application/wasm, which many servers do not send.
  const type = response.headers.get("content-type") ?? "";
  if (type.startsWith("application/wasm")) return WebAssembly.compileStreaming(response);
  return WebAssembly.compile(await response.arrayBuffer());
}
