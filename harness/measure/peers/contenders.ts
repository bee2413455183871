/**
 * The heaps that `slablab bench --peers` sets side by side: those of ours as data, heaps of
 * others, and none. Each has a shared memory of its own and begins as small as it can.
 */
import { JobError } from "../../cpu/job-error.js";
import { createHeap } from "../../heap/heap.js";
import { type WasmFile, compileBuild } from "../../heap/load.js";
import type { HeapOptions } from "../../heap/options.js";
import type { HeapSource } from "../../workload/loads/heaps.js";
import { peerNamed } from "../../workload/peers/peers-catalogue.js";
import type { PeerName } from "../../workload/peers/other-heap.js";
import { inspect, makeMemory } from "../bench/load-run.js";

/** What a heap has for a run. */
export interface Opened {
  readonly source: HeapSource;
  /** What is wrong with it after everything was freed. */
  inspect(): string[];
}

export interface Contender {
  readonly name: string;
  readonly about: string;
  readonly kind: "ours" | "peer" | "null";
  /** 4 KiB pages that its program fills and its heap does not. */
  readonly ownPages: number;
  /** @param bytes what a heap of ours may grow to for the load */
  open(cpus: number, bytes: number): Promise<Opened>;
}

interface OwnHeap {
  readonly name: string;
  readonly about: string;
  readonly build: WasmFile;
  readonly options: HeapOptions;
}

/** Heaps of ours: the last one is what the others' ratios are to. */
export const OWN_HEAPS: readonly OwnHeap[] = [
  { name: "slab", about: "ours, with slabs of each CPU", build: "release", options: {} },
  {
    ...{ name: "sheaf", about: "ours, with sheaves", build: "sheaf" },
    options: { percpu: "sheaf" },
  },
];

export const NULL_HEAP = "null";

export async function ownContender(own: OwnHeap): Promise<Contender> {
  const { name, about, build, options } = own;
  const module = await compileBuild(build);
  return {
    ...{ name, about, kind: "ours", ownPages: 0 },
    async open(cpus, maximumBytes) {
      const heap = await createHeap({ ...options, module, cpus, maximumBytes });
      const source = { flavour: "imports", handle: heap.handle, memory: null } as const;
      return { source, inspect: () => inspect(heap) };
    },
  };
}

export function peerContender(name: PeerName, module: WebAssembly.Module): Contender {
  const peer = peerNamed(name);
  return {
    ...{ name, about: peer.about, kind: "peer", ownPages: peer.ownPages(module) },
    async open(cpus) {
      try {
        const handle = peer.open(module, cpus);
        const source = { flavour: "imports", handle: null, peer: handle, memory: null } as const;
        return { source, inspect: () => [] };
      } catch (error) {
        // Somebody else's program, which may trap: a run without it goes on.
        throw new JobError(null, `${name} cannot be opened: ${String(error)}`);
      }
    },
  };
}

/** No heap: every allocation is the same block, so what is left is what the load costs. */
export function nullContender(): Contender {
  return {
    ...{ name: NULL_HEAP, about: "no heap at all", kind: "null", ownPages: 0 },
    async open(_cpus, bytes) {
      const source = { flavour: "null", handle: null, memory: makeMemory(bytes) } as const;
      return { source, inspect: () => [] };
    },
  };
}
