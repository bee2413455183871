/** `slablab bench [filter] --peers`: loads on ours and on heaps of others, side by side. */
import { availableParallelism } from "node:os";
import type { Suite } from "../../measure/bench/bench-suites.js";
import type { Environment } from "../../measure/common/environment.js";
import type { Contender } from "../../measure/peers/contenders.js";
import type { MissingPeer, PeersResults } from "../../measure/peers/peer-row.js";
import type { LoadDefinition } from "../../workload/loads/definition.js";
import { PEER_NAMES } from "../../workload/peers/other-heap.js";
import { prepareSave, savedFile } from "./bench-files.js";
import type { BenchOptions } from "./bench-options.js";
import { EXIT, type ExitStatus, UsageError } from "../common/exit.js";
import { checkCopy, statusWith, writeOutput } from "../common/output-file.js";
import { createProgress } from "../common/progress.js";
import { printResult } from "../common/result.js";
import { findPeer } from "./fetch-peers.js";

/** What runs without a filter: with the default duration, two minutes. */
const DEFAULTS = [
  ...["larson", "malloc-multithreading", "sh6bench", "sh8bench", "glibc-thread"],
  ...["alloc-test", "xmalloc-test", "rptest", "mstress"],
];
/** Without --cpus: more say little about a heap that the second does not. */
const CPUS = 2;
const PROGRESS_STEPS = 1000;

type LoadSuite = Suite & { readonly kind: "load" };

export async function benchPeers(
  filter: string | undefined,
  options: BenchOptions,
  signal: AbortSignal,
): Promise<ExitStatus> {
  const { html, save, quiet, json } = options;
  const { cpus = [1, Math.min(CPUS, availableParallelism())] } = options;
  const cpuCounts = [...new Set(cpus)].sort((a, b) => a - b);
  const suites = await selectLoads(filter);
  const { checkSizes } = await import("./bench-sizes.js");
  await checkSizes(suites, options, cpuCounts);
  const loads = suites.map(({ load }) => load);
  if (html !== undefined) await checkCopy("--html", html, "peers.html");
  if (save !== undefined) await prepareSave(savedFile("--save", save));
  const gathered = await gather(options);
  if (!quiet && !json) announce(loads, gathered, cpuCounts, options);
  const { readEnvironment } = await import("../../measure/common/environment.js");
  const environment = readEnvironment();
  const results = await measure(loads, cpuCounts, gathered, options, environment, signal);
  const failures = await writeAll(results, loads, cpuCounts, options, environment);
  const own = new Set(
    gathered.contenders.flatMap(({ kind, name }) => (kind === "ours" ? name : [])),
  );
  const isSound = results.rows.every(({ heap, nsPerOp }) => !own.has(heap) || nsPerOp !== null);
  return statusWith(isSound || signal.aborted ? EXIT.fine : EXIT.finding, failures);
}

async function selectLoads(filter: string | undefined): Promise<LoadSuite[]> {
  const { allSuites, closestName, matchSuites } = await import(
    "../../measure/bench/bench-suites.js"
  );
  const { isForPeers } = await import("../../measure/peers/peers-run.js");
  const suites = allSuites();
  const chosen = suites.filter(({ name }) => DEFAULTS.includes(name));
  const matching = filter === undefined ? chosen : matchSuites(suites, filter);
  const loads = matching.flatMap((suite) =>
    suite.kind === "load" && isForPeers(suite.load) ? [suite] : [],
  );
  if (loads.length > 0) return loads;
  const names = suites.flatMap((suite) =>
    suite.kind === "load" && isForPeers(suite.load) ? [suite.name] : [],
  );
  const close = closestName(names, filter ?? "");
  const advice = close === null ? "try slablab bench larson --peers" : `did you mean ${close}?`;
  throw new UsageError(
    "bench --peers: expected part of the name of a load that calls malloc and free alone, got " +
      `${filter}; ${advice}`,
  );
}

interface Gathered {
  readonly contenders: readonly Contender[];
  readonly missing: readonly MissingPeer[];
  /** The heap that ratios are to. */
  readonly ours: string;
}

async function gather({ peers, quiet }: BenchOptions): Promise<Gathered> {
  const { OWN_HEAPS, nullContender, ownContender, peerContender } = await import(
    "../../measure/peers/contenders.js"
  );
  const contenders: Contender[] = [];
  for (const own of OWN_HEAPS) contenders.push(await ownContender(own));
  const ours = contenders.at(-1)?.name ?? "";
  const missing: MissingPeer[] = [];
  for (const name of peers === undefined || peers === true ? PEER_NAMES : peers) {
    const found = await findPeer(name, (text) => quiet || console.error(text));
    if (typeof found === "string") missing.push({ heap: name, message: found });
    else contenders.push(peerContender(name, found));
  }
  contenders.push(nullContender());
  return { contenders, missing, ours };
}

function announce(
  loads: readonly LoadDefinition[],
  { contenders }: Gathered,
  cpuCounts: readonly number[],
  { duration, states = ["fresh"], calls = ["wasm"] }: BenchOptions,
): void {
  const names = contenders.map(({ name }) => name).join(", ");
  const heaps = contenders.length * cpuCounts.length * calls.length;
  const setupMs = heaps * (states.length * SETUP_MS + (states.includes("aged") ? AGEING_MS : 0));
  const seconds = Math.ceil((loads.length * (duration + setupMs)) / 1000);
  console.error(`measuring ${loads.length} loads on ${names}: about ${seconds} s`);
}

/** What a heap under a load takes beside its windows: memory, stamps, warming up. */
const SETUP_MS = 600;
/** And one that is aged before. */
const AGEING_MS = 400;

async function measure(
  loads: readonly LoadDefinition[],
  cpuCounts: readonly number[],
  { contenders, missing, ours }: Gathered,
  options: BenchOptions,
  { cpu, loadAverage, timerResolutionNs }: Environment,
  signal: AbortSignal,
): Promise<PeersResults> {
  const { runPeers } = await import("../../measure/peers/peers-run.js");
  const { machineWarnings } = await import("../../measure/bench/bench-warnings.js");
  const machine = { cores: cpu.cores, loadAverage, timerResolutionNs };
  const warnings = machineWarnings(machine, cpuCounts);
  const { seed, scale, states = ["fresh"], calls = ["wasm"], duration: durationMs } = options;
  const progress = createProgress(options);
  const bar = progress.bar("bench --peers", loads.length * PROGRESS_STEPS);
  try {
    const found = await runPeers({
      ...{ loads, contenders, ours, cpuCounts, states, calls, durationMs, scale, seed, signal },
      onProgress: (load, share) => {
        bar.update(Math.round((loads.indexOf(load) + share) * PROGRESS_STEPS), load.name);
      },
    });
    const heaps = contenders.map(({ name, about }) => ({ name, about }));
    return { ours, heaps, missing, warnings, ...found };
  } finally {
    progress.stop();
  }
}

/** @returns what could not be written; empty: nothing */
async function writeAll(
  results: PeersResults,
  loads: readonly LoadDefinition[],
  cpuCounts: readonly number[],
  options: BenchOptions,
  environment: Environment,
): Promise<string[]> {
  const { describeEnvironment } = await import("../../measure/common/environment.js");
  const { peersDocument } = await import("../../report/bench/bench-schema.js");
  const { createReport, serializeReport } = await import("../../report/common/json.js");
  const { seed, duration: durationMs, size, scale, json, html, save, quiet } = options;
  const head = describeEnvironment(environment, seed);
  const parameters = {
    suite: loads.map(({ name }) => name).join(","),
    ...{ durationMs, size, cpus: cpuCounts, scale, flavours: null, baseline: null, failOn: [] },
  };
  const parts = { command: "bench", environment, seed, parameters } as const;
  const document = serializeReport(createReport({ ...parts, results: peersDocument(results) }));
  if (json) printResult(document);
  else {
    const { peersText } = await import("../../report/bench/peers-text.js");
    printResult(peersText(results, head));
  }
  const files: [option: string, file: string, text: string][] = [];
  if (save !== undefined) files.push(["--save", savedFile("--save", save), document]);
  if (html !== undefined) {
    const { peersHtml } = await import("../../report/bench/peers-html.js");
    files.push(["--html", html, peersHtml(results, head)]);
  }
  const failures: string[] = [];
  for (const [option, file, text] of files) {
    const failure = await writeOutput(option, file, text);
    if (failure !== null) failures.push(failure);
    else if (!quiet) console.error(`wrote ${file}`);
  }
  return failures;
}
