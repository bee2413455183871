/** Calls that work on what is another CPU's, by their contract: that CPU is gone or stands still. */
import type { Fibre } from "../core/fibre.js";

const CALLS = /offline|destroy|reap/;
const known = new Map<string, boolean>();

export function worksOnOthers(fibre: Fibre): boolean {
  const call = fibre.frame.operations[fibre.frame.at]?.call ?? "";
  let answer = known.get(call);
  if (answer === undefined) known.set(call, (answer = CALLS.test(call)));
  return answer;
}

/** Calls that drain the lists of every CPU: taking a list is safe for any number of takers. */
const BARRIERS = /barrier|offline|destroy|reap/;

export function isBarrier(fibre: Fibre): boolean {
  return BARRIERS.test(fibre.frame.operations[fibre.frame.at]?.call ?? "");
}
