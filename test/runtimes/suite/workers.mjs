/**
 * Workers, by each of the two ways that runtimes have: the Web's and Node's.
 *
 * `startWorker(kind)` gives { ask(task, argument), terminate() } for a Worker of smoke-worker.mjs.
 */

/** Node's module, where there is one; asked for in a way that troubles no bundler. */
const threads = globalThis.process?.getBuiltinModule?.("node:worker_threads") ?? null;

export const WORKER_KINDS = [
  ...(typeof globalThis.Worker === "function" ? ["Web Workers"] : []),
  ...(threads === null ? [] : ["worker_threads"]),
];

const TIMEOUT_MS = 300_000;

export function startWorker(kind) {
  const worker = kind === "Web Workers" ? startWeb() : startNode();
  const ask = (task, argument) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`expected an answer to ${task} in ${TIMEOUT_MS} ms, got none`));
      }, TIMEOUT_MS);
      worker.listen(({ result, error }) => {
        clearTimeout(timer);
        if (error === undefined) resolve(result);
        else reject(new Error(`${task}: ${error}`));
      });
      worker.post({ task, argument });
    });
  return { ask, terminate: worker.terminate };
}

/** Written out as bundlers want to see it. */
function startWeb() {
  const worker = new Worker(new URL("./smoke-worker.mjs", import.meta.url), { type: "module" });
  return {
    post: (message) => worker.postMessage(message),
    listen: (handle) => {
      worker.onmessage = ({ data }) => handle(data);
      worker.onerror = ({ message }) => handle({ error: message || "its script did not load" });
    },
    terminate: () => worker.terminate(),
  };
}

function startNode() {
  const worker = new threads.Worker(new URL("./smoke-worker.mjs", import.meta.url));
  let handle = () => {};
  worker.on("message", (message) => handle(message));
  worker.on("error", (error) => handle({ error: String(error?.stack ?? error) }));
  return {
    post: (message) => worker.postMessage(message),
    listen: (next) => {
      handle = next;
    },
    terminate: () => void worker.terminate(),
  };
}
