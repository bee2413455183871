/** The document that `slablab trace --json` prints, as a schema: counts, and where the trace is. */
import * as v from "valibot";
import { RECORD_KINDS, type RecordKind } from "../../workload/trace/ring.js";
import type { TraceOutcome } from "../../workload/trace/trace-run.js";
import { lockWaits } from "./chrome-events.js";
import { count, described, documentOf, positive } from "../common/schema.js";

const passed = v.object(
  Object.fromEntries(RECORD_KINDS.map((name) => [name, count])) as Record<RecordKind, typeof count>,
);

const waits = v.object({
  count: described(count, "waits for a lock in the trace, from beginning to end"),
  totalUs: described(positive, "how long they were together, in microseconds"),
  longestUs: described(positive, "how long the longest was, in microseconds; 0: there was none"),
});

const results = v.object({
  file: described(v.nullable(v.string()), "where the trace is; null: it could not be written"),
  events: described(count, "events of the trace, names and counters included"),
  dropped: described(count, "the oldest records, which made room for others and are not in it"),
  cpus: v.array(
    v.object({
      cpu: count,
      passed: described(passed, "how often each was passed, dropped ones and locks included"),
      drainedObjects: described(count, "objects of all drains"),
      dropped: count,
      lockWaits: waits,
    }),
  ),
  elapsedMs: positive,
  drained: described(v.boolean(), "whether all that was deferred was freed at the end"),
  findings: described(v.array(v.string()), "what is wrong with the heap at the end; none: sound"),
  failure: described(v.nullable(v.string()), "what ended the run before its time"),
  snapshot: described(v.nullable(v.string()), "where the heap at the end was saved"),
  interrupted: v.boolean(),
});

const parameters = v.object({
  load: v.string(),
  cpus: count,
  arm: v.string(),
  percpu: v.string(),
  durationMs: positive,
  events: described(count, "records that each CPU keeps"),
});

/** The whole document. */
export const traceReportSchema = documentOf("trace", parameters, results);

export type TraceReport = v.InferOutput<typeof traceReportSchema>;
export type TraceResults = TraceReport["results"];

/** Where things were written, and how much. */
export interface TraceFiles {
  readonly file: string | null;
  readonly events: number;
  readonly snapshot: string | null;
}

/** Results as the document has them. */
export function traceResults(
  outcome: Pick<
    TraceOutcome,
    "cpus" | "elapsedMs" | "drained" | "findings" | "failure" | "interrupted"
  >,
  { file, events, snapshot }: TraceFiles,
): TraceResults {
  const { elapsedMs, drained, failure, interrupted } = outcome;
  const cpus = outcome.cpus.map((trace) => {
    const lengths = lockWaits(trace);
    const totalUs = lengths.reduce((sum, us) => sum + us, 0);
    const longestUs = lengths.reduce((longest, us) => Math.max(longest, us), 0);
    const { cpu, totals: passedBy, drainedObjects, dropped } = trace;
    const waited = { count: lengths.length, totalUs, longestUs };
    return { cpu, passed: passedBy, drainedObjects, dropped, lockWaits: waited };
  });
  const dropped = cpus.reduce((sum, each) => sum + each.dropped, 0);
  const findings = outcome.findings.map(
    ({ invariant, where, message }) => `${invariant}: ${where}: ${message}`,
  );
  const where = { file, events, dropped, snapshot };
  return { ...where, cpus, elapsedMs, drained, findings, failure, interrupted };
}
