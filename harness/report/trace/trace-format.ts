/** The trace format of chrome://tracing and ui.perfetto.dev, as far as it is used here. */

export type Args = Readonly<Record<string, string | number | boolean>>;

/** An event as the format has it; which fields there are depends on `ph`. */
export interface ChromeEvent {
  /** X slice, i instant, C counter, M name of something. */
  readonly ph: "X" | "i" | "C" | "M";
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds; not of M. */
  readonly ts?: number;
  /** Microseconds; of X alone. */
  readonly dur?: number;
  readonly cat?: string;
  /** Scope of an instant: its track. */
  readonly s?: "t";
  readonly args: Args;
}

/** All tracks are of one process. */
export const PID = 1;

/** Nanoseconds are enough: the clocks have no more. */
export function round(us: number): number {
  return Math.max(0, Math.round(us * 1000) / 1000);
}
