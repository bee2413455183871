/**
 * What this thread and this runtime can do: Node, Deno, Bun, a page, a Worker, an AudioWorklet.
 *
 * Everything is asked, nothing is guessed from a name, and no import here can trouble a bundler.
 */

interface NodeModules {
  "node:os": typeof import("node:os");
  "node:fs/promises": typeof import("node:fs/promises");
}

/** A built-in module of Node, Deno or Bun; null in a browser. */
export function nodeModule<Name extends keyof NodeModules>(name: Name): NodeModules[Name] | null {
  const host = (globalThis as { process?: NodeJS.Process }).process;
  return (host?.getBuiltinModule?.(name) as NodeModules[Name] | undefined) ?? null;
}

/** How many threads this machine runs at once; 1 if the runtime does not tell. */
export function availableParallelism(): number {
  const fromOs = nodeModule("node:os")?.availableParallelism?.();
  const fromPage = (globalThis as { navigator?: Navigator }).navigator?.hardwareConcurrency;
  return Math.max(1, fromOs ?? fromPage ?? 1);
}

/** Whether this thread may sleep in `Atomics.wait`: not on a page's main thread or a worklet. */
export function canWait(): boolean {
  try {
    // 1 is not what the word holds, so that the call returns at once where it is allowed.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0);
    return true;
  } catch {
    return false;
  }
}

/**
 * Refuse a runtime in which no memory can be shared.
 *
 * @throws Error with what to do about it
 */
export function requireSharedMemory(): void {
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean };
  if (typeof SharedArrayBuffer !== "undefined" && crossOriginIsolated !== false) return;
  throw new Error(
    "expected a runtime that can share memory between threads, got a page that is not " +
      "cross-origin isolated; serve it and its worker scripts with the headers " +
      '"Cross-Origin-Opener-Policy: same-origin" and "Cross-Origin-Embedder-Policy: require-corp"',
  );
}
