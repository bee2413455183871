/**
 * Goal: a program that brings the wasm itself can bring every module a heap may need, and learns
 * when the heap is made what it has not brought. Method: heaps from URLs, bytes and modules, from
 * folders that lack files, and a copy of the library that lies where no wasm is, as in a bundle.
 */
import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type HeapModules, type HeapOptions, attachHeap, createHeap } from "slablab";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");
const WASM = join(ROOT, "dist", "wasm");
const NAMES = ["release", "stats", "hardened", "debug", "trace", "model", "reap"] as const;
type Name = (typeof NAMES)[number];
const MIB = 2 ** 20;

const urlOf = (name: Name) => pathToFileURL(join(WASM, `${name}.wasm`));
const bytesOf = (name: Name) => readFileSync(urlOf(name));
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "slablab-modules-"));
  folders.push(folder);
  return folder;
}

/** A folder with some of the wasm files, as somebody deployed them. */
function deploy(...names: Name[]): URL {
  const folder = makeFolder();
  for (const name of names) copyFileSync(urlOf(name), join(folder, `${name}.wasm`));
  return pathToFileURL(`${folder}/`);
}

const LOADER = "node_modules/@assemblyscript/loader";

/**
 * The library where no wasm lies beside it: what a bundler that knows no assets makes of it.
 *
 * @param form commonjs: it does not know its own address either
 */
function bundle(form: "module" | "commonjs"): Promise<typeof import("slablab")> {
  const folder = makeFolder();
  const copy = (path: string) => cpSync(join(ROOT, path), join(folder, path), { recursive: true });
  for (const path of ["dist/heap", "dist/index.js", "package.json", LOADER]) copy(path);
  const load = join(folder, "dist/heap/load.js");
  const text = readFileSync(load, "utf8");
  if (form === "commonjs")
    writeFileSync(load, text.replace(/(?<!\()import\.meta\.url/g, "undefined"));
  return import(/* @vite-ignore */ pathToFileURL(join(folder, "dist/index.js")).href);
}

let bundled: typeof import("slablab");
let commonjs: typeof import("slablab");
beforeAll(async () => {
  [bundled, commonjs] = [await bundle("module"), await bundle("commonjs")];
});

/** Make a heap, let a CPU of another Heap object stand for a dead Worker's, and reap it. */
async function makeAndReap(library: typeof import("slablab"), options: HeapOptions) {
  const heap = await library.createHeap({ cpus: 3, maximumBytes: 16 * MIB, ...options });
  heap.cpu(0);
  (await library.attachHeap(heap.handle)).cpu(1).kmalloc(100);
  const { cpu } = await heap.reap(1);
  expect(heap.validate()).toEqual([]);
  return cpu;
}

describe("a bundle without wasm beside it", () => {
  test("reaps with the reap.wasm beside wasmUrl", async () => {
    const wasmUrl = new URL("release.wasm", deploy("release", "reap"));
    expect(await makeAndReap(bundled, { wasmUrl })).toBe(1);
  });

  test("reaps with modules by URL, text, bytes and module", async () => {
    const reap = await WebAssembly.compile(bytesOf("reap"));
    for (const modules of [
      { release: urlOf("release"), reap: urlOf("reap").href },
      { release: bytesOf("release"), reap },
      { release: await WebAssembly.compile(bytesOf("release")), reap: bytesOf("reap") },
    ]) {
      expect(await makeAndReap(bundled, { modules })).toBe(1);
    }
    expect(await makeAndReap(bundled, { module: bytesOf("release"), modules: { reap } })).toBe(1);
  });

  test("says when the heap is made that reap is missing, and what to try", async () => {
    const wasmUrl = new URL("release.wasm", deploy("release"));
    for (const options of [
      { wasmUrl },
      { wasmUrl: `data:application/wasm;base64,${bytesOf("release").toString("base64")}` },
      { module: bytesOf("release") },
      { modules: { release: wasmUrl } },
    ]) {
      await expect(bundled.createHeap(options)).rejects.toThrow(
        /options\.modules\.reap: expected .*reap.*, got none .*reap\.wasm.*; try createHeap\(/,
      );
    }
  });

  test("goes without it where it is told to, and other threads do so too", async () => {
    const options = { cpus: 2, modules: { release: bytesOf("release"), reap: null } };
    const heap = await bundled.createHeap(options);
    expect(heap.handle.reap).toBeNull();
    const other = await bundled.attachHeap(structuredClone(heap.handle));
    other.cpu(1);
    await expect(heap.reap(1)).rejects.toThrow(/heap\.reap: expected a heap that can be reaped/);
  });

  test.each<[Name, HeapOptions]>([
    ["stats", { build: "stats" }],
    ["model", { build: "model" }],
    ["debug", { build: "debug" }],
    ["debug", { slabDebug: "FZ" }],
    ["trace", { build: "trace" }],
    ["hardened", { hardened: true }],
  ])("has the build %s by modules, else a sentence: %o", async (name, options) => {
    await expect(bundled.createHeap(options)).rejects.toThrow(
      `try createHeap({ modules: { ${name} } }) with a URL, the bytes or the module of ` +
        `"slablab/${name}.wasm"`,
    );
    const modules: HeapModules = { [name]: bytesOf(name) };
    expect(await makeAndReap(bundled, { ...options, modules })).toBe(1);
  });
});

describe("a bundle in CommonJS form", () => {
  test.each([{}, { build: "stats" }] as const)(
    "says what to pass, with an example: %o",
    async (options) => {
      await expect(commonjs.createHeap(options)).rejects.toThrow(
        /import\.meta\.url.*; try createHeap\(\{ (wasmUrl|modules: \{ stats)/,
      );
    },
  );

  test("works with wasmUrl, and reaps", async () => {
    const wasmUrl = new URL("release.wasm", deploy("release", "reap"));
    expect(await makeAndReap(commonjs, { wasmUrl })).toBe(1);
  });
});

describe("createHeap({ modules })", () => {
  test("takes the package's own files where nothing is given", async () => {
    expect(
      await makeAndReap({ attachHeap, createHeap } as never, { module: bytesOf("release") }),
    ).toBe(1);
  });

  test("puts into the handle what other threads need", async () => {
    const release = await createHeap({ cpus: 1 });
    expect(release.handle.reap).toBeInstanceOf(WebAssembly.Module);
    const debug = await createHeap({ cpus: 1, build: "debug" });
    expect(debug.handle.reap).toBeNull();
    const { memory, module } = release.handle;
    expect((await attachHeap({ memory, module })).handle.reap).toBe(release.handle.reap);
  });

  test.each<[object, RegExp]>([
    [{ modules: 5 }, /options\.modules: expected an object, got 5/],
    [{ modules: { fast: "x" } }, /options\.modules\.fast: expected one of release, .*, reap, got/],
    [
      { modules: { release: 5 } },
      /options\.modules\.release: expected a .*Module.* or a URL, got 5/,
    ],
    [{ modules: { release: null } }, /options\.modules\.release: expected .*, got null/],
    [{ modules: { reap: "no url" } }, /options\.modules\.reap: expected a URL, got "no url"/],
    [{ modules: { reap: bytesOf("debug") } }, /expected the file reap\.wasm .* got another module/],
    [{ wasmUrl: {} }, /options\.wasmUrl: expected a URL, got an object/],
  ])("a bad one is a TypeError (%#)", async (options, message) => {
    const error = await createHeap(options as HeapOptions).then(
      () => null,
      (thrown) => thrown,
    );
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toMatch(message);
  });

  test("every name is a file that the package exports", () => {
    const { resolve: find } = createRequire(join(ROOT, "package.json"));
    for (const name of NAMES) expect(find(`slablab/${name}.wasm`)).toBe(join(WASM, `${name}.wasm`));
    expect(find("slablab/slablab.wasm")).toBe(join(WASM, "sheaf.wasm"));
  });
});
