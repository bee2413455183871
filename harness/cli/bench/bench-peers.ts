/** `slablab bench [filter] --peers`: loads on ours and on heaps of others, side by side. */
import { availableParallelism } from "node:os";
import type { LoadDefinition } from "../../workload/loads/definition.js";
import type { Contender } from "../../measure/peers/contenders.js";
import type { MissingPeer, PeersResults } from "../../measure/peers/peer-row.js";
import { PEER_NAMES, type PeerName } from "../../workload/peers/other-heap.js";
import type { BenchOptions } from "./bench-options.js";
import { EXIT, type ExitStatus, UsageError } from "../common/exit.js";
import { createProgress } from "../common/progress.js";
import { printResult } from "../common/result.js";

/** What runs without a filter. */
const DEFAULTS = [
  ...["larson", "malloc-multithreading", "sh6bench", "sh8bench", "glibc-thread"],
  ...["alloc-test", "xmalloc-test"],
];
const PROGRESS_STEPS = 1000;

export async function benchPeers(
  filter: string | undefined,
  options: BenchOptions,
  signal: AbortSignal,
): Promise<ExitStatus> {
  const loads = await selectLoads(filter);
  const { peers } = options;
  const wanted = peers === undefined || peers === true ? PEER_NAMES : peers;
  const { contenders, missing, ours } = await gather(wanted, options);
  const { readEnvironment, describeEnvironment } = await import(
    "../../measure/common/environment.js"
  );
  const environment = readEnvironment();
  const { runPeers } = await import("../../measure/peers/peers-run.js");
  const { seed, scale, states, duration: durationMs } = options;
  const cpuCounts = options.cpus ?? [1, Math.min(2, availableParallelism())];
  const progress = createProgress(options);
  const bar = progress.bar("bench --peers", loads.length * PROGRESS_STEPS);
  let results: PeersResults;
  try {
    const found = await runPeers({
      ...{ loads, contenders, ours, cpuCounts, states, durationMs, scale, seed, signal },
      onProgress: (load, share) => {
        bar.update(Math.round((loads.indexOf(load) + share) * PROGRESS_STEPS), load.name);
      },
    });
    const heaps = contenders.map(({ name, about }) => ({ name, about }));
    results = { ours, heaps, missing, ...found };
  } finally {
    progress.stop();
  }
  const { peersText } = await import("../../report/bench/peers-text.js");
  printResult(peersText(results, describeEnvironment(environment, seed)));
  return EXIT.fine;
}

async function selectLoads(filter: string | undefined): Promise<LoadDefinition[]> {
  const { allSuites, matchSuites } = await import("../../measure/bench/bench-suites.js");
  const { isForPeers } = await import("../../measure/peers/peers-run.js");
  const suites = allSuites();
  const matching =
    filter === undefined
      ? suites.filter(({ name }) => DEFAULTS.includes(name))
      : matchSuites(suites, filter);
  const loads = matching.flatMap((suite) =>
    suite.kind === "load" && isForPeers(suite.load) ? [suite.load] : [],
  );
  if (loads.length > 0) return loads;
  throw new UsageError(
    `bench --peers: expected part of the name of a load that calls malloc and free alone, got ` +
      `${filter}; try slablab bench larson --peers`,
  );
}

interface Gathered {
  readonly contenders: Contender[];
  readonly missing: MissingPeer[];
  readonly ours: string;
}

async function gather(wanted: readonly PeerName[], options: BenchOptions): Promise<Gathered> {
  const { OWN_FLAVOURS, nullContender, ownContender, peerContender } = await import(
    "../../measure/peers/contenders.js"
  );
  const contenders: Contender[] = [];
  for (const flavour of OWN_FLAVOURS) contenders.push(await ownContender(flavour));
  const ours = contenders.at(-1)?.name ?? "";
  const missing: MissingPeer[] = [];
  for (const name of wanted) {
    const module = await moduleOf(name, options);
    if (typeof module === "string") missing.push({ heap: name, message: module });
    else contenders.push(peerContender(name, module));
  }
  contenders.push(nullContender());
  return { contenders, missing, ours };
}

/** @returns what is missing and how to get it, if it cannot be had */
async function moduleOf(
  name: PeerName,
  { quiet }: BenchOptions,
): Promise<WebAssembly.Module | string> {
  const { PEER_PACKAGES } = await import("../../heap/peer-packages.js");
  const { fetchCommand, fetchPeer, readPeer } = await import("./fetch-peers.js");
  if (name === "tlsf") return "not there yet";
  const from = PEER_PACKAGES[name];
  try {
    const there = await readPeer(from);
    if (there !== null) return WebAssembly.compile(there as BufferSource);
    const mb = (from.bytes / 1e6).toFixed(1);
    if (!quiet) console.error(`fetching ${from.name} ${from.version} (${mb} MB) with npm, once`);
    await fetchPeer(from);
    const fetched = await readPeer(from);
    if (fetched !== null) return WebAssembly.compile(fetched as BufferSource);
    return `npm brought no ${from.name} ${from.version}; try ${fetchCommand(from)}`;
  } catch (error) {
    const said = error instanceof Error ? error.message.trim() : String(error);
    return `${from.name} ${from.version} is missing: ${said}; try ${fetchCommand(from)}`;
  }
}
