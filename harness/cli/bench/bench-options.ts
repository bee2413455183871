/** The flags of `slablab bench`, and what they may be. */
import { InvalidArgumentError, Option } from "commander";
import { type FailOn, parseFailOn } from "../../measure/bench/fail-on.js";
import {
  HEAP_CALLS,
  HEAP_STATES,
  type HeapCalls,
  type HeapState,
} from "../../measure/peers/peer-row.js";
import { PEER_NAMES, type PeerName } from "../../workload/peers/other-heap.js";
import { LOAD_FLAVOURS, type LoadFlavour } from "../../workload/loads/definition.js";

export interface BenchOptions {
  readonly duration: number;
  readonly cpus: readonly number[] | undefined;
  readonly scale: number;
  readonly size: number;
  readonly seed: number;
  readonly flavour: readonly LoadFlavour[] | undefined;
  readonly list: boolean;
  readonly json: boolean;
  readonly markdown: boolean;
  readonly csv: boolean;
  readonly html: string | undefined;
  readonly save: string | undefined;
  readonly baseline: string | undefined;
  readonly failOn: readonly FailOn[];
  readonly quiet: boolean;
  readonly snapshot: string | undefined;
  /** Undefined: no peers; `true`: all there are. */
  readonly peers: readonly PeerName[] | true | undefined;
  /** Of peers; undefined: as they are by default. */
  readonly states: readonly HeapState[] | undefined;
  readonly calls: readonly HeapCalls[] | undefined;
}

/** A load a million times as large has no heap to run in. */
const SCALE_MAX = 1e6;
const SCALE_MIN = 1e-3;

export function scaleOption(): Option {
  return new Option("--scale <factor>", "size of a load's working set; 1: as documented")
    .argParser((text) => {
      const scale = /^(\d+(\.\d+)?|\.\d+)$/.test(text.trim()) ? Number(text) : Number.NaN;
      if (scale >= SCALE_MIN && scale <= SCALE_MAX) return scale;
      throw new InvalidArgumentError(
        `expected a number in ${SCALE_MIN}..${SCALE_MAX}, got "${text}"; try 0.5`,
      );
    })
    .default(1);
}

export function flavourOption(): Option {
  const names = LOAD_FLAVOURS.join(",");
  return new Option(
    "--flavour <list>",
    `how loads meet the heap: ${names} (default: all)`,
  ).argParser((text) =>
    text.split(",").map((item) => {
      const flavour = LOAD_FLAVOURS.find((each) => each === item.trim());
      if (flavour !== undefined) return flavour;
      throw new InvalidArgumentError(`expected some of ${names}, got "${item}"; try fused`);
    }),
  );
}

export function peersOption(): Option {
  const names = PEER_NAMES.join(",");
  return new Option(
    "--peers [list]",
    `set loads on heaps of others beside ours: ${names} (default: all of them)`,
  ).argParser((text) =>
    text.split(",").map((item) => {
      const peer = PEER_NAMES.find((each) => each === item.trim());
      if (peer !== undefined) return peer;
      throw new InvalidArgumentError(
        `expected some of ${names}, got "${item}"; to choose loads write the filter first, such ` +
          "as slablab bench larson --peers",
      );
    }),
  );
}

export function statesOption(): Option {
  const about = "of --peers: what was on the heaps before";
  return someOf("--states <list>", about, HEAP_STATES);
}

export function callsOption(): Option {
  const about = "of --peers: who calls malloc and free";
  return someOf("--calls <list>", about, HEAP_CALLS);
}

/** Some of `names`; the first by itself. */
function someOf(flags: string, about: string, names: readonly string[]): Option {
  const all = names.join(",");
  const option = new Option(flags, `${about}, of ${all} (default: ${names[0]})`);
  return option.argParser((text) =>
    text.split(",").map((item) => {
      const found = names.find((each) => each === item.trim());
      if (found !== undefined) return found;
      throw new InvalidArgumentError(`expected some of ${all}, got "${item}"; try ${all}`);
    }),
  );
}

/** May be given several times, and have several limits. */
export function failOnOption(): Option {
  return new Option(
    "--fail-on <limits>",
    "exit with 1 if a row is worse, with 2 if none can be judged; such as p50:5%,mops:10%",
  )
    .argParser((text, before: readonly FailOn[] = []) => {
      try {
        return [...before, ...parseFailOn(text)];
      } catch (error) {
        throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
      }
    })
    .default([], "none");
}
