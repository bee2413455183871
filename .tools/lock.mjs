/**
 * A lock between processes, made of one folder that holds the owner's process id.
 *
 * `mkdir` is atomic on every file system, so whoever makes the folder holds the lock. A holder that
 * died leaves the folder behind: it is stale when its process no longer exists, or when it never
 * wrote its id and the folder is old.
 */
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const POLL_MS = 100;
const NAMELESS_GRACE_MS = 5_000;

/** Runs `work` while holding the lock folder `dir`; calls `onWait(pid)` once if it has to wait. */
export async function withLock(dir, work, { timeoutMs = 15 * 60_000, onWait = () => {} } = {}) {
  mkdirSync(dirname(dir), { recursive: true });
  await acquire(dir, timeoutMs, onWait);
  const release = () => rmSync(dir, { recursive: true, force: true });
  const interrupted = (signal) => {
    release();
    process.exit(signal === "SIGINT" ? 130 : 143);
  };
  process.once("SIGINT", interrupted);
  process.once("SIGTERM", interrupted);
  try {
    return await work();
  } finally {
    process.off("SIGINT", interrupted);
    process.off("SIGTERM", interrupted);
    release();
  }
}

async function acquire(dir, timeoutMs, onWait) {
  const deadline = Date.now() + timeoutMs;
  for (let waited = false; ; waited = true) {
    try {
      mkdirSync(dir);
      writeFileSync(join(dir, "pid"), String(process.pid));
      return;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const owner = ownerOf(dir);
    if (owner === "stale") {
      removeStale(dir);
      continue;
    }
    if (!waited) onWait(owner);
    if (Date.now() > deadline) {
      throw new Error(
        `expected the lock ${dir} to become free within ${timeoutMs / 1000} s, ` +
          `but process ${owner} still holds it; end that process or remove the folder`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** The process id that holds the lock, `"unknown"` while it is being taken, or `"stale"`. */
function ownerOf(dir) {
  try {
    const pid = Number(readFileSync(join(dir, "pid"), "utf8"));
    if (Number.isInteger(pid) && pid > 0) return isAlive(pid) ? pid : "stale";
  } catch {
    // Not written yet, or just released: the folder's age decides below.
  }
  try {
    return Date.now() - statSync(dir).mtimeMs > NAMELESS_GRACE_MS ? "stale" : "unknown";
  } catch {
    return "unknown";
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/**
 * Removes a lock that is still stale when nobody else is looking at it: without the second folder,
 * a slow process could remove the lock that a faster one has just taken in its place.
 */
function removeStale(dir) {
  const guard = `${dir}.takeover`;
  try {
    mkdirSync(guard);
  } catch {
    // Somebody is at it, or died at it.
    if (ownerOf(guard) === "stale") rmSync(guard, { recursive: true, force: true });
    return;
  }
  try {
    if (ownerOf(dir) === "stale") rmSync(dir, { recursive: true, force: true });
  } finally {
    rmSync(guard, { recursive: true, force: true });
  }
}
