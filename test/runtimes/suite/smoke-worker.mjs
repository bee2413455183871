/**
 * A Worker of the smoke suite: becomes a CPU of the heap it is given and does what it is asked.
 *
 * Each message is { task, argument } and is answered by { result } or { error }.
 */
import { attachHeap } from "slablab";

let cpu;

const tasks = {
  async attach(handle) {
    cpu = (await attachHeap(handle)).cpu();
    return cpu.id;
  },
  /** Objects of all sizes up to 2 KiB, each filled with its own address. */
  allocate(count) {
    return Array.from({ length: count }, (_, index) => {
      const size = 8 + ((index * 40) % 2048);
      const pointer = cpu.kmalloc(size);
      cpu.view(pointer, Uint32Array, size / 4).fill(pointer);
      return { pointer, size };
    });
  },
  /** Frees what another CPU allocated; false if it found something else in it. */
  free(objects) {
    return objects.every(({ pointer, size }, index) => {
      const words = cpu.view(pointer, Uint32Array, size / 4);
      const isIntact = words[0] === pointer && words[words.length - 1] === pointer;
      if (index % 3 === 0) cpu.kfreeNolock(pointer);
      else cpu.kfree(pointer);
      return isIntact;
    });
  },
  churn(turns) {
    const live = [];
    for (let turn = 0; turn < turns; turn++) {
      if (live.length > 50) cpu.kfree(live.splice((turn * 7) % live.length, 1)[0]);
      const pointer = turn % 4 === 0 ? cpu.kmallocNolock(64) : cpu.kmalloc(64 + (turn % 200));
      if (pointer !== 0) live.push(pointer);
    }
    for (const pointer of live) cpu.kfree(pointer);
  },
  offline() {
    cpu.offline();
  },
};

async function answer({ task, argument }, reply) {
  try {
    reply({ result: await tasks[task](argument) });
  } catch (error) {
    reply({ error: String(error?.stack ?? error) });
  }
}

// A Worker of Node has no `self.postMessage`; Deno and Bun have it in Workers of both kinds, but it
// is for the Web's: which kind this is, parentPort tells.
const port = globalThis.process?.getBuiltinModule?.("node:worker_threads")?.parentPort ?? null;
if (port !== null) {
  port.on("message", (message) => answer(message, (reply) => port.postMessage(reply)));
} else {
  globalThis.onmessage = ({ data }) => answer(data, (reply) => globalThis.postMessage(reply));
}
