/**
 * The sign by which other threads know that this one is gone: a Web Lock, held while it lives.
 *
 * In browsers `worker.terminate()` says nothing, and Chromium takes two seconds to stop a Worker
 * that never yields. The lock is released exactly when the thread is gone. Asking for one takes a
 * turn of the event loop, which a thread may never come to again once it is a CPU: so it is asked
 * for when a thread makes or joins a heap, one lock for all its CPUs of all heaps, and each CPU is
 * signed with the number in its name as soon as it is attached.
 *
 * Only in browsers. Node, Deno and Bun let a Worker's end be awaited; and the lock of a terminated
 * Worker is never released in Node 24 and 26, while in Deno a held lock keeps the process alive.
 */
import { nodeModule } from "./runtime.js";

/** How long a thread that was terminated may go on, where nothing tells: Chromium needs two. */
export const UNSIGNED_MS = 3000;

/** The number of this thread; 0: it has no sign. */
let sign = 0;
let signing: Promise<void> | undefined;

/** Have a sign, where there can be one. Context: before this thread becomes a CPU. */
export function signThread(): Promise<void> {
  signing ??= takeSign();
  return signing;
}

/** What the CPUs of this thread are signed with; 0: nothing. */
export function threadSign(): number {
  return sign;
}

/** Whether the end of a thread has to be waited for here: the caller cannot have done so. */
export function endsUnseen(): boolean {
  return nodeModule("node:os") === null;
}

/**
 * Wait until the thread with this sign is gone; of one without a sign, for as long as it may take.
 *
 * @returns false if it was still there when that time, or `patienceMs`, was over
 */
export async function awaitEnd(ofSign: number, patienceMs: number): Promise<boolean> {
  const locks = webLocks();
  if (ofSign === 0 || locks === null) {
    await new Promise((resolve) => {
      setTimeout(resolve, UNSIGNED_MS);
    });
    return true;
  }
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), patienceMs);
  try {
    // Shared, so that two threads may wait for the same.
    const options = { mode: "shared", signal: abort.signal } as const;
    await locks.request(nameOf(ofSign), options, () => undefined);
    return true;
  } catch (error) {
    if (abort.signal.aborted) return false;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** The locks of the page and its Workers; null: a worklet has none, other runtimes' differ. */
function webLocks(): LockManager | null {
  const { navigator } = globalThis as { navigator?: Partial<Navigator> };
  return endsUnseen() ? (navigator?.locks ?? null) : null;
}

function nameOf(number: number): string {
  return `slablab-thread-${number}`;
}

async function takeSign(): Promise<void> {
  const locks = webLocks();
  if (locks === null) return;
  // Ends: a number that another thread has is met once in 2^32 tries.
  while (sign === 0) {
    const tried = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
    const isHeld = await hold(locks, nameOf(tried));
    // A page may have no locks although there is the object: an opaque origin.
    if (isHeld === null) return;
    if (isHeld) sign = tried;
  }
}

/** @returns whether it is held, until this thread ends; null: there are no locks */
function hold(locks: LockManager, name: string): Promise<boolean | null> {
  return new Promise((resolve) => {
    const forEver = new Promise<void>(() => {});
    locks
      .request(name, { ifAvailable: true }, (lock) => {
        resolve(lock !== null);
        return lock === null ? undefined : forEver;
      })
      .catch(() => resolve(null));
  });
}
