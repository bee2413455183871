/** All arms of a stress together. */
import {
  COUNTERS,
  OPERATIONS,
  type OperationCounts,
  type StressCounts,
} from "../../workload/stress/kinds.js";
import type { StressResults } from "../../workload/stress/stress-run.js";

export function totalsOf({ rows }: StressResults): {
  operations: OperationCounts;
  counts: StressCounts;
} {
  return {
    operations: sum(
      OPERATIONS,
      rows.map(({ operations }) => operations),
    ),
    counts: sum(
      COUNTERS,
      rows.map(({ counts }) => counts),
    ),
  };
}

/** How many operations there are in all. */
export function countOf(operations: OperationCounts): number {
  return Object.values(operations).reduce((all, count) => all + count, 0);
}

function sum<Name extends string>(
  names: readonly Name[],
  rows: readonly Record<Name, number>[],
): Record<Name, number> {
  const entries = names.map((name) => [name, rows.reduce((all, row) => all + row[name], 0)]);
  return Object.fromEntries(entries) as Record<Name, number>;
}
