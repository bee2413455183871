/** A window of a variant: what each of its CPUs did between the same two start lines. */
import type { SpannedRecord } from "../../workload/loads/load-board.js";

/** Operations per nanosecond in million operations per second. */
const MOPS = 1000;

export type Window = readonly SpannedRecord[];

export function isBusy(window: Window | null | undefined): window is Window {
  return window?.some(({ operations }) => operations > 0) ?? false;
}

export function sumOf(window: Window, key: keyof SpannedRecord): number {
  return window.reduce((all, record) => all + record[key], 0);
}

/** Time of all CPUs by operations of all CPUs. */
export function nsOf(window: Window): number {
  return sumOf(window, "elapsedNs") / sumOf(window, "operations");
}

export function rateOf({ operations, elapsedNs }: SpannedRecord): number {
  return (operations / elapsedNs) * MOPS;
}

/** By the time in which all were done: rates of CPUs that took turns must not be added up. */
export function mopsOf(window: Window): number {
  const spanNs = Math.max(...window.map((record) => record.spanNs));
  return (sumOf(window, "operations") / spanNs) * MOPS;
}
