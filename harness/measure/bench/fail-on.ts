/**
 * `--fail-on p50:5%`: by how much a row may be worse than it was.
 *
 * Values are compared as they are, and a limit is for the user to choose above the noise of the
 * machine: it is a gate, not a test of significance, which is reported beside it.
 */
import { PERCENTILES, type PercentileName } from "../common/histogram.js";

export type FailMetric = "median" | "mops" | PercentileName;

export interface FailOn {
  readonly metric: FailMetric;
  /** Part by which it may be worse: 0.05 is 5 %. */
  readonly limit: number;
}

/** By what users type: `p99.9` is the key p99_9. */
const METRICS: ReadonlyMap<string, FailMetric> = new Map([
  ...(["median", "mops"] as const).map((name) => [name, name] as const),
  ...Object.entries(PERCENTILES).map(
    ([name, percent]) => [`p${percent}`, name as PercentileName] as const,
  ),
]);

/** What users type for a metric. */
export function metricName(metric: FailMetric): string {
  return [...METRICS].find(([, each]) => each === metric)?.[0] ?? metric;
}

/** Parse `metric:limit%`, or several with commas. @throws Error that says what was expected */
export function parseFailOn(text: string): FailOn[] {
  return text.split(",").map((item) => {
    const [, name = "", percent = ""] = /^([\w.]+):(\d+(?:\.\d+)?)%?$/.exec(item.trim()) ?? [];
    const metric = METRICS.get(name);
    if (metric === undefined) {
      const names = [...METRICS.keys()].join(", ");
      throw new Error(`expected METRIC:PERCENT, METRIC one of ${names}, got "${item}"; try p50:5%`);
    }
    return { metric, limit: Number(percent) / 100 };
  });
}

/** `p50:5%` */
export function formatFailOn({ metric, limit }: FailOn): string {
  return `${metricName(metric)}:${Number((limit * 100).toPrecision(6))}%`;
}
