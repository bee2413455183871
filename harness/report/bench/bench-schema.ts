/**
 * The published shape of `slablab bench --json`, `--save` and of baselines:
 * docs/schema/bench-v1.schema.json is made from it, and a test holds both against each other and
 * against a real document. The same for `slablab bench compare --json`.
 *
 * A key that others rely on keeps its name and meaning within a version.
 */
import * as v from "valibot";
import type { Comparison } from "../../measure/bench/bench-compare.js";
import { type BenchResults, type BenchRow, WARNING_KINDS } from "../../measure/bench/bench-row.js";
import {
  HEAP_CALLS,
  HEAP_STATES,
  type PeersResults,
  RATIO_BASES,
} from "../../measure/peers/peer-row.js";
import type { Percentiles } from "../../measure/common/histogram.js";
import { count, described, documentOf, positive, share } from "../common/schema.js";

const text = v.nullable(v.string());

const interval = v.object({ median: v.number(), low: v.number(), high: v.number() });
const estimate = described(interval, "a median over rounds with its 95 % bootstrap interval");

const percentile = v.nullable(positive);
const percentiles = v.object({
  ...{ p50: percentile, p90: percentile, p99: percentile },
  ...{ p99_9: percentile, p99_99: percentile },
} satisfies Record<keyof Percentiles, typeof percentile>);

const cpuRow = v.object({
  cpu: count,
  ns: described(v.nullable(interval), "ns of this CPU per operation; null: it did none"),
  mops: described(interval, "million operations per second"),
  idleShare: described(share, "part of its time in calls that found nothing to do"),
  remoteFrees: described(count, "objects it freed that another CPU allocated, where known"),
});

const row = v.object({
  suite: v.string(),
  name: described(v.string(), "unlike that of every other row of its suite"),
  unit: described(v.string(), "what one operation is"),
  flavour: described(text, "fused, imports or null of a load; null of everything else"),
  load: text,
  cpus: count,
  rounds: described(count, "rounds that the medians are of"),
  ns: described(interval, "ns that a CPU spends per operation"),
  netNs: described(v.nullable(interval), "ns without what the loop costs by itself"),
  mad: described(positive, "median absolute deviation of the rounds, ns per operation"),
  mops: described(interval, "million operations per second, all CPUs together"),
  ratio: described(v.nullable(interval), "ns over that of the row `ratioTo`, within rounds"),
  ratioTo: text,
  efficiency: described(
    v.nullable(interval),
    "throughput of a CPU over that on `efficiencyBase` CPUs",
  ),
  efficiencyBase: v.nullable(count),
  fairness: described(v.nullable(interval), "Jain's index of the CPUs' rates, 1/cpus..1"),
  percentiles: described(percentiles, "ns per operation, of chunks; null: too few chunks to tell"),
  chunk: described(
    v.object({ count: positive, operations: positive, us: positive }),
    "what was timed at a time: how many, operations and microseconds of one on average",
  ),
  bars: described(
    v.object({ from: v.number(), to: v.number(), counts: v.array(positive) }),
    "operations by ns, in bars of one width; the first and the last have all that is beyond",
  ),
  hdr: described(v.string(), "HDR histogram of picoseconds per operation, compressed, base64"),
  samples: described(v.array(v.number()), "ns per operation of each round, in order"),
  perCpu: v.array(cpuRow),
});

const suite = v.object({
  name: v.string(),
  kind: v.picklist(["micro", "load"]),
  about: v.string(),
  rounds: count,
  operationsPerSample: described(v.nullable(count), "of a micro-benchmark"),
  windowMs: described(v.nullable(positive), "of a load: milliseconds of a round"),
  parameters: v.array(v.object({ name: v.string(), value: v.number() })),
});

const comparison = v.object({
  rows: v.array(
    v.object({
      suite: v.string(),
      name: v.string(),
      ratio: described(v.nullable(interval), "ns of B over ns of A"),
      p: described(v.nullable(share), "two-sided Mann-Whitney over rounds, not below 1e-6"),
      delta: described(
        v.nullable(v.pipe(v.number(), v.minValue(-1), v.maxValue(1))),
        "Cliff's delta: how much more often a round of B is above one of A than below",
      ),
      verdict: v.picklist(["improved", "regressed", "no difference shown", "not compared"]),
      sentence: v.string(),
    }),
  ),
  failed: described(
    v.array(
      v.object({
        ...{ suite: v.string(), name: v.string(), metric: v.string() },
        ...{ a: v.number(), b: v.number(), worse: v.number(), limit: v.number() },
      }),
    ),
    "limits of --fail-on that were passed",
  ),
  unjudged: described(
    v.optional(v.array(v.string()), []),
    "limits of --fail-on that not one row could be judged by: the status is not 0",
  ),
  notes: v.array(v.string()),
});

const peerRow = v.object({
  load: v.string(),
  cpus: count,
  state: described(v.picklist(HEAP_STATES), "aged: rptest ran on the heap before"),
  heap: v.string(),
  calls: described(v.picklist(HEAP_CALLS), "js: each call goes through JavaScript"),
  rounds: count,
  nsPerOp: described(v.nullable(interval), "ns that a CPU spends per operation; null: not timed"),
  netNs: described(
    v.nullable(interval),
    "without what the load costs by itself; null: nothing to take off, times are gross",
  ),
  mops: described(v.nullable(interval), "million operations per second, all CPUs together"),
  p50: described(v.optional(percentile, null), "ns per operation, of chunks: their median"),
  p99_9: described(percentile, "the same, of the slowest thousandth of operations"),
  slowest: described(percentile, "ns per operation of the slowest chunk"),
  peakBytes: described(v.nullable(count), "bytes of the 4 KiB pages that the heap wrote"),
  ratioToOurs: described(
    v.nullable(interval),
    "time of this heap over that of `ours`, within rounds; null: not to be told",
  ),
  basis: described(
    v.nullable(v.picklist(RATIO_BASES)),
    "the ratio is of times without what the load costs, or of throughputs with it",
  ),
  note: described(text, "why there is no time or no ratio"),
});

const results = v.object({
  suites: v.array(suite),
  rounds: described(count, "rounds of the first suite"),
  operationsPerSample: described(v.nullable(count), "of the first suite, if it has samples"),
  rows: v.array(row),
  budgets: v.array(
    v.object({
      name: v.string(),
      ratio: estimate,
      limit: positive,
      verdict: v.picklist(["met", "missed", "undecided"]),
    }),
  ),
  findings: v.array(v.object({ suite: v.string(), row: text, message: v.string() })),
  warnings: v.array(
    v.object({
      ...{ kind: v.picklist(WARNING_KINDS), suite: text, row: text },
      message: described(v.string(), "what happened"),
      advice: described(v.string(), "what it means and what to do"),
    }),
  ),
  peers: described(v.optional(v.array(peerRow), []), "with --peers"),
  ours: described(v.optional(text, null), "with --peers: the heap that ratios are to"),
  heaps: v.optional(v.array(v.object({ name: v.string(), about: v.string() })), []),
  missing: described(
    v.optional(v.array(v.object({ heap: v.string(), message: v.string() })), []),
    "heaps that were asked for and are not there",
  ),
  comparison: described(v.nullable(comparison), "with --baseline: A is the baseline, B this run"),
  interrupted: v.boolean(),
});

const parameters = v.object({
  suite: described(v.string(), "names of the suites, with commas"),
  durationMs: positive,
  size: count,
  cpus: v.array(count),
  scale: positive,
  flavours: v.nullable(v.array(v.string())),
  baseline: text,
  failOn: v.array(v.string()),
});

/** The whole document. */
export const benchReportSchema = documentOf("bench", parameters, results);

export type BenchReport = v.InferOutput<typeof benchReportSchema>;

/** What `slablab bench compare --json` prints. */
export const benchCompareSchema = documentOf(
  "bench-compare",
  v.object({ a: v.string(), b: v.string(), failOn: v.array(v.string()) }),
  comparison,
);

/** Results as the document has them. */
export function benchDocument(
  found: BenchResults,
  compared: Comparison | null,
): BenchReport["results"] {
  const [first] = found.suites;
  return {
    suites: found.suites.map((each) => ({ ...each, parameters: [...each.parameters] })),
    rounds: first?.rounds ?? 0,
    operationsPerSample: first?.operationsPerSample ?? null,
    rows: found.rows.map(documentedRow),
    budgets: [...found.budgets],
    findings: [...found.findings],
    warnings: [...found.warnings],
    ...{ peers: [], ours: null, heaps: [], missing: [] },
    comparison: compared === null ? null : comparisonDocument(compared),
    interrupted: found.interrupted,
  };
}

/** Results of --peers as the document has them. */
export function peersDocument(found: PeersResults): BenchReport["results"] {
  const { ours, heaps, missing, rows, warnings, interrupted } = found;
  return {
    ...{ suites: [], rounds: rows[0]?.rounds ?? 0, operationsPerSample: null, rows: [] },
    ...{ budgets: [], findings: [], warnings: [...warnings], comparison: null, interrupted },
    ...{ peers: [...rows], ours, heaps: [...heaps], missing: [...missing] },
  };
}

/** A comparison as a document has it. */
export function comparisonDocument({
  rows,
  failed,
  unjudged,
  notes,
}: Comparison): v.InferOutput<typeof comparison> {
  return { rows: [...rows], failed: [...failed], unjudged: [...unjudged], notes: [...notes] };
}

function documentedRow(from: BenchRow): BenchReport["results"]["rows"][number] {
  const { bars, samples, perCpu } = from;
  return {
    ...from,
    bars: { ...bars, counts: [...bars.counts] },
    samples: [...samples],
    perCpu: [...perCpu],
  };
}

/**
 * A document of `slablab bench` from text.
 *
 * @param what names it in messages, a file for example
 * @throws Error that says what was expected, what came and what to try
 */
export function parseBenchReport(json: string, what: string): BenchReport {
  let document: unknown;
  try {
    document = JSON.parse(json);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${what}: expected a JSON document, got text that is none (${reason}); ${TRY}`);
  }
  const { schema } = Object(document) as { schema?: unknown };
  const wanted = benchReportSchema.entries.schema.literal;
  if (schema !== wanted) {
    const got = typeof schema === "string" ? schema : "none";
    throw new Error(`${what}: expected a document with the schema ${wanted}, got ${got}; ${TRY}`);
  }
  const parsed = v.safeParse(benchReportSchema, document);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const at = v.getDotPath(issue) ?? "the document";
  throw new Error(
    `${what}: expected ${wanted}, got one where ${at} is not: ${issue.message}; ${TRY}`,
  );
}

const TRY = "write one with slablab bench --save NAME or slablab bench --json";
