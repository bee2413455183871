/**
 * The published shape of `slablab stress --json`: docs/schema/stress-v1.schema.json is made from
 * it, and a test holds both against each other and against a real document.
 *
 * A key that others rely on keeps its name and meaning within a version.
 */
import * as v from "valibot";
import { OPERATIONS, type OperationName } from "../../workload/stress/kinds.js";
import type { StressResults } from "../../workload/stress/stress-run.js";
import { totalsOf } from "./stress-totals.js";
import { count, described, documentOf } from "../common/schema.js";
import { findingCount, kind, reproduce, setupEntries, stressParameters } from "./setup-schema.js";

const operations = v.object(
  Object.fromEntries(OPERATIONS.map((name) => [name, count])) as Record<
    OperationName,
    typeof count
  >,
);

const counts = v.object({
  objectsChecked: described(count, "objects whose stamp was compared over their whole size"),
  readsChecked: described(count, "published objects that stayed the same in a read-side section"),
  crossFrees: described(count, "objects that another CPU than their first owner freed"),
  handedOver: described(count, "objects that went from one CPU to another"),
  nolockCalls: described(count, "nolock allocations and frees"),
  nolockNull: described(count, "nolock allocations that returned NULL: busy, or out of memory"),
  ordinaryNull: described(count, "ordinary allocations that returned NULL"),
  inIrq: described(count, "operations in an irq"),
  inNmi: described(count, "operations in a simulated NMI"),
  inReadSection: described(count, "operations in a read-side section"),
  destroysRefused: described(count, "caches with objects that refused to be destroyed, as due"),
  pressures: described(count, "times that one CPU took all memory that was left"),
  validations: described(count, "walks over the whole heap that checked every invariant"),
  busyFirst: described(count, "kmalloc_nolock() found the lock of its bucket held"),
  busySecond: described(count, "and that of the next bucket too"),
});

const finding = v.object({
  kind,
  message: v.string(),
  cpu: count,
  operation: described(count, "operations that the CPU had begun"),
  reproduce,
});

const row = v.object({
  ...setupEntries,
  operations,
  ...counts.entries,
  finding: v.nullable(finding),
});

const results = v.object({
  arms: v.array(row),
  total: v.object({ operations, ...counts.entries }),
  findings: findingCount,
  log: described(v.nullable(v.string()), "the file with the last operations of every CPU"),
  interrupted: v.boolean(),
});

/** The whole document. */
export const stressReportSchema = documentOf("stress", stressParameters, results);

export type StressReport = v.InferOutput<typeof stressReportSchema>;

/** Results as the document has them. @param log the file that holds the log, or null */
export function stressResults(found: StressResults, log: string | null): StressReport["results"] {
  const arms = found.rows.map(
    ({ setup, operations: of, counts: counted, finding: what, ...rest }) => {
      const { elapsedMs } = rest;
      const { arm, percpu } = setup;
      return { arm, percpu, elapsedMs, operations: of, ...counted, finding: documented(what) };
    },
  );
  const total = totalsOf(found);
  const findings = arms.filter(({ finding: what }) => what !== null).length;
  const { interrupted } = found;
  return {
    arms,
    total: { operations: total.operations, ...total.counts },
    findings,
    log,
    interrupted,
  };
}

/** Without its log, which is a file. */
function documented(
  what: StressResults["rows"][number]["finding"],
): StressReport["results"]["arms"][number]["finding"] {
  if (what === null) return null;
  const { kind, message, cpu, operation, reproduce } = what;
  return { kind, message, cpu, operation, reproduce };
}
