/** What every trace has to be, whatever happened in it. */
import type { ChromeEvent } from "slablab/internal/report/trace/trace-format.js";
import { expect } from "vitest";

/** Known tracks, times that never decrease, slices inside each other or apart, counters from 0. */
export function expectTrace(events: readonly ChromeEvent[], cpus: number): void {
  const tracks = events.filter(({ name }) => name === "thread_name").map(({ tid }) => tid);
  expect(tracks).toEqual(Array.from({ length: cpus }, (_, cpu) => cpu));
  expect(events.filter(({ tid, pid }) => pid !== 1 || !tracks.includes(tid))).toEqual([]);
  const timed = events.filter(({ ph }) => ph !== "M");
  const wrong = timed.filter(({ ts = -1 }, at) => ts < 0 || ts < (timed[at - 1]?.ts ?? 0));
  expect(wrong).toEqual([]);
  for (const track of tracks) expectNested(timed.filter(({ tid }) => tid === track));
  const counters = events.filter(({ ph }) => ph === "C");
  expect(counters.filter(({ args }) => !((args.value as number) >= 0))).toEqual([]);
}

/** Times are nanoseconds in the end: sums of them may be off by less. */
const SLACK_US = 0.0005;

function expectNested(track: readonly ChromeEvent[]): void {
  const open: number[] = [];
  for (const { ph, ts = 0, dur = 0 } of track) {
    if (ph !== "X") continue;
    expect(dur).toBeGreaterThanOrEqual(0);
    while (open.length > 0 && (open.at(-1) ?? 0) <= ts + SLACK_US) open.pop();
    expect(ts + dur).toBeLessThanOrEqual((open.at(-1) ?? Number.POSITIVE_INFINITY) + SLACK_US);
    open.push(ts + dur);
  }
}
