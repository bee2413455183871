/** Calls that by their contract work on what is another CPU's: that CPU is gone or stands still. */
import type { Fibre } from "../core/fibre.js";

const CALLS = /attach|offline|destroy|reap/;

export function worksOnOthers(fibre: Fibre): boolean {
  return isIn(fibre, CALLS);
}

/** The recovery of a CPU that died: it takes locks over, and has the books right when it ends. */
export function isReaping(fibre: Fibre): boolean {
  return /^cpu_reap/.test(callOf(fibre));
}

/** Calls that drain the lists of every CPU: taking a list is safe for any number of takers. */
const BARRIERS = /barrier|offline|destroy|reap/;

export function isBarrier(fibre: Fibre): boolean {
  return isIn(fibre, BARRIERS);
}

/** Whether it, or what its handlers interrupted, is in such a call. */
function isIn({ frames, depth }: Fibre, calls: RegExp): boolean {
  for (let at = 0; at <= depth; at++) {
    const frame = frames[at];
    if (calls.test(frame?.operations[frame.at]?.call ?? "")) return true;
  }
  return false;
}

function callOf({ frame }: Fibre): string {
  return frame.operations[frame.at]?.call ?? "";
}
