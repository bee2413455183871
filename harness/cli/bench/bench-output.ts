/** Writes what `slablab bench` found: the result first, which a full disk must not take along. */
import type { Comparison } from "../../measure/bench/bench-compare.js";
import type { BenchResults } from "../../measure/bench/bench-row.js";
import type { Suite } from "../../measure/bench/bench-suites.js";
import { type Environment, describeEnvironment } from "../../measure/common/environment.js";
import { formatFailOn } from "../../measure/bench/fail-on.js";
import { benchDocument } from "../../report/bench/bench-schema.js";
import { createReport, serializeReport } from "../../report/common/json.js";
import { savedFile } from "./bench-files.js";
import type { BenchOptions } from "./bench-options.js";
import { writeOutput } from "../common/output-file.js";
import { printResult } from "../common/result.js";

export interface BenchOutput {
  readonly suites: readonly Suite[];
  readonly options: BenchOptions;
  readonly cpuCounts: readonly number[];
  readonly environment: Environment;
  readonly results: BenchResults;
  readonly comparison: Comparison | null;
}

/** @returns what could not be written; empty: nothing */
export async function writeOutputs(output: BenchOutput): Promise<string[]> {
  const head = describeEnvironment(output.environment, output.options.seed);
  const document = documentOf(output);
  await print(output, document, head);
  return writeFiles(output, document, head);
}

async function print(output: BenchOutput, document: string, head: string): Promise<void> {
  const { results, comparison } = output;
  const { json, markdown, csv } = output.options;
  if (json) printResult(document);
  else if (csv) await writeCsv(results);
  else if (markdown) await writeMarkdown(results, head);
  else {
    const { benchText } = await import("../../report/bench/bench-text.js");
    printResult(benchText(results, comparison, head));
    return;
  }
  // The text has it at its end; beside a table for programs it goes where people look.
  const { failSentence } = await import("../../measure/bench/bench-compare.js");
  const sentence = failSentence(comparison?.failed ?? []);
  if (sentence !== "") console.error(`slablab: ${sentence}`);
}

async function writeFiles(
  { options, results, comparison }: BenchOutput,
  document: string,
  head: string,
): Promise<string[]> {
  const { save, html, quiet } = options;
  const failures: string[] = [];
  const write = async (option: string, file: string, text: string, said: string) => {
    const failure = await writeOutput(option, file, text);
    if (failure !== null) failures.push(failure);
    else if (!quiet) console.error(said);
  };
  if (save !== undefined) {
    const file = savedFile("--save", save);
    await write("--save", file, document, `saved as ${file}`);
  }
  if (html !== undefined) {
    const { benchHtml } = await import("../../report/bench/bench-html.js");
    await write("--html", html, benchHtml(results, comparison, head), `wrote ${html}`);
  }
  return failures;
}

async function writeCsv(results: BenchResults): Promise<void> {
  const { benchCsv } = await import("../../report/bench/bench-flat.js");
  printResult(benchCsv(results));
}

async function writeMarkdown(results: BenchResults, head: string): Promise<void> {
  const { benchMarkdown } = await import("../../report/bench/bench-flat.js");
  printResult(benchMarkdown(results, head));
}

function documentOf(output: BenchOutput): string {
  const { suites, options, cpuCounts, environment, results, comparison } = output;
  const { duration: durationMs, size, scale, flavour, baseline = null, failOn, seed } = options;
  const parameters = {
    suite: suites.map(({ name }) => name).join(","),
    ...{ durationMs, size, cpus: cpuCounts, scale, flavours: flavour ?? null, baseline },
    failOn: failOn.map(formatFailOn),
  };
  const parts = { command: "bench", environment, seed, parameters } as const;
  return serializeReport(createReport({ ...parts, results: benchDocument(results, comparison) }));
}
