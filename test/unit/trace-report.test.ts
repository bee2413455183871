/**
 * Goal: a trace says what happened, in the form viewers take. Method: recordings written by hand,
 * whole and with their oldest records lost; the document held against its schema.
 * `vitest run -u` writes the published schema anew.
 */
import { resolve } from "node:path";
import { toJsonSchema } from "@valibot/to-json-schema";
import { Ajv } from "ajv";
import { readEnvironment } from "slablab/internal/measure/common/environment.js";
import { createReport, serializeReport } from "slablab/internal/report/common/json.js";
import { chromeEvents, lockWaits, traceFile } from "slablab/internal/report/trace/chrome-events.js";
import type { ChromeEvent } from "slablab/internal/report/trace/trace-format.js";
import { traceReportSchema, traceResults } from "slablab/internal/report/trace/trace-schema.js";
import { traceText } from "slablab/internal/report/trace/trace-text.js";
import { type CpuTrace, TraceRing } from "slablab/internal/workload/trace/ring.js";
import * as v from "valibot";
import { expect, test } from "vitest";
import { formatJson } from "./support/json.js";
import { expectTrace } from "./support/trace.js";

const SCHEMA_FILE = resolve(import.meta.dirname, "../../docs/schema/trace-v1.schema.json");
const CACHE = 0x1000;
const CACHES = new Map([[CACHE, "dentry"]]);

/** Two CPUs: allocations, an NMI with a wait inside, objects that are deferred and drained. */
function recordings(capacity = 100): CpuTrace[] {
  const first = new TraceRing(capacity);
  first.write("kmalloc", 1, 0x100, 64, 0);
  first.write("kmem_cache_alloc", 2, 0x200, CACHE, 0);
  first.write("contention_begin", 11, 0x40, 2, 0);
  first.write("contention_end", 13.5, 0x40, 1, 0);
  first.write("defer", 14, 0x200, CACHE, 0);
  first.write("drain", 20, 1, CACHE, 0);
  first.write("nmi", 20, 10, 0, 0);
  first.write("sample", 22, 500, 2, 0);
  first.count("held");
  const second = new TraceRing(capacity);
  second.write("kfree", 5, 0x100, 0, 0);
  second.write("contention_begin", 6, 0x44, 0, 0);
  second.write("contention_end", 7, 0x44, 0, 0);
  second.write("sample", 21, -1, -3, 0);
  return [first.read(0), second.read(1)];
}

function eventsOf(cpus: readonly CpuTrace[]): ChromeEvent[] {
  return chromeEvents({ cpus, caches: CACHES });
}

function named(events: readonly ChromeEvent[], name: string): ChromeEvent[] {
  return events.filter((event) => event.name === name);
}

test("the file is JSON, and its tracks are what a viewer needs", () => {
  const events = eventsOf(recordings());
  const text = [...traceFile(events, { arm: "irq-work" })].join("");
  const { traceEvents, otherData } = JSON.parse(text);
  expect(otherData).toEqual({ arm: "irq-work" });
  expect(traceEvents).toEqual(events);
  expectTrace(traceEvents, 2);
  expect(JSON.parse([...traceFile([], {})].join("")).traceEvents).toEqual([]);
});

test("waits for locks and NMIs are slices, the rest instants that say what it was about", () => {
  const events = eventsOf(recordings());
  expect(named(events, "NMI")).toMatchObject([{ ph: "X", tid: 0, ts: 10, dur: 10 }]);
  expect(named(events, "lock wait")).toMatchObject([
    { tid: 1, ts: 6, dur: 1, args: { lock: "0x44", mode: "try", acquired: false } },
    { tid: 0, ts: 11, dur: 2.5, args: { lock: "0x40", mode: "wait", acquired: true } },
  ]);
  expect(named(events, "kmem_cache_alloc")[0]?.args).toMatchObject({ cache: "dentry" });
  // Another CPU's allocation tells the size.
  expect(named(events, "kfree")[0]?.args).toEqual({ address: "0x100", size: 64 });
  expect(named(events, "drain")[0]?.args).toMatchObject({ objects: 1, cache: "dentry" });
  expect(recordings().flatMap(lockWaits)).toEqual([2.5, 1]);
});

test("counters are never negative, and what waits ends at 0", () => {
  const values = (cpus: CpuTrace[], name: string) =>
    named(eventsOf(cpus), name).map(({ args }) => args.value);
  expect(values(recordings(), "deferred objects waiting")).toEqual([1, 0]);
  expect(values(recordings(), "CPU 0 deferred objects waiting")).toEqual([1, 0]);
  expect(values(recordings(), "free pages")).toEqual([500]);
  expect(values(recordings(), "live objects")).toEqual([0]);
  // The deferral is lost, and known as a sum.
  expect(values(recordings(3), "deferred objects waiting")).toEqual([0]);
  expect(recordings(3).map(({ dropped }) => dropped)).toEqual([5, 1]);
  expectTrace(eventsOf(recordings(3)), 2);
});

test("one CPU draining what another deferred leaves the counter of all", () => {
  const deferring = new TraceRing(10);
  deferring.write("defer", 1, 0x200, CACHE, 0);
  const draining = new TraceRing(10);
  draining.write("drain", 2, 1, CACHE, 0);
  const events = eventsOf([deferring.read(0), draining.read(1)]);
  expectTrace(events, 2);
  expect(events.filter(({ ph }) => ph === "C").map(({ args }) => args.value)).toEqual([1, 0]);
});

test("a wait that never ended lasts until the recording does", () => {
  const ring = new TraceRing(10);
  ring.write("contention_begin", 1, 0x40, 2, 0);
  ring.write("kfree", 9, 0x100, 0, 0);
  const [wait] = named(eventsOf([ring.read(0)]), "lock wait");
  expect(wait).toMatchObject({ ts: 1, dur: 8, args: { unfinished: true } });
});

const outcome = {
  ...{ cpus: recordings(3), elapsedMs: 12.5, drained: true, findings: [], failure: null },
  interrupted: false,
};
const files = { file: "slablab-trace.json", events: 30, snapshot: "heap.snapshot" };

function documentOf() {
  const parameters = {
    load: "storm",
    cpus: 2,
    arm: "irq-work",
    durationMs: 500,
    events: 3,
    percpu: "slab",
  };
  const parts = { command: "trace", environment: readEnvironment(), seed: 1, parameters } as const;
  const results = traceResults(outcome, files);
  return JSON.parse(serializeReport(createReport({ ...parts, results })));
}

test("the published JSON Schema is the one in the code, and accepts the document", async () => {
  expect(v.parse(v.strictObject(traceReportSchema.entries), documentOf())).toBeTruthy();
  const schema = toJsonSchema(traceReportSchema);
  await expect(`${formatJson(schema)}\n`).toMatchFileSnapshot(SCHEMA_FILE);
  const check = new Ajv({ strict: false }).compile(schema as object);
  expect(check(documentOf()) ? [] : check.errors).toEqual([]);
  expect(check({ ...documentOf(), seed: "none" })).toBe(false);
});

test("the text counts by kind and CPU, says what was dropped and how to open the file", () => {
  const text = traceText(traceResults(outcome, files), "here");
  expect(text.split("\n").filter((line) => line.length > 100)).toEqual([]);
  expect(text).toMatch(/^kmalloc +1 +0 +1$/m);
  expect(text).toMatch(/^dropped: the oldest +5 +1 +6$/m);
  const flat = text.replaceAll("\n", " ");
  expect(flat).toContain("30 events are in slablab-trace.json: open it in https://ui.perfetto.dev");
  expect(flat).toContain("6 older ones were dropped; for more, use --events");
  expect(flat).toContain("npx slablab slabinfo --snapshot heap.snapshot");
});
