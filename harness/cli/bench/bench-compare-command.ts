/** `slablab bench compare A.json B.json`: what changed from one run to another. */
import type { Command } from "commander";
import type { CompareSide } from "../../measure/bench/bench-compare.js";
import type { FailOn } from "../../measure/bench/fail-on.js";
import type { BenchReport } from "../../report/bench/bench-schema.js";
import { failOnOption } from "./bench-options.js";
import { gateStatus } from "./bench-gate.js";
import type { ExitStatus } from "../common/exit.js";
import { jsonOption, seedOption } from "../common/common-options.js";
import { printResult } from "../common/result.js";

interface CompareOptions {
  readonly failOn: readonly FailOn[];
  readonly seed: number;
  readonly json: boolean;
}

export function registerCompare(bench: Command): void {
  bench
    .command("compare")
    .description("compare two documents of slablab bench --json or --save")
    .argument("<before>", "the file A")
    .argument("<after>", "the file B")
    .addOption(failOnOption())
    .addOption(seedOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExample:\n  slablab bench compare before.json after.json --fail-on median:5%",
    )
    .action(async (before: string, after: string, options: CompareOptions) => {
      process.exitCode = await compare(before, after, options);
    });
}

async function compare(
  before: string,
  after: string,
  { failOn, seed, json }: CompareOptions,
): Promise<ExitStatus> {
  const { readBench } = await import("./bench-files.js");
  const advice = "write one with slablab bench --json";
  const a = await readBench("bench compare", before, advice);
  const b = await readBench("bench compare", after, advice);
  const { compareBenches } = await import("../../measure/bench/bench-compare.js");
  const comparison = compareBenches(sideOf(a), sideOf(b), { seed, failOn });
  if (json) {
    const { comparisonDocument } = await import("../../report/bench/bench-schema.js");
    const { createReport, serializeReport } = await import("../../report/common/json.js");
    const { readEnvironment } = await import("../../measure/common/environment.js");
    const { formatFailOn } = await import("../../measure/bench/fail-on.js");
    const parameters = { a: before, b: after, failOn: failOn.map(formatFailOn) };
    const parts = { command: "bench-compare", seed, parameters } as const;
    const results = comparisonDocument(comparison);
    const environment = readEnvironment();
    printResult(serializeReport(createReport({ ...parts, environment, results })));
  } else {
    const { compareTables } = await import("../../report/bench/bench-compare-text.js");
    const head = `A: ${before}\nB: ${after}\n\n`;
    printResult(`${head}${compareTables(comparison)}\n`);
  }
  return gateStatus(comparison);
}

function sideOf({ environment, parameters, results }: BenchReport): CompareSide {
  return { environment, parameters, rows: results.rows };
}
