/**
 * Workers of Node, Deno and Bun (node:worker_threads).
 *
 * The Worker is constructed in the one form that bundlers recognise. It does not keep the process
 * alive unless it is held: a pool holds its Workers while it waits for an answer, so a program
 * neither ends in the middle of a run nor hangs on a pool that it forgot.
 */
import { parentPort, Worker } from "node:worker_threads";
import type { Port, Thread, ThreadEvents, ThreadOptions } from "./platform.js";
import type { Command, Reply } from "./protocol.js";

/** Start a Worker that runs cpu-main. */
export function spawnThread(options: ThreadOptions, events: ThreadEvents): Thread {
  const { name } = options;
  const more = { ...limitsOf(options), ...argumentsOf(process.execArgv) };
  const worker = new Worker(new URL("./cpu-main.js", import.meta.url), {
    type: "module",
    name,
    ...more,
  } as object);
  let cause = "";
  worker.on("message", (reply: Reply) => events.onReply(reply));
  worker.on("messageerror", (error) => {
    cause = `with a reply that could not be read (${error.message})`;
    void worker.terminate();
  });
  // `error` comes before `exit`; one of the two alone is possible.
  worker.on("error", (error) => {
    cause = `with an uncaught ${error.stack ?? String(error)}`;
  });
  worker.on("exit", (code) => events.onDeath(cause === "" ? `with exit code ${code}` : cause));
  worker.unref();
  return {
    post: (command) => worker.postMessage(command),
    terminate: async () => void (await worker.terminate()),
    hold: (isHeld) => (isHeld ? worker.ref() : worker.unref()),
  };
}

function limitsOf({ maxOldSpaceMib }: ThreadOptions) {
  if (maxOldSpaceMib === undefined) return {};
  return { resourceLimits: { maxOldGenerationSizeMb: maxOldSpaceMib } };
}

/** A Worker inherits the arguments of node, and dies of this one: its script is a file. */
function argumentsOf(execArgv: readonly string[]) {
  return execArgv.some((each) => each.startsWith("--input-type")) ? { execArgv: [] } : {};
}

/** The end of the Worker this runs in. @throws Error on the main thread */
export function openPort(): Port {
  const port = parentPort;
  if (port === null) throw new Error("expected cpu-main to run in a Worker; call createPool()");
  return {
    onCommand: (handle) => void port.on("message", (command: Command) => handle(command)),
    reply: (reply) => port.postMessage(reply),
    // Deno's port has no close() (2.9.6): there a Worker ends when its pool terminates it.
    end: () => port.close?.(),
  };
}
