/** Calls that by their contract work on what is another CPU's: that CPU is gone or stands still. */
import type { Fibre } from "../core/fibre.js";

const CALLS = /attach|offline|destroy|reap/;

export function worksOnOthers(fibre: Fibre): boolean {
  return CALLS.test(callOf(fibre));
}

/** Calls that drain the lists of every CPU: taking a list is safe for any number of takers. */
const BARRIERS = /barrier|offline|destroy|reap/;

export function isBarrier(fibre: Fibre): boolean {
  return BARRIERS.test(callOf(fibre));
}

function callOf({ frame }: Fibre): string {
  return frame.operations[frame.at]?.call ?? "";
}
