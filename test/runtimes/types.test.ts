/**
 * The declarations of the packed library, checked themselves (`skipLibCheck: false`).
 *
 * Goal: they compile wherever a program of today is compiled: with TypeScript 5.6 to 6, with and
 * without the library "dom", with and without the types of Node; and what they say is of use in
 * each. Method: two programs against the installed tarball, with each compiler.
 */
import { execFile } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import { rows } from "../support/tier.js";
import { packed } from "./support/packed.js";

const CHECKER = resolve(import.meta.dirname, "support", "types.mjs");
const folders = await packed();

/** Uses what there is in every program. */
const CONSUMER = `
import { attachHeap, createHeap } from "slablab";
import type { Cpu, HeapHandle, HeapModules, WasmMemory, WasmModule } from "slablab";
const modules: HeapModules = { reap: new Uint8Array(8), debug: "file:///debug.wasm" };
const heap = await createHeap({ cpus: 2, modules, wasmUrl: "file:///slablab.wasm" });
export const handle: HeapHandle = { ...heap.handle };
export const memory: WasmMemory = handle.memory;
export const module: WasmModule = handle.module;
export const bytesThere: number = handle.memory.buffer.byteLength + handle.memory.grow(0);
const cpu: Cpu = (await attachHeap(handle)).cpu();
const address: number = cpu.kmalloc(64);
export const bytes: Uint8Array = cpu.bytes(address, 64);
export const shared: SharedArrayBuffer = cpu.bytes(address, 64).subarray(1).buffer;
export const words: Int32Array = cpu.view(address, Int32Array, 4);
export const longs: BigInt64Array = cpu.view(address, BigInt64Array, 4);
Atomics.store(cpu.view(address, Int32Array, 4), 0, 1);
// @ts-expect-error: a number, and no any
export const text: string = cpu.kmalloc(64);
// @ts-expect-error: no such array
export const floats: Float64Array = cpu.view(address, Int32Array, 4);
cpu.exports.free(cpu.exports.malloc(5));
`;

/** Uses the types of "dom" for what the library takes and gives. */
const DOM_CONSUMER = `${CONSUMER}
export const domModule: WebAssembly.Module = handle.module;
export const domMemory: WebAssembly.Memory = handle.memory;
export const instance = new WebAssembly.Instance(handle.module, { env: { memory: handle.memory } });
await attachHeap({ memory: domMemory, module: domModule });
await createHeap({ module: domModule, modules: { reap: domModule } });
await createHeap({ module: new ArrayBuffer(8), modules: { reap: new URL("file:///reap.wasm") } });
await createHeap({ wasmUrl: new URL("file:///slablab.wasm") });
`;

beforeAll(() => {
  writeFileSync(join(folders.project, "consumer.ts"), CONSUMER);
  writeFileSync(join(folders.project, "consumer-dom.ts"), DOM_CONSUMER);
});

/** In the ordinary run the oldest and the newest. */
const VERSIONS = ["5.6", "5.7", "5.8", "5.9", "6"];

test.each(rows(VERSIONS, (version) => version === "5.6" || version === "6"))(
  "compile with TypeScript %s, with and without dom and node",
  async (version) => {
    const typescript = join(folders.runtimes, `typescript-${version}`);
    expect(existsSync(typescript)).toBe(true);
    const node = join(folders.runtimes, "@types", "node");
    const args = [CHECKER, typescript, node, folders.project];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    expect(JSON.parse(stdout)).toEqual([]);
  },
);
