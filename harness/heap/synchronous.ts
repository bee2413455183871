/**
 * Functions that the allocator runs in the middle of a call must be over when they return.
 *
 * An NMI, a constructor and a handler run while the allocator is in a state that ends with them.
 * What an async function does after its first `await` comes later, in another state, and what it
 * throws reaches nobody. So a function that is async by its kind is refused where it is given, and
 * one that turns out to be, as a promise tells that it returned, when it has returned.
 */
import { checkFunction } from "./arguments.js";
import { tagOf } from "./errors.js";

const NEEDED = "expected a function that is over when it returns";

/** @throws TypeError unless `value` is a function, and neither async nor a generator */
export function checkSync(what: string, value: unknown): void {
  checkFunction(what, value);
  const kind = tagOf(value);
  if (!(kind.startsWith("Async") || kind.startsWith("Generator"))) return;
  const got = kind.includes("Generator") ? "a generator" : "an async one";
  throw new TypeError(`${what}: ${NEEDED}, got ${got}; await what it needs before`);
}

/** @throws TypeError if `value`, which a function returned, is a promise or acts as one */
export function checkDone(what: string, value: unknown): void {
  if (!isThenable(value)) return;
  // Nobody gets it any more: its rejection must not end the process.
  if (value instanceof Promise) value.catch(() => {});
  throw new TypeError(`${what}: ${NEEDED}, got one that returned a promise; await before it`);
}

function isThenable(value: unknown): boolean {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  return typeof (value as { then?: unknown }).then === "function";
}
