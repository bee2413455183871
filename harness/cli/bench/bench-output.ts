/** Writes what `slablab bench` found: files first, so that a closed pipe loses none of them. */
import type { Comparison } from "../../measure/bench/bench-compare.js";
import type { BenchResults } from "../../measure/bench/bench-row.js";
import type { Suite } from "../../measure/bench/bench-suites.js";
import { type Environment, describeEnvironment } from "../../measure/common/environment.js";
import { formatFailOn } from "../../measure/bench/fail-on.js";
import { benchDocument } from "../../report/bench/bench-schema.js";
import { createReport, serializeReport } from "../../report/common/json.js";
import { savedFile, writeText } from "./bench-files.js";
import type { BenchOptions } from "./bench-options.js";

export interface BenchOutput {
  readonly suites: readonly Suite[];
  readonly options: BenchOptions;
  readonly cpuCounts: readonly number[];
  readonly environment: Environment;
  readonly results: BenchResults;
  readonly comparison: Comparison | null;
}

export async function writeOutputs(output: BenchOutput): Promise<void> {
  const { options, environment, results, comparison } = output;
  const { save, html, json, markdown, csv, seed } = options;
  const head = describeEnvironment(environment, seed);
  const document = documentOf(output);
  if (save !== undefined) {
    const file = savedFile("--save", save);
    await writeText(file, document);
    if (!options.quiet) console.error(`saved as ${file}`);
  }
  if (html !== undefined) {
    const { benchHtml } = await import("../../report/bench/bench-html.js");
    await writeText(html, benchHtml(results, comparison, head));
    if (!options.quiet) console.error(`wrote ${html}`);
  }
  if (json) process.stdout.write(document);
  else if (csv) await writeCsv(results);
  else if (markdown) await writeMarkdown(results, head);
  else {
    const { benchText } = await import("../../report/bench/bench-text.js");
    process.stdout.write(benchText(results, comparison, head));
    return;
  }
  // The text has it at its end; beside a table for programs it goes where people look.
  const { failSentence } = await import("../../measure/bench/bench-compare.js");
  const sentence = failSentence(comparison?.failed ?? []);
  if (sentence !== "") console.error(`slablab: ${sentence}`);
}

async function writeCsv(results: BenchResults): Promise<void> {
  const { benchCsv } = await import("../../report/bench/bench-flat.js");
  process.stdout.write(benchCsv(results));
}

async function writeMarkdown(results: BenchResults, head: string): Promise<void> {
  const { benchMarkdown } = await import("../../report/bench/bench-flat.js");
  process.stdout.write(benchMarkdown(results, head));
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
