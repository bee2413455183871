/**
 * The one JSON document that `--json` prints: the same frame for every command.
 *
 * `schema` names command and version; a field changes its meaning only together with the version.
 * Every `...Ns` value inside `results` is an `Estimate` or null where it does not apply.
 */
import type { Environment } from "../../measure/common/environment.js";

export const REPORT_VERSION = 1;

export interface Report<Command extends string, Parameters, Results> {
  readonly schema: `slablab/${Command}/v1`;
  readonly command: Command;
  readonly environment: Environment;
  readonly seed: number;
  readonly parameters: Parameters;
  readonly results: Results;
}

/** Puts the parts of a report into their frame. */
export function createReport<Command extends string, Parameters, Results>(
  parts: Omit<Report<Command, Parameters, Results>, "schema">,
): Report<Command, Parameters, Results> {
  const { command, environment, seed, parameters, results } = parts;
  const schema = `slablab/${command}/v${REPORT_VERSION}` as const;
  return { schema, command, environment, seed, parameters, results };
}

/**
 * Writes a report as text that ends in a newline.
 *
 * @throws TypeError on a number that JSON cannot hold: it would silently become null, which here
 * means "does not apply".
 */
export function serializeReport(report: Report<string, unknown, unknown>): string {
  const text = JSON.stringify(
    report,
    (key, value: unknown) => {
      if (typeof value === "number" && !Number.isFinite(value)) {
        throw new TypeError(
          `report: expected ${key} to be finite, got ${value}; try null where it does not apply`,
        );
      }
      return value;
    },
    2,
  );
  return `${text}\n`;
}
