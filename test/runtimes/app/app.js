/**
 * A page with two Workers that share a heap, as somebody would write it who installed the package.
 *
 * Each Worker allocates, the other one frees; the page, which may not wait, allocates too. Ends by
 * writing what happened into #out, as JSON with `state: "done"`.
 */
import { createHeap } from "slablab";

const ROUNDS = 20;
const OBJECTS = 500;

/** Start the Worker and resolve to a function that gives it an order. */
function startWorker(handle) {
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  return (order) =>
    new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage({ handle, ...order });
    });
}

async function main() {
  const heap = await createHeap({ cpus: 3, maximumBytes: 64 * 2 ** 20 });
  const cpu = heap.cpu();
  const [left, right] = [startWorker(heap.handle), startWorker(heap.handle)];
  let remoteFrees = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const own = cpu.kmalloc(100);
    const lists = await Promise.all([left, right].map((ask) => ask({ allocate: OBJECTS })));
    const freed = await Promise.all([left({ free: lists[1] }), right({ free: lists[0] })]);
    remoteFrees += freed[0] + freed[1];
    cpu.kfreeNolock(own);
  }
  const ids = await Promise.all([left({ end: true }), right({ end: true })]);
  ids.sort();
  cpu.offline();
  const { crossOriginIsolated } = globalThis;
  const findings = heap.validate();
  return { state: "done", crossOriginIsolated, mayWait: cpu.mayWait, ids, remoteFrees, findings };
}

const out = document.querySelector("#out");
try {
  out.textContent = JSON.stringify(await main());
} catch (error) {
  out.textContent = JSON.stringify({ state: "failed", error: String(error?.stack ?? error) });
}
