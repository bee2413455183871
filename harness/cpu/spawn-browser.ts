/**
 * Workers of browsers.
 *
 * A browser tells nobody that a Worker has closed itself. Each Worker therefore holds a Web Lock of
 * its own name for as long as it lives, and the page asks for the same lock: to be granted it is
 * to learn that the Worker is gone. Without Web Locks (an insecure context has none, nor does it
 * have shared memory) only `error` events are seen.
 */
import type { Port, Thread, ThreadEvents, ThreadOptions } from "./platform.js";
import type { Command, Reply } from "./protocol.js";

/** Shared by every lock of this package, so that they are known in developer tools. */
const LOCK_PREFIX = "slablab-cpu-";

/** Start a Worker that runs cpu-main. */
export function spawnThread(options: ThreadOptions, events: ThreadEvents): Thread {
  const name = `${LOCK_PREFIX}${options.name}-${crypto.randomUUID()}`;
  const worker = new Worker(new URL("./cpu-main.js", import.meta.url), { type: "module", name });
  let isAlive = true;
  const die = (reason: string) => {
    if (!isAlive) return;
    isAlive = false;
    worker.terminate();
    events.onDeath(reason);
  };
  worker.addEventListener("message", ({ data }: MessageEvent<Reply | typeof HELLO>) => {
    if (data === HELLO) void watch(name).then(() => die("without a word (did it call close()?)"));
    else events.onReply(data);
  });
  worker.addEventListener("messageerror", () => die("with a reply that could not be read"));
  worker.addEventListener("error", (event) => {
    const { message, filename, lineno } = event;
    const where = filename ? ` at ${filename}:${lineno}` : "";
    die(message ? `with an uncaught error: ${message}${where}` : "before its script was loaded");
  });
  return {
    post: (command) => worker.postMessage(command),
    terminate: () => {
      isAlive = false;
      worker.terminate();
      return Promise.resolve();
    },
    hold: () => undefined,
  };
}

/** What a Worker posts first, once it holds its lock. */
const HELLO = "hello";

/** Resolves when the holder of the lock is gone; never where there are no locks. */
function watch(name: string): Promise<void> {
  if (navigator.locks === undefined) return new Promise(() => undefined);
  return navigator.locks.request(name, () => undefined);
}

/** The end of the Worker this runs in. */
export function openPort(): Port {
  const self = globalThis as unknown as DedicatedWorkerGlobalScope;
  const { name } = self;
  if (name.startsWith(LOCK_PREFIX) && navigator.locks !== undefined) {
    // Held for ever: the promise of the callback never settles.
    void navigator.locks.request(name, () => {
      self.postMessage(HELLO);
      return new Promise<void>(() => undefined);
    });
  }
  return {
    onCommand: (handle) =>
      self.addEventListener("message", ({ data }: MessageEvent<Command>) => handle(data)),
    reply: (reply) => self.postMessage(reply),
    end: () => self.close(),
  };
}

/** The parts of a Worker's global scope used here: the "webworker" types clash with a page's. */
interface DedicatedWorkerGlobalScope {
  readonly name: string;
  postMessage(message: unknown): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  close(): void;
}
