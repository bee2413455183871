/** `--list` of the commands that have it: text for people, or with `--json` one document. */
import type { ListEntry, ListReport } from "../../report/common/list-schema.js";
import { EXIT, type ExitStatus } from "./exit.js";
import { printResult } from "./result.js";

interface Listing {
  readonly of: ListReport["parameters"]["of"];
  readonly json: boolean;
  readonly seed: number;
  readonly entries: () => readonly ListEntry[];
  /** Ends in a newline. */
  readonly text: () => string;
}

export async function printList({ of, json, seed, entries, text }: Listing): Promise<ExitStatus> {
  if (!json) {
    printResult(text());
    return EXIT.fine;
  }
  const { readEnvironment } = await import("../../measure/common/environment.js");
  const { createReport, serializeReport } = await import("../../report/common/json.js");
  const report = createReport({
    command: "list",
    ...{ environment: readEnvironment(), seed, parameters: { of } },
    results: { entries: entries() },
  });
  printResult(serializeReport(report));
  return EXIT.fine;
}
