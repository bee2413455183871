/**
 * `slablab slabinfo`: the kernel's tools/mm/slabinfo, its flags and layouts, on a heap of ours.
 */
import { Argument, type Command, InvalidArgumentError, Option } from "commander";
import type { Finding } from "../../heap/validate/invariants.js";
import type { SlabCache } from "../../report/slabinfo/slabinfo-caches.js";
import type { SortKey } from "../../report/slabinfo/slabinfo-lines.js";
import type { SlabinfoOutcome } from "../../report/slabinfo/slabinfo-schema.js";
import type { SlabinfoLayout } from "../../report/slabinfo/slabinfo-text.js";
import { EXIT, type ExitStatus, UsageError } from "../common/exit.js";
import {
  DEFAULT_LOAD,
  DEFAULT_OPS,
  type SourceOptions,
  loadOption,
  loadOpsOption,
  readSnapshotOption,
  saveSnapshotOption,
} from "../common/heap-source-options.js";
import { jsonOption, parseInteger, percpuOption, seedOption } from "../common/common-options.js";
import { checkWritable, statusWith } from "../common/output-file.js";
import { printResult } from "../common/result.js";

interface SlabinfoOptions extends SourceOptions {
  readonly aliases: boolean;
  readonly activity: boolean;
  readonly displayActive: boolean;
  readonly report: boolean;
  // As in the kernel's tool, which has long options in both cases.
  readonly Size: boolean;
  readonly Loss: boolean;
  readonly Totals: boolean;
  readonly Xtotals: boolean;
  readonly Bytes: boolean;
  readonly lines: number | undefined;
  readonly validate: boolean;
  readonly shrink: boolean;
  readonly zero: boolean;
  readonly saveSnapshot: string | undefined;
  readonly json: boolean;
}

export function register(program: Command): void {
  program
    .command("slabinfo")
    .description("the caches of a heap, as the kernel's slabinfo shows them")
    .addArgument(patternArgument())
    .option("-a, --aliases", "show aliases", false)
    .option("-A, --activity", "most active caches first", false)
    .option("-D, --display-active", "show allocations and frees", false)
    .option("-r, --report", "report in detail on each cache", false)
    .option("-S, --Size", "sort by size", false)
    .option("-L, --Loss", "sort by loss, and show it", false)
    .option("-T, --Totals", "show a summary", false)
    .option("-X, --Xtotals", "show an extended summary", false)
    .option("-B, --Bytes", "show sizes in bytes", false)
    .addOption(linesOption())
    .option("-v, --validate", "check every invariant of the heap", false)
    .option("-s, --shrink", "shrink the caches, then show them", false)
    .option("-z, --zero", "show caches without slabs, too", false)
    .addOption(loadOption())
    .addOption(loadOpsOption())
    .addOption(readSnapshotOption())
    .addOption(saveSnapshotOption())
    .addOption(percpuOption("sheaf").conflicts("snapshot"))
    .addOption(seedOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (pattern: RegExp | undefined, options: SlabinfoOptions) => {
      process.exitCode = await slabinfo(pattern, options);
    });
}

const HELP = `
Columns: Space is what the slabs take; Slabs/Part/Cpu are slabs that no CPU keeps, those on partial
lists, and those that CPUs keep; O/S objects per slab; O the order; %Fr the share of slabs on
partial lists; %Ef the share of the space that is in objects.
Flg: A cache lines, P poison, Z red zones, F sanity checks, U users, T trace.

Examples:
  slablab slabinfo -S
  slablab slabinfo -r kmalloc-64
  slablab slabinfo --save-snapshot heap.snapshot && slablab slabinfo -X --snapshot heap.snapshot`;

function patternArgument(): Argument {
  return new Argument(
    "[pattern]",
    "a regular expression that the whole name of a cache matches",
  ).argParser((text) => {
    try {
      return new RegExp(`^(?:${text})$`);
    } catch {
      throw new InvalidArgumentError(
        `expected a regular expression, got "${text}"; try "kmalloc-.*"`,
      );
    }
  });
}

function linesOption(): Option {
  return new Option("-N, --lines <n>", "show the first n caches").argParser((text) =>
    parseInteger(text, { min: 1, max: 65_536, example: "10" }),
  );
}

async function slabinfo(
  pattern: RegExp | undefined,
  options: SlabinfoOptions,
): Promise<ExitStatus> {
  if (options.shrink && options.snapshot !== undefined) {
    throw new UsageError(
      "-s: expected a live heap, got a snapshot, which cannot change; leave --snapshot or -s out",
    );
  }
  const { saveSnapshot: file } = options;
  if (file !== undefined) await checkWritable("--save-snapshot", file, "heap.snapshot");
  const { openSource, saveSnapshot } = await import("../common/heap-source.js");
  const { readSlabCaches } = await import("../../report/slabinfo/slabinfo-caches.js");
  const { sortCaches } = await import("../../report/slabinfo/slabinfo-lines.js");
  const { validate } = await import("../../heap/validate.js");
  const source = await openSource(options);
  const shrunk = options.shrink ? (source.load?.shrink() ?? 0) : null;
  const findings = options.validate ? validate(source.view) : null;
  const counts = source.view.table.build.counts;
  const all = readSlabCaches(source.view);
  const caches = sortCaches(select(all, pattern), sortOf(options));
  const status = findings !== null && findings.length > 0 ? EXIT.finding : EXIT.fine;
  await print({ caches, counts, shrunk, findings }, all.length, options);
  if (file === undefined) return status;
  return statusWith(status, [await saveSnapshot("--save-snapshot", file, source)]);
}

async function print(
  outcome: SlabinfoOutcome,
  cacheCount: number,
  options: SlabinfoOptions,
): Promise<void> {
  if (options.json) return printJson(outcome, options);
  const { caches, counts, shrunk, findings } = outcome;
  if (shrunk !== null) console.error(`slabs given back: ${shrunk}`);
  if (!counts && (options.displayActive || options.activity || options.report)) {
    console.error("the build of this heap does not count fast paths: they read as 0");
  }
  if (findings !== null) {
    printResult(validateText(findings, cacheCount));
    if (!asksForPage(options)) return;
  }
  const { slabinfoText } = await import("../../report/slabinfo/slabinfo-text.js");
  printResult(slabinfoText(caches, layoutOf(options)));
}

function select(caches: readonly SlabCache[], pattern: RegExp | undefined): readonly SlabCache[] {
  if (pattern === undefined) return caches;
  const chosen = caches.filter(({ name }) => pattern.test(name));
  if (chosen.length > 0) return chosen;
  const names = caches.map(({ name }) => name).join(", ");
  throw new UsageError(
    `pattern: expected one that matches a whole name of ${names}; try kmalloc-.*`,
  );
}

/** -v alone prints its verdict alone. */
function asksForPage(options: SlabinfoOptions): boolean {
  const isPlain = pageOf(options) === "lines" && sortOf(options) === "name";
  return !isPlain || options.displayActive || options.shrink;
}

function layoutOf(options: SlabinfoOptions): SlabinfoLayout {
  return {
    page: pageOf(options),
    sort: sortOf(options),
    activity: options.displayActive,
    zero: options.zero,
    asBytes: options.Bytes,
    lines: options.lines ?? null,
  };
}

function pageOf({ aliases, report, Totals, Xtotals }: SlabinfoOptions): SlabinfoLayout["page"] {
  if (Xtotals) return "xtotals";
  if (Totals) return "totals";
  if (aliases) return "aliases";
  return report ? "report" : "lines";
}

function sortOf({ Size, Loss, activity }: SlabinfoOptions): SortKey {
  if (Size) return "size";
  if (activity) return "activity";
  return Loss ? "loss" : "name";
}

function validateText(findings: readonly Finding[], caches: number): string {
  if (findings.length === 0) return `${caches} caches validated: no finding\n`;
  const lines = findings.map(
    ({ invariant, where, message }) => `${invariant}: ${where}: ${message}`,
  );
  return `${[...lines, `${caches} caches validated: ${findings.length} findings`].join("\n")}\n`;
}

async function printJson(outcome: SlabinfoOutcome, options: SlabinfoOptions): Promise<void> {
  const { readEnvironment } = await import("../../measure/common/environment.js");
  const { createReport, serializeReport } = await import("../../report/common/json.js");
  const { slabinfoResults } = await import("../../report/slabinfo/slabinfo-schema.js");
  const isRun = options.snapshot === undefined;
  const report = createReport({
    command: "slabinfo",
    environment: readEnvironment(),
    seed: options.seed,
    parameters: {
      load: isRun ? (options.load ?? DEFAULT_LOAD) : null,
      operations: isRun ? (options.ops ?? DEFAULT_OPS) : null,
      percpu: isRun ? options.percpu : null,
      snapshot: options.snapshot ?? null,
    },
    results: slabinfoResults(outcome),
  });
  printResult(serializeReport(report));
}
