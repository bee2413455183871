/**
 * A schedule as people read it: a column per task, downwards in time; calls and their results,
 * where control passed from one to another, and the accesses around those places, each with the
 * function it is in, the field it touches, and the value before and after.
 */
import { type Site, describePlace } from "../instrument/sites.js";
import type { Event } from "./recorder.js";

export interface TimelineOptions {
  readonly fibres: number;
  /** Accesses shown before and after each place where control passes; Infinity: all. */
  readonly context: number;
}

/** @returns lines without a newline at the end */
export function timeline(
  events: readonly Event[],
  sites: readonly Site[],
  { fibres, context }: TimelineOptions,
): string[] {
  const shown = pick(events, context);
  const column = (fibre: number, text: string, step: number) =>
    `${`${step}`.padStart(GUTTER - 2)}  ${" ".repeat(fibre * COLUMN)}${text}`.trimEnd();
  const heads = Array.from({ length: fibres }, (_, fibre) => `task ${fibre}`.padEnd(COLUMN));
  const lines = [`${"".padStart(GUTTER)}${heads.join("").trimEnd()}`];
  let skipped = 0;
  for (const [at, event] of events.entries()) {
    if (!shown[at]) {
      skipped++;
      continue;
    }
    if (skipped > 0) lines.push(`${"".padStart(GUTTER)}... ${skipped} accesses`);
    skipped = 0;
    for (const text of describe(event, sites)) {
      lines.push(column(event.fibre, text, event.step));
    }
  }
  if (skipped > 0) lines.push(`${"".padStart(GUTTER)}... ${skipped} accesses`);
  return lines;
}

const GUTTER = 7;
/** Texts are wider, but what other tasks do begins left of their end. */
const COLUMN = 24;

/** Everything but accesses far from any place where control passes. */
function pick(events: readonly Event[], context: number): boolean[] {
  const shown = events.map(({ what }) => what !== "access");
  const near = (at: number) => {
    for (let by = -context; by <= context; by++) {
      if (at + by >= 0 && at + by < events.length) shown[at + by] = true;
    }
  };
  if (context === Number.POSITIVE_INFINITY) return shown.fill(true);
  for (let at = 1; at < events.length; at++) {
    const [a, b] = [events[at - 1] as Event, events[at] as Event];
    if (a.fibre !== b.fibre || a.depth !== b.depth) near(at);
  }
  if (events.length > 0) near(events.length - 1);
  return shown;
}

function describe(event: Event, sites: readonly Site[]): string[] {
  const mark = "| ".repeat(event.depth);
  switch (event.what) {
    case "nmi":
      return [`${"| ".repeat(event.depth - 1)}+ NMI`];
    case "iret":
      return [`${"| ".repeat(event.depth - 1)}+ end of NMI`];
    case "return":
      return [`${mark}${event.operation}() = ${hex(event.result)}`];
    case "sleep":
      return [`${mark}${event.operation}: sleeps`];
    case "death":
      return [`${mark}x dies before ${access(event, sites)}`];
    case "wake":
      return [`${mark}${event.operation}: is woken`];
    default: {
      const value = event.after === null ? hex(event.before) : change(event.before, event.after);
      return [`${mark}${access(event, sites)} ${value}${place(event, sites)}`];
    }
  }
}

function access({ site, where }: Event, sites: readonly Site[]): string {
  const { function: name = "?", kind = "load" } = sites[site] ?? {};
  return `${shortName(name)}: ${kind} ${where}`;
}

/** Where the source has it, if that is known. */
function place({ site }: Event, sites: readonly Site[]): string {
  const { function: name = "?", place: known = null } = sites[site] ?? {};
  return known === null ? "" : `  [${describePlace(shortName(name), known)}]`;
}

function change(before: number, after: number): string {
  return before === after ? `${hex(before)} (unchanged)` : `${hex(before)} -> ${hex(after)}`;
}

function hex(value: number): string {
  return value < 10 ? `${value}` : `0x${value.toString(16)}`;
}

/** `assembly/slab/alloc/get_partial` is known by its last part. */
export function shortName(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}
