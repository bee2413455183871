/**
 * A C program whose malloc() is this heap's: built on one Worker, freed on another.
 * Run: node tree.mjs
 *
 * Each Worker is a CPU and has an instance of the program, bound to that CPU's malloc() and free():
 * the raw exports, which trust their arguments as C does. A pointer that one instance made means
 * the same in the other. Bytes below `reserveBytes` are the program's own: its data and its stack,
 * here the root of the tree.
 */
import { readFileSync } from "node:fs";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { attachHeap, createHeap } from "slablab";

const ROOT = 4096; // struct node *root, above the null page
const KEYS = 10_000;

if (isMainThread) await main();
else await work();

async function main() {
  const program = await WebAssembly.compile(await assemble());
  const heap = await createHeap({ cpus: 2, reserveBytes: 65_536 });
  const run = (task) =>
    new Promise((resolve, reject) => {
      const data = { handle: heap.handle, program, task };
      const worker = new Worker(new URL(import.meta.url), { workerData: data });
      worker.once("message", resolve).once("error", reject);
    });
  console.log(await run("build"));
  console.log(await run("free"));
  console.log(`findings: ${heap.validate().length}`);
}

async function work() {
  const cpu = (await attachHeap(workerData.handle)).cpu();
  const { malloc, free } = cpu.exports;
  const imports = { env: { memory: workerData.handle.memory, malloc, free } };
  const { exports: tree } = await WebAssembly.instantiate(workerData.program, imports);
  const root = () => cpu.view(ROOT, Uint32Array, 1)[0];
  const answer = workerData.task === "build" ? build() : `freed ${tree.tree_free(root())} nodes`;
  // First offline, then the word that it is done: validate() wants a heap at rest.
  cpu.offline();
  parentPort.postMessage(answer);

  function build() {
    for (let n = 0; n < KEYS; n++) {
      if (tree.tree_insert(ROOT, Math.imul(n, 2_654_435_761) >>> 20) === 0) throw new Error("full");
    }
    return `added ${tree.tree_sum(root())} keys`;
  }
}

/** The wasm of tree.wat. With a C compiler this is to read tree.wasm. */
async function assemble() {
  const { default: binaryen } = await import("binaryen");
  const module = binaryen.parseText(readFileSync(new URL("tree.wat", import.meta.url), "utf8"));
  module.setFeatures(binaryen.Features.All);
  if (!module.validate()) throw new Error("expected tree.wat to be valid");
  return module.emitBinary();
}
